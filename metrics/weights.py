"""Weights by name: which files, their checksums, licence and source; found locally, downloaded only by `fetch`.

Looked for in `folder/NAME/FILE`, then in the hub cache. A file is used only if its checksum is the published one, or,
where its source publishes none, the one recorded when it was first checked here. Only `fetch` downloads anything.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfileobj
from zipfile import BadZipFile, ZipFile

from metrics.cutting import cut_after
from metrics.weight_files import WEIGHTS, File, Weights

MOST_SAID = 30
AS_IT_IS = {"Accept-Encoding": "identity"}
MOST_SECONDS = 12 * 3600.0
"""That one download may take."""


class WeightsMissing(Exception):
    """A file is not here; the message gives the command that fetches it."""


class WeightsWrong(Exception):
    """A file is here and not the one that is meant."""


@dataclass(frozen=True)
class Found:
    """paths: by file name; sha256: of the one file, or of all checksums in order; said: what whoever checked them said
    they are, where they are not the published ones ("random weights")."""

    paths: dict[str, Path]
    sha256: str
    said: str = ""


def named(name: str) -> Weights:
    """Raises KeyError naming the nearest ones."""
    if name not in WEIGHTS:
        raise KeyError(
            f"no weights are called {name!r}; known: {', '.join(get_close_matches(name, WEIGHTS) or WEIGHTS)}"
        )
    return WEIGHTS[name]


def find(name: str, folder: Path) -> Found:
    """The files of these weights, every checksum looked at. Raises WeightsMissing and WeightsWrong."""
    paths, sums = {}, []
    for wanted in named(name).files:
        if not _places(name, wanted, folder):
            raise WeightsMissing(
                f"{name}: {wanted.name} is neither in {folder / name} nor in the hub cache; get it with "
                f"`manage.py weights fetch {name}` ({named(name).licence}, {wanted.source or named(name).source})"
            )
    for file, path in _all_places(name, folder):
        known = file.sha256 or _kept(folder).get(f"{name}/{file.name}", "")
        if not known:
            raise WeightsWrong(
                f"{name}: its source publishes no checksum of {file.name}; look where the file came from, then record "
                f"it with `manage.py weights check {name}`"
            )
        paths[file.name] = path
        sums.append(_compare(name, file.name, path, known, folder))
    together = sums[0] if len(sums) == 1 else hashlib.sha256(" ".join(sums).encode()).hexdigest()
    return Found(paths, together, _kept(folder).get(_said(name), ""))


def check(name: str, folder: Path, said: str = "", anew: bool = False) -> Found:
    """As `find`, after recording checksums that nobody published and nobody recorded yet, and what the files are `said`
    to be; `anew`: after forgetting what was recorded. Raises ValueError for more words than a version has room for."""
    if len(said) > MOST_SAID:
        raise ValueError(f"what {name} is said to be: {MOST_SAID} characters at most, not {len(said)}")
    if anew:
        _keep(folder, {key: "" for key in _kept(folder) if key.startswith(f"{name}/") or key == _said(name)})
    for file, path in _all_places(name, folder):
        if not file.sha256 and not _kept(folder).get(f"{name}/{file.name}"):
            _keep(folder, {f"{name}/{file.name}": _sha256(path)})
    if said:
        _keep(folder, {_said(name): said})
    return find(name, folder)


def fetch(name: str, folder: Path, told: Callable[[str], object] = lambda _: None) -> Found:
    """Download what is missing into the folder. Raises WeightsWrong for a file that is not the one published,
    WeightsMissing where it cannot be had, with what to do then. A download that was cut short begins again."""
    weights = named(name)
    for file in weights.files:
        if _places(name, file, folder):
            continue
        target = folder / name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = file.source or weights.source
        told(f"{name}: fetching {file.name} from {source}")
        try:
            _bring(name, file, folder, source, target)
        except OSError as error:
            raise WeightsMissing(
                f"{name}: {file.name} cannot be had from {source}: {error}; where this machine has no network, bring "
                f"the file into {folder / name} yourself, then run `manage.py weights check {name}`"
            ) from error
    return check(name, folder)


def _bring(name: str, file: File, folder: Path, source: str, target: Path) -> None:
    if source.startswith("hub:"):
        return _from_hub(name, file, folder)
    if source.endswith(".zip"):
        return _from_archive(name, source, folder)
    part = target.with_name(target.name + ".part")
    _download(source, part)
    if not _sha256(part).startswith(file.sha256):
        part.unlink()
        raise WeightsWrong(f"{name}: what {source} gave is not the published file; nothing was kept")
    part.replace(target)


def _from_hub(name: str, file: File, folder: Path) -> None:
    if find_spec("huggingface_hub") is None:
        raise WeightsMissing(f"{name}: fetching from the hub needs huggingface_hub: run `make models`")
    from huggingface_hub import hf_hub_download, snapshot_download

    repository, revision = _hub(named(name).source)
    if "*" not in file.name:
        hf_hub_download(repository, file.name, revision=revision, local_dir=folder / name)
        return
    for pattern in file.name.split("|"):
        if not _places(name, file, folder):
            snapshot_download(repository, revision=revision, local_dir=folder / name, allow_patterns=[pattern])


def _from_archive(name: str, source: str, folder: Path) -> None:
    """Of the files that the archive holds those that are asked for; each appears when it is whole."""
    asked = [pattern for file in named(name).files if not file.source for pattern in file.name.split("|")]
    archive = folder / name / "archive.part"
    _download(source, archive)
    try:
        with ZipFile(archive) as held:
            for entry in held.namelist():
                if any(fnmatch(entry, pattern) for pattern in asked):
                    target = folder / name / entry
                    target.parent.mkdir(parents=True, exist_ok=True)
                    part = target.with_name(target.name + ".part")
                    with held.open(entry) as inside, part.open("wb") as copy:
                        copyfileobj(inside, copy)
                    part.replace(target)
    except BadZipFile as error:
        raise WeightsWrong(f"{name}: what {source} gave is no zip file; nothing was kept") from error
    finally:
        archive.unlink()


def _download(source: str, part: Path) -> None:
    """The whole of it or an OSError: one that ends early, or goes on for MOST_SECONDS, is none."""
    import httpx

    until = time.monotonic() + MOST_SECONDS
    try:
        with (
            cut_after(MOST_SECONDS) as cut,
            httpx.Client(headers=AS_IT_IS, timeout=60, follow_redirects=True) as client,
            client.stream("GET", source, extensions=cut) as answer,
            part.open("wb") as copy,
        ):
            if answer.is_error:
                raise OSError(f"it answered {answer.status_code}")
            for piece in answer.iter_raw(2**20):
                copy.write(piece)
    except httpx.HTTPError as error:
        if time.monotonic() < until:
            raise OSError(f"{type(error).__name__} {error}") from error
    if time.monotonic() >= until:  # what came may end where it was cut
        raise TimeoutError(f"it was not here within {MOST_SECONDS:g} s")


def _all_places(name: str, folder: Path) -> list[tuple[File, Path]]:
    """Every file that is here, those of a star each under its own name."""
    return [each for file in named(name).files for each in _places(name, file, folder)]


def _places(name: str, file: File, folder: Path) -> list[tuple[File, Path]]:
    if "*" in file.name:
        # All in one folder: the pieces of one network do not come from two places.
        for place in (folder / name, _snapshot(name)):
            for pattern in file.name.split("|") if place else ():
                if place and (found := sorted(place.glob(pattern))):
                    return [(File(path.relative_to(place).as_posix()), path) for path in found]
        return []
    place = _place(name, file, folder)
    return [(file, place)] if place else []


def _snapshot(name: str) -> Path | None:
    """The folder of this revision in the hub cache, known by a file whose name is whole."""
    whole = [file for file in named(name).files if "*" not in file.name]
    found = _cached(name, whole[0].name) if whole else None
    return found.parents[whole[0].name.count("/")] if found else None


def _place(name: str, file: File, folder: Path) -> Path | None:
    here = folder / name / file.name
    return here if here.is_file() else _cached(name, file.name)


def _cached(name: str, file: str) -> Path | None:
    if not named(name).source.startswith("hub:") or find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    repository, revision = _hub(named(name).source)
    cached = try_to_load_from_cache(repository, file, revision=revision)
    return Path(cached) if isinstance(cached, str) else None


def _hub(source: str) -> tuple[str, str]:
    repository, _, revision = source.removeprefix("hub:").partition("@")
    return repository, revision


def _compare(name: str, file: str, path: Path, known: str, folder: Path) -> str:
    """The file's checksum, which begins as the known one; reckoned once per file, size and time of change."""
    facts = path.stat()
    mark = f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    seen = _kept(folder).get(mark)
    if seen is None:
        seen = _sha256(path)
        _keep(folder, {mark: seen})
    if not seen.startswith(known):
        recorded = _kept(folder).get(f"{name}/{file}") == known
        anew = f"; if this one is meant from now on, `manage.py weights check {name} --anew`" if recorded else ""
        raise WeightsWrong(
            f"{name}: {path} has the checksum {seen[:12]}…, and {file} is {known[:12]}…; remove it and run "
            f"`manage.py weights fetch {name}`{anew}"
        )
    return seen


def _kept(folder: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads((folder / "checksums.json").read_text())
    except FileNotFoundError:
        return {}
    return kept


def _said(name: str) -> str:
    return f"{name} is said to be"


def _keep(folder: Path, facts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "checksums.json.part"
    part.write_text(json.dumps(_kept(folder) | facts, indent=1, sort_keys=True))
    part.replace(folder / "checksums.json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
