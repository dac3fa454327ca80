"""`visavis`: compare, look, gate. The server and the token come from VISAVIS_URL and VISAVIS_TOKEN."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from visavis.client import Refused, Unreachable, Visavis
from visavis.gate import DISTINCT_EXIT_CODES, EXIT_CODES, gate
from visavis.judging import add_judge
from visavis.keeping import add_keeping
from visavis.measuring import add_measuring
from visavis.members import add_members
from visavis.overseeing import add_overseeing
from visavis.planning import add_planning
from visavis.reading import add_reading
from visavis.training import add_training

WRONG_CALL = 2
PROMPTS = ".jsonl with text, id, tags, language, image (a file beside it); or .txt, one a line"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 2 a wrong call or a refusal, for `gate` see there."""
    asked = _parser().parse_args(arguments)
    url, token = asked.url or os.environ.get("VISAVIS_URL", ""), os.environ.get("VISAVIS_TOKEN", "")
    if not url or not token:
        return _complain("set VISAVIS_URL to the server and VISAVIS_TOKEN to a token from its page /tokens/")
    try:
        with Visavis(url, token) as server:
            return int(asked.act(server, asked) or 0)
    except (Refused, Unreachable, ValueError, OSError, TimeoutError) as error:
        return _complain(str(error))


def _complain(message: str) -> int:
    print(f"visavis: {message}", file=sys.stderr)
    return WRONG_CALL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="visavis", description=__doc__)
    parser.add_argument("--url", help="the server (default: VISAVIS_URL)")
    parser.add_argument(
        "--project", default="", metavar="CODE", dest="within", help="needed where you are in more than one"
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    me = verbs.add_parser("me", help="whose token this is")
    me.set_defaults(act=lambda server, asked: _show(server.me()))

    contenders = verbs.add_parser("contenders", help="what can be compared")
    contenders.set_defaults(act=_contenders)

    compare = verbs.add_parser("compare", help="two contenders on a list of prompts")
    compare.add_argument("--a", required=True, metavar="CONTENDER")
    compare.add_argument("--b", required=True, metavar="CONTENDER")
    compare.add_argument("--prompts", required=True, type=Path, help=PROMPTS)
    compare.add_argument("--name", help="of the comparison (default: A against B, with the prompts' file name)")
    compare.add_argument("--overlap", type=int, default=3, help="assessors per pair (default: 3)")
    compare.add_argument("--seeds", type=int, default=1, help="clips per contender and prompt (default: 1)")
    compare.add_argument("--wait", action="store_true", help="until every clip is rendered, then open it to voting")
    compare.add_argument("--seats", type=int, default=0, help="also make an invitation for that many assessors")
    compare.set_defaults(act=_compare)

    listed = verbs.add_parser("push-prompts", help="a list of prompts, with the images that it names")
    listed.add_argument("prompts", type=Path, metavar="FILE", help=PROMPTS)
    listed.add_argument("--name", help="of the prompt set (default: the file's name)")
    listed.set_defaults(act=_push_prompts)

    push = verbs.add_parser(
        "push-clips",
        help="finished clips of two contenders or more",
        description="FOLDER holds a folder per contender, in it a file per prompt: KEY.mp4, or KEY-SEED.mp4 (also "
        "mov, webm, mkv, gif, png, jpg, webp). Sending the same again sends nothing twice.",
    )
    push.add_argument("folder", type=Path, metavar="FOLDER")
    push.add_argument("--prompts", required=True, type=Path, help=PROMPTS)
    push.add_argument("--compare", action="store_true", help="also make a comparison of them and open it to voting")
    push.add_argument("--name", help="of the comparison (default: the folder's name)")
    push.add_argument("--overlap", type=int, default=3, help="assessors per pair (default: 3)")
    push.add_argument("--seats", type=int, default=0, help="also make an invitation for that many assessors")
    push.set_defaults(act=_push)

    for verb, told in (
        ("launch", "fix a draft and have its clips rendered"),
        ("retry", "render failed clips again"),
        ("open", "start or resume voting"),
        ("pause", "hand out nothing new"),
        ("close", "end voting"),
    ):
        one = verbs.add_parser(verb, help=told)
        one.add_argument("comparison", metavar="COMPARISON")
        one.set_defaults(act=_tell, verb=verb)

    status = verbs.add_parser("status", help="how far a comparison is")
    status.add_argument("comparison", metavar="COMPARISON")
    status.set_defaults(act=lambda server, asked: _show(server.find(asked.comparison)))

    invite = verbs.add_parser("invite", help="a link for assessors")
    invite.add_argument("comparison", metavar="COMPARISON")
    invite.add_argument("--seats", type=int, default=1)
    invite.add_argument("--label", default="")
    invite.set_defaults(act=_invite)

    votes = verbs.add_parser("votes", help="every vote that counts, a JSON object a line")
    votes.add_argument("comparison", metavar="COMPARISON")
    votes.set_defaults(act=_votes)

    brought = verbs.add_parser("import-votes", help="votes cast elsewhere, a CSV row each, as a closed comparison")
    brought.add_argument("file", type=Path, metavar="FILE")
    brought.add_argument("--name", help="of the comparison (default: the file's name)")
    brought.add_argument("--ratings", action="store_true", help="rows are absolute ratings: the higher one wins")
    brought.add_argument("--prompts", type=Path, metavar="FILE", help="their texts and tags: " + PROMPTS)
    brought.add_argument("--again", action="store_true", help="although these very votes were imported before")
    brought.set_defaults(act=_import_votes)

    links = verbs.add_parser("invitations", help="a comparison's links for assessors")
    links.add_argument("comparison", metavar="COMPARISON")
    links.set_defaults(act=_invitations)

    withdraw = verbs.add_parser("withdraw", help="withdraw a link for assessors")
    withdraw.add_argument("code", metavar="CODE")
    withdraw.set_defaults(act=lambda server, asked: server.withdraw_invitation(asked.code))

    rendering = verbs.add_parser("rendering", help="cancel, hold or release what is still to be rendered")
    rendering.add_argument("verb", choices=("cancel", "hold", "release"))
    rendering.add_argument("comparison", metavar="COMPARISON")
    rendering.set_defaults(act=_rendering)

    priority = verbs.add_parser("priority", help="let a comparison's clips go before others, or after")
    priority.add_argument("comparison", metavar="COMPARISON")
    priority.add_argument("priority", type=int, metavar="NUMBER", help="-100 to 100; 0 is the usual one")
    priority.set_defaults(act=_priority)

    add_judge(verbs)
    add_measuring(verbs)
    add_members(verbs)
    add_overseeing(verbs)
    add_keeping(verbs)
    add_planning(verbs)
    add_reading(verbs)
    add_training(verbs)

    check = verbs.add_parser(
        "gate",
        help="exit code for a CI job",
        description="Exit code 0: better or no worse; 1: worse; 3: not enough votes yet; 2: wrong call. With "
        "--distinct, no worse is 4.",
    )
    check.add_argument("comparison", metavar="COMPARISON")
    check.add_argument("--candidate", help="default: the contender that is not the baseline, where there are two")
    check.add_argument("--not-worse-than", required=True, metavar="BASELINE", dest="baseline")
    check.add_argument("--aspect", default="preference")
    check.add_argument("--margin", type=float, default=0.02, help="in win rate (default: 0.02)")
    check.add_argument("--distinct", action="store_true", help="another exit code for no worse than for better")
    check.add_argument("--json", action="store_true")
    check.set_defaults(act=_gate)
    return parser


def _show(found: Any) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False))


