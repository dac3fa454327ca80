"""REST v1 from Python. Every call is safe to repeat: what makes something carries an Idempotency-Key."""

import base64
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]
TRIES = 5
BUSY = (429, 502, 503, 504)


class Refused(Exception):
    """The server said no; the message is its own, `status` the HTTP status, `errors` by field where it names fields."""

    def __init__(self, status: int, message: str, errors: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors


class Unreachable(Exception):
    """No answer after several tries, or one that is none of this API's."""


class Visavis:
    """A server and a token. Use it as a context manager, or call `close`.

    Calls raise Refused when the server says no, Unreachable when it does not answer after 5 tries (2 + 4 + 8 + 16 s).
    """

    def __init__(self, url: str, token: str, timeout: float = 30, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1/",
            headers={"Authorization": f"Bearer {token}", "User-Agent": "visavis-client/0.1"},
            timeout=timeout,
            transport=transport,
        )

    def __enter__(self) -> "Visavis":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def me(self) -> Json:
        """Whose token this is, and what it opens."""
        return self._json("GET", "me/")

    def contenders(self) -> Iterator[Json]:
        return self._pages("contenders/")

    def prompt_sets(self) -> Iterator[Json]:
        return self._pages("prompt-sets/")

    def comparisons(self) -> Iterator[Json]:
        return self._pages("comparisons/")

    def call(self, method: str, address: str, body: Json | None = None) -> Json:
        """Any address of docs/api.md, after /api/v1/; a list's by `pages`."""
        return self._json(method, address, body)

    def pages(self, address: str, **query: Any) -> Iterator[Json]:
        """Everything in a list, however many pages it has."""
        return self._pages(f"{address}?{httpx.QueryParams(query)}" if query else address)

    def push_prompts(self, name: str, prompts: Sequence[str | Json], project: str = "") -> Json:
        """Store a prompt set (texts, or objects with `text` and perhaps `key`, `tags` and `image`, the sha256 of one
        that is stored) in a project by its code, needed where there are several; the same again is found."""
        body: Json = {"name": name, "prompts": [{"text": each} if isinstance(each, str) else each for each in prompts]}
        return self._json("POST", "prompt-sets/", body | ({"project": project} if project else {}))

    def alike(self, prompt_set: int, patience: float = 3600, every: float = 2) -> list[Json]:
        """Pairs of prompts that say the same in whichever languages, once a worker has looked.

        Raises Refused (409) without an encoder or where it cannot be used, TimeoutError.
        """
        address, deadline = f"prompt-sets/{prompt_set}/alike/", time.monotonic() + patience
        if self._json("GET", address)["state"] in ("unasked", "problem"):
            self._json("POST", address, {})
        while (found := self._json("GET", address))["state"] == "asked":
            if time.monotonic() > deadline:
                raise TimeoutError("no worker has looked at the prompts yet: is one running?")
            time.sleep(every)
        if found["state"] != "found":
            raise Refused(409, found["problem"] or "nothing was found out: ask again")
        pairs: list[Json] = found["pairs"]
        return pairs

    def sample(self, prompt_set: int, count: int, name: str = "", patience: float = 600, every: float = 1) -> Json:
        """A smaller prompt set with an even share of every kind, once a worker has drawn it.

        Raises Refused (409) where none can be drawn, TimeoutError.
        """
        address, deadline = f"prompt-sets/{prompt_set}/sample/", time.monotonic() + patience
        self._json("POST", address, {"count": count, "name": name})
        while (found := self._json("GET", address))["state"] == "asked":
            if time.monotonic() > deadline:
                raise TimeoutError("no worker has drawn the sample yet: is one running?")
            time.sleep(every)
        if found["state"] != "drawn":
            raise Refused(409, found["problem"] or "another sample was asked for meanwhile")
        return found

    def push_images(self, paths: Sequence[Path], patience: float = 3600, project: str = "") -> list[str]:
        """Send images that prompts name: their sha256, once all are checked and stored.

        Raises Refused (409) for one that cannot be used, TimeoutError.
        """
        headers = {"Content-Type": "application/octet-stream"}
        there = {"project": project} if project else {}
        sent = [self._json("PUT", "images/", path.read_bytes(), headers=headers, params=there) for path in paths]
        stored = self.wait_until_stored(sent, patience, at="images")
        for path, each in zip(paths, stored, strict=True):
            if each["state"] == "refused":
                raise Refused(409, f"{path}: {each['reason']}")
        return [each["sha256"] for each in stored]

    def prompt_set(self, number: int) -> Json:
        """One set, with its prompts."""
        return self._json("GET", f"prompt-sets/{number}/")

    def push_clip(self, path: Path, contender: str, prompt_set: int, prompt: str, seed: int = 0) -> Json:
        """Send a finished clip; it waits to be checked and stored. The same file for the same place is one upload."""
        place: dict[str, str | int] = {"contender": contender, "prompt": prompt, "seed": seed}
        headers = {"Content-Type": "application/octet-stream"}
        return self._json("PUT", f"prompt-sets/{prompt_set}/clips/", path.read_bytes(), params=place, headers=headers)

    def wait_until_stored(
        self, uploads: Sequence[Json], patience: float = 3600, every: float = 1, at: str = "uploads"
    ) -> list[Json]:
        """The uploads (or images) once each is stored or refused. Raises TimeoutError."""
        deadline, found = time.monotonic() + patience, list(uploads)
        while waiting := [place for place, each in enumerate(found) if each["state"] == "waiting"]:
            for place in waiting:
                found[place] = self._json("GET", f"{at}/{found[place]['code']}/")
            if found[waiting[-1]]["state"] == "waiting":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(waiting)} files are not stored yet: is a worker running?")
                time.sleep(every)
        return found

    def compare(self, name: str, contenders: Sequence[str], prompt_set: int, **plan: Any) -> Json:
        """A comparison, launched unless `launch=False`; `plan` may hold seeds, overlap, aspects, instructions."""
        body = {"name": name, "contenders": list(contenders), "prompt_set": prompt_set, **plan}
        return self._json("POST", "comparisons/", body)

    def comparison(self, code: str) -> Json:
        return self._json("GET", f"comparisons/{code}/")

    def find(self, name_or_code: str) -> Json:
        """By code or exact name. Raises Refused (404)."""
        try:
            return self.comparison(str(uuid.UUID(name_or_code)))
        except ValueError:
            pass
        for each in self.comparisons():
            if each["name"] == name_or_code:
                return self.comparison(each["code"])
        raise Refused(404, f"no comparison has the name or code {name_or_code!r}")

    def tell(self, code: str, verb: str, **options: Any) -> Json:
        """launch, open (`leave_out_missing=True`), pause, close or retry."""
        return self._json("POST", f"comparisons/{code}/{verb}/", options)

    def rendering(self, code: str, verb: str) -> int:
        """cancel, hold or release what is still to be rendered; how many clips that was."""
        return int(self._json("POST", f"comparisons/{code}/rendering/{verb}/", {})["clips"])

    def prioritise(self, code: str, priority: int) -> int:
        """Clips that are not ready yet go before those of a lower priority (−100 to 100, usually 0); how many."""
        return int(self._json("POST", f"comparisons/{code}/rendering/prioritise/", {"priority": priority})["clips"])

    def invite(self, code: str, seats: int = 1, label: str = "") -> str:
        """A new link for that many assessors."""
        made = self._json("POST", f"comparisons/{code}/invitations/", {"seats": seats, "label": label})
        return str(made["link"])

    def invitations(self, code: str) -> Iterator[Json]:
        """A comparison's links for assessors, with their codes."""
        return self._pages(f"comparisons/{code}/invitations/")

    def withdraw_invitation(self, code: str) -> None:
        """Nobody new comes in by that link; those who came keep their pairs and answers."""
        self._json("DELETE", f"invitations/{code}/")

    def members(self, project: str) -> Iterator[Json]:
        return self._pages(f"projects/{project}/members/")

    def member_invitations(self, project: str) -> Iterator[Json]:
        return self._pages(f"projects/{project}/member-invitations/")

    def invite_member(self, project: str, role: str, note: str = "") -> str:
        """A link for one new member, told this once. Raises Unreachable where the answer with the link was lost."""
        made = self._json("POST", f"projects/{project}/member-invitations/", {"role": role, "note": note})
        if "link" not in made:
            raise Unreachable(f"the answer with the link was lost: withdraw {made['code']} and invite anew")
        return str(made["link"])

    def withdraw_member_invitation(self, code: str) -> None:
        self._json("DELETE", f"member-invitations/{code}/")

    def set_role(self, member: int, role: str) -> Json:
        return self._json("PATCH", f"members/{member}/", {"role": role})

    def remove_member(self, member: int) -> None:
        self._json("DELETE", f"members/{member}/")

    def votes(self, code: str) -> Iterator[Json]:
        return self._pages(f"comparisons/{code}/votes/")

    def report(self, code: str, fresh: bool = True, patience: float = 120) -> Json:
        """The snapshot; with `fresh`, of all votes there are: waits up to `patience` seconds for a worker to build it.

        Raises TimeoutError where none was built by then.
        """
        if fresh:
            self._have_built(code, patience)
        return self._json("GET", f"comparisons/{code}/report/")

    def report_file(self, code: str, kind: str, patience: float = 120) -> bytes:
        """The report of all votes there are as html, csv, parquet or json. Raises TimeoutError, as `report` does."""
        self._have_built(code, patience)
        return self._asked("GET", f"comparisons/{code}/report/{kind}/").content

    def _have_built(self, code: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while not self._json("POST", f"comparisons/{code}/report/", {})["current"]:
            if time.monotonic() > deadline:
                raise TimeoutError("no worker has built the report yet: is one running?")
            time.sleep(1)

    def wait_until_rendered(self, code: str, patience: float = 24 * 3600, every: float = 5) -> Json:
        """The comparison once none of its clips is queued or rendering; some may have failed. Raises TimeoutError."""
        deadline = time.monotonic() + patience
        while True:
            found = self.comparison(code)
            if not any(found["clips"].get(state, 0) for state in ("queued", "held", "rendering")):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found['name']}: clips are still being rendered: {found['clips']}")
            time.sleep(every)

    def judges(self) -> Iterator[Json]:
        """Every judge of the server, with what it lacks there."""
        return self._pages("judges/")

    def judge_estimate(self, code: str, name: str, options: Json | None = None, upload: Path | None = None) -> Json:
        """What a run would ask, and what that may take at most; nothing is asked."""
        return self._json("POST", f"comparisons/{code}/judge-estimate/", _of_judge(name, options, upload))

    def judge(
        self, code: str, name: str, options: Json | None = None, upload: Path | None = None, **most: float | None
    ) -> Json:
        """Ask a judge about a comparison: its run. upload: a file of scores; most_cost, most_calls: its budget."""
        return self._json("POST", f"comparisons/{code}/judge-runs/", _of_judge(name, options, upload) | most)

    def judge_runs(self, code: str) -> Iterator[Json]:
        """Runs of a comparison, the newest first."""
        return self._pages(f"comparisons/{code}/judge-runs/")

    def wait_until_judged(self, run: str, patience: float = 24 * 3600, every: float = 5) -> Json:
        """The run once it has ended, well or not. Raises TimeoutError."""
        return self._ended(f"judge-runs/{run}/", patience, every)

    def cancel_judge(self, run: str) -> Json:
        """Ask no more; the answers so far are kept. Raises Refused where it has ended."""
        return self._json("DELETE", f"judge-runs/{run}/")

    def train_judge(
        self, code: str, name: str = "own", others: Sequence[str] = (), features: Sequence[str] = (), **how: float
    ) -> Json:
        """Have a worker train the team's own judge on the votes of this comparison and `others` (codes): its run.
        how: hidden, mesa."""
        body = {"name": name, "others": list(others), "features": list(features), **how}
        return self._json("POST", f"comparisons/{code}/judge-trainings/", body)

    def trainings(self, code: str) -> Iterator[Json]:
        """Trainings asked for on a comparison's page or by its code, the newest first."""
        return self._pages(f"comparisons/{code}/judge-trainings/")

    def wait_until_trained(self, run: str, patience: float = 24 * 3600, every: float = 5) -> Json:
        """The run once it has ended, well or not, with the judge's card where it is done. Raises TimeoutError."""
        return self._ended(f"judge-trainings/{run}/", patience, every)

    def cancel_training(self, run: str) -> Json:
        """No judge comes of it. Raises Refused where it has ended."""
        return self._json("DELETE", f"judge-trainings/{run}/")

    def measure(self, code: str, metrics: Sequence[str] = (), reference: str = "") -> Json:
        """Have a worker measure, by default all that needs no weights: its run. reference: a contender's name."""
        body = {"metrics": list(metrics), "reference": reference}
        return self._json("POST", f"comparisons/{code}/measurements/", body)

    def measurements(self, code: str) -> Json:
        """Which files wait for their measures, and the newest runs."""
        return self._json("GET", f"comparisons/{code}/measurements/")

    def wait_until_measured(self, run: str, patience: float = 24 * 3600, every: float = 5) -> Json:
        """The run once it has ended, well or not. Raises TimeoutError."""
        return self._ended(f"measuring-runs/{run}/", patience, every)

    def cancel_measuring(self, run: str) -> Json:
        """Measure no more; the values so far are kept. Raises Refused where it has ended."""
        return self._json("DELETE", f"measuring-runs/{run}/")

    def judges_against_people(self, code: str, patience: float = 120) -> Json:
        """The snapshot of all judges and votes there are, once a worker has built it. Raises TimeoutError."""
        self.comparison(code)  # there being none is no reason to wait
        return self.once_counted(f"comparisons/{code}/judges-against-people/", patience)

    def once_counted(self, address: str, patience: float = 120, query: Json | None = None) -> Json:
        """A snapshot that a worker builds when it is asked for, as soon as it counts all that there is.

        Raises TimeoutError.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                found = self._json("GET", address, params=query)
            except Refused as refused:
                if refused.status != 404:
                    raise
                found = {"current": False}
            if found.get("current", True):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError("no worker has counted the votes yet: is one running?")
            time.sleep(1)

    def _ended(self, run: str, patience: float, every: float) -> Json:
        deadline = time.monotonic() + patience
        while (found := self._json("GET", run))["state"] in ("queued", "running"):
            if time.monotonic() > deadline:
                queue = f" the queue {found['queue']}" if "queue" in found else " this kind of work"
                raise TimeoutError(f"the run is {found['state']}: does a worker serve{queue}?")
            time.sleep(every)
        return found

    def _pages(self, path: str) -> Iterator[Json]:
        address: str | None = path
        while address:
            page = self._json("GET", address)
            yield from page["results"]
            address = page["next"]

    def _json(self, method: str, address: str, body: Json | bytes | None = None, **request: Any) -> Json:
        found: Json = _read(self._asked(method, address, body, **request))
        return found

    def _asked(self, method: str, address: str, body: Json | bytes | None = None, **request: Any) -> httpx.Response:
        """The answer, once there is one; raises Refused or Unreachable for any but a success."""
        if method == "POST":
            request["headers"] = {"Idempotency-Key": uuid.uuid4().hex}
        request["content" if isinstance(body, bytes) else "json"] = body
        for tried in range(1, TRIES + 1):
            try:
                answer = self._http.request(method, address, **request)
            except httpx.TransportError as error:
                if tried == TRIES:
                    raise Unreachable(f"{self._http.base_url}: {error or type(error).__name__}") from error
                time.sleep(2.0**tried)
                continue
            if answer.status_code not in BUSY or tried == TRIES:
                break
            time.sleep(float(answer.headers.get("Retry-After", 2.0**tried)))
        return answer if answer.is_success else _read(answer)  # which raises


def _read(answer: httpx.Response) -> Any:
    try:
        body = answer.json() if answer.content else {}
    except ValueError as error:
        raise Unreachable(f"{answer.url} answered {answer.status_code} and no JSON: is it a Visavis server?") from error
    if answer.is_success:
        return body
    message = body.get("detail") or "; ".join(_by_field(body.get("errors", {}))) or body.get("title", "refused")
    raise Refused(answer.status_code, message, body.get("errors"))


def _of_judge(name: str, options: Json | None, upload: Path | None) -> Json:
    sent: Json = {"judge": name, "options": options or {}}
    if upload:
        sent["upload"] = {"name": upload.name, "content": base64.b64encode(upload.read_bytes()).decode()}
    return sent


def _by_field(errors: Any) -> list[str]:
    if not isinstance(errors, dict):
        return [str(errors)]
    return [
        f"{field}: {'; '.join(map(str, said)) if isinstance(said, list) else said}" for field, said in errors.items()
    ]