def _contenders(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.contenders():
        print(f"{each['name']}\t{each['generator']}\t{each['checkpoint']}")


def _prompts(server: Visavis, path: Path, project: str) -> list[str | dict[str, Any]]:
    """The list as the server takes it, its images sent: files are found beside the list."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if path.suffix != ".jsonl":
        return [line.strip() for line in lines]
    try:
        read = [json.loads(line) for line in lines]
    except ValueError as error:
        raise ValueError(f"{path}: not one JSON object a line: {error}") from error
    files = sorted({path.parent / str(each["image"]) for each in read if each.get("image")})
    images = dict(zip(files, server.push_images(files, project=project), strict=True))
    prompts: list[str | dict[str, Any]] = []
    for each in read:
        prompt = {"text": each.get("text") or each.get("prompt")}
        if key := each.get("key") or each.get("id"):
            prompt["key"] = key
        if tags := [*each.get("tags", []), *([f"language:{each['language']}"] if each.get("language") else [])]:
            prompt["tags"] = tags
        if each.get("image"):
            prompt["image"] = images[path.parent / str(each["image"])]
        prompts.append(prompt)
    return prompts


def _push_prompts(server: Visavis, asked: argparse.Namespace) -> None:
    made = server.push_prompts(
        asked.name or asked.prompts.stem, _prompts(server, asked.prompts, asked.within), asked.within
    )
    print(f"{made['name']} v{made['version']}: {made['id']}")


def _compare(server: Visavis, asked: argparse.Namespace) -> int:
    prompt_set = server.push_prompts(asked.prompts.stem, _prompts(server, asked.prompts, asked.within), asked.within)
    name = asked.name or f"{asked.a} against {asked.b}, {asked.prompts.stem}"
    made = server.compare(
        name, [asked.a, asked.b], prompt_set["id"], overlap=asked.overlap, seeds=list(range(asked.seeds))
    )
    print(f"{made['name']}: {made['code']}")
    if asked.wait:
        clips = server.wait_until_rendered(made["code"])["clips"]
        if clips.get("failed") or clips.get("cancelled"):
            return _complain(f"clips are missing: {clips}; see the comparison's page for the reasons")
        server.tell(made["code"], "open")
        print(f"{clips.get('ready', 0)} clips are ready; voting is open")
    if asked.seats:
        print(server.invite(made["code"], asked.seats))
    return 0


def _push(server: Visavis, asked: argparse.Namespace) -> int:
    prompt_set = server.push_prompts(asked.prompts.stem, _prompts(server, asked.prompts, asked.within), asked.within)
    keys = {each["key"] for each in server.prompt_set(prompt_set["id"])["prompts"]}
    places = list(_places(asked.folder, keys))
    sent = []
    for number, (path, contender, key, seed) in enumerate(places, 1):
        sent.append(server.push_clip(path, contender, prompt_set["id"], key, seed))
        print(f"\r{number} of {len(places)} sent", end="", file=sys.stderr)
    print(file=sys.stderr)
    stored = server.wait_until_stored(sent)
    refused = [each for each in stored if each["state"] == "refused"]
    for each in refused:
        print(f"{each['contender']}, {each['prompt']}, seed {each['seed']}: {each['reason']}", file=sys.stderr)
    print(f"{len(stored) - len(refused)} clips of {len({place[1] for place in places})} contenders are stored")
    if refused:
        return _complain(f"{len(refused)} clips were refused")
    if asked.compare:
        contenders = sorted({contender for _, contender, _, _ in places})
        seeds = sorted({seed for _, _, _, seed in places})
        name = asked.name or asked.folder.resolve().name
        made = server.compare(name, contenders, prompt_set["id"], overlap=asked.overlap, seeds=seeds)
        server.tell(made["code"], "open")
        print(f"{made['name']}: {made['code']}; voting is open")
        if asked.seats:
            print(server.invite(made["code"], asked.seats))
    return 0


def _places(folder: Path, keys: set[str]) -> Iterator[tuple[Path, str, str, int]]:
    """Each file with its contender, prompt and seed; raises ValueError for one that names no prompt."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        key, _, seed = path.stem.rpartition("-")
        if path.stem in keys:
            yield path, path.parent.name, path.stem, 0
        elif key in keys and seed.isdigit():
            yield path, path.parent.name, key, int(seed)
        else:
            raise ValueError(f"{path}: no prompt has this key; files are named KEY.mp4 or KEY-SEED.mp4")


def _tell(server: Visavis, asked: argparse.Namespace) -> None:
    found = server.find(asked.comparison)
    told = server.tell(found["code"], asked.verb)
    again = f"{told.get('queued')} clips are rendered again"
    print(f"{found['name']}: {told.get('state', again)}")


def _invite(server: Visavis, asked: argparse.Namespace) -> None:
    print(server.invite(server.find(asked.comparison)["code"], asked.seats, asked.label))


def _invitations(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.invitations(server.find(asked.comparison)["code"]):
        print(f"{each['code']}\t{each['label'] or '–'}\t{each['link']}{' (withdrawn)' if each['withdrawn'] else ''}")


def _rendering(server: Visavis, asked: argparse.Namespace) -> None:
    print(f"{server.rendering(server.find(asked.comparison)['code'], asked.verb)} clips")


def _priority(server: Visavis, asked: argparse.Namespace) -> None:
    print(f"{server.prioritise(server.find(asked.comparison)['code'], asked.priority)} clips")


def _votes(server: Visavis, asked: argparse.Namespace) -> None:
    for vote in server.votes(server.find(asked.comparison)["code"]):
        print(json.dumps(vote, ensure_ascii=False))


def _import_votes(server: Visavis, asked: argparse.Namespace) -> None:
    table = asked.file.read_text(encoding="utf-8-sig")
    body = {"name": asked.name or asked.file.stem, "table": table, "ratings": asked.ratings} | (
        {"again": True} if asked.again else {}
    )
    if asked.prompts:
        prompts = _prompts(server, asked.prompts, asked.within)
        body["prompt_set"] = server.push_prompts(asked.prompts.stem, prompts, asked.within)["id"]
    made = server.call("POST", "vote-imports/", body | ({"project": asked.within} if asked.within else {}))
    print(f"{made['name']}: {made['code']}")


def _gate(server: Visavis, asked: argparse.Namespace) -> int:
    found = server.find(asked.comparison)
    for name in filter(None, (asked.baseline, asked.candidate)):
        if name not in found["contenders"]:
            raise ValueError(f"{found['name']} has no contender {name}: it has {', '.join(found['contenders'])}")
    others = [name for name in found["contenders"] if name != asked.baseline]
    if not asked.candidate and len(others) != 1:
        raise ValueError(f"name the --candidate, one of {', '.join(others)}")
    decided = gate(
        server.report(found["code"]), asked.candidate or others[0], asked.baseline, asked.aspect, asked.margin
    )
    print(json.dumps(asdict(decided), ensure_ascii=False) if asked.json else decided.sentence)
    if decided.simulated:
        print("visavis: programs cast some of these votes", file=sys.stderr)
    return (DISTINCT_EXIT_CODES if asked.distinct else EXIT_CODES)[decided.verdict]


if __name__ == "__main__":
    sys.exit(main())
