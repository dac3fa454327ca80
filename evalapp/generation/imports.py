"""Finished clips from elsewhere become clips of the house: checked completely first, then stored, or nothing is.

Every file is decoded in a confined process and written anew as master and browser rendition, so that no container
tells where it came from.
It lives here and not in the catalog, because what it makes are clips.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from evalapp.catalog import store
from evalapp.catalog.models import IMPORT, Contender, Prompt, PromptSet, PromptText, digest, picture_path
from evalapp.generation.files import discard, sha256_of, write_files
from evalapp.generation.layouts import Layout, Place
from evalapp.generation.models import Clip
from evalapp.people.projects import first_project


class ImportRefused(Exception):
    """Nothing was stored; `problems` names everything that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Imported:
    contenders: list[Contender]
    prompt_set: PromptSet
    seeds: list[int]
    new: int
    known: int


@dataclass(frozen=True)
class Staged:
    """A finished clip, decoded and written anew, that no row tells of yet."""

    place: Place
    columns: dict[str, Any]


def import_clips(
    layout: Layout,
    prompt_set_name: str,
    *,
    allow_missing: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Store what a layout found. Files that are stored already, byte for byte, are left as they are.

    Raises ImportRefused, having stored nothing, when a file cannot be used or, unless `allow_missing`, a clip lacks.
    """
    problems = list(layout.problems) + _taken_names(layout)
    if not allow_missing:
        problems += [f"{lack} (or pass --allow-missing)" for lack in layout.missing()]
    shown = {prompt for prompt, _ in layout.scenes}
    listed = {key: prompt for key, prompt in layout.prompts.items() if key in shown}
    images, unreadable = _images({key: path for key, path in layout.images.items() if key in shown})
    problems += unreadable
    prompts = [_named(prompt, images.get(key, "")) for key, prompt in listed.items()]
    known = _known(layout, prompt_set_name, prompts)
    new = []
    for where, place in layout.places.items():
        if where not in known:
            new.append(place)
        elif known[where] != sha256_of(place.path):
            problems.append(f"{place.path}: another clip of this prompt and seed is stored for {place.contender}")
    staged, undecodable = _stage(new, progress)
    problems += undecodable
    try:
        if problems:
            raise ImportRefused(problems)
        with transaction.atomic():
            prompt_set = PromptSet.objects.freeze(prompt_set_name, prompts)
            contenders = {name: Contender.objects.imported(name) for name in layout.contenders}
            keys = {prompt.key: prompt for prompt in prompt_set.prompts.all()}
            for item in staged:
                store_clip(item, contenders[item.place.contender], keys[_key(item.place.prompt)])
    except BaseException:
        for item in staged:
            discard(Clip(folder=item.columns["folder"]))
        raise
    seeds = sorted({seed for _, seed in layout.scenes})
    return Imported(list(contenders.values()), prompt_set, seeds, len(staged), len(known))


def _stage(places: list[Place], progress: Callable[[int, int], None]) -> tuple[list[Staged], list[str]]:
    """Decode each file and write it anew, beside the database; returns what worked and what did not."""
    staged, problems = [], []
    with ThreadPoolExecutor(2) as pool:
        for done, result in enumerate(pool.map(stage, places), 1):
            problems.append(result) if isinstance(result, str) else staged.append(result)
            progress(done, len(places))
    return staged, problems


def stage(place: Place) -> Staged | str:
    """Decode a file, as one of a stranger, and write it anew; a string says why it cannot be."""
    from generators.inspection import footage
    from generators.video import MediaError

    try:
        found = footage(place.path)
    except MediaError as error:
        return str(error)
    columns = write_files(found.frames, found.fps)
    columns["facts"] |= {"imported": {"name": place.path.name, "sha256": sha256_of(place.path)}}
    return Staged(place, columns)


def store_clip(item: Staged, contender: Contender, prompt: Prompt) -> None:
    """Its row: a new one, or that of a clip which lacked its file so far."""
    columns = item.columns | {"state": Clip.State.READY, "reason": "", "finished_at": Now()}
    of_scene = {"contender": contender, "prompt": prompt, "seed": item.place.seed}
    if not Clip.objects.filter(**of_scene).exclude(state=Clip.State.READY).update(**columns):
        Clip.objects.create(**of_scene, **columns)


def _taken_names(layout: Layout) -> list[str]:
    here = Contender.objects.filter(project=first_project())
    others = here.filter(name__in=layout.contenders).exclude(recipe__generator=IMPORT)
    return [f"{contender.name}: a rendered contender has this name; rename the folder" for contender in others]


def _known(layout: Layout, prompt_set_name: str, prompts: list[PromptText]) -> dict[tuple[str, str, int], str]:
    """sha256 of the original file of each clip that is stored already."""
    ready = Clip.objects.filter(
        state=Clip.State.READY,
        contender__name__in=layout.contenders,
        prompt__prompt_set__in=PromptSet.objects.with_prompts(prompts).filter(name=prompt_set_name),
    ).values_list("contender__name", "prompt__key", "seed", "facts__imported__sha256")
    stored = {(contender, key, seed): sha256 for contender, key, seed, sha256 in ready}
    return {
        where: stored[contender, _key(prompt), seed]
        for where in layout.places
        for contender, prompt, seed in [where]
        if (contender, _key(prompt), seed) in stored
    }


def _key(key: str) -> str:
    """VBench names files by the prompt's whole text: a very long one is cut, and its hash keeps it apart."""
    longest = Prompt._meta.get_field("key").max_length or 200
    return key if len(key) <= longest else f"{key[: longest - 17]}#{digest(key)[:16]}"


def _named(prompt: PromptText, image: str) -> PromptText:
    return PromptText(_key(prompt.key), prompt.text, prompt.tags, image)


def _images(paths: dict[str, Path]) -> tuple[dict[str, str], list[str]]:
    """Store prompts' images, written anew without metadata, by their sha256; returns these and what cannot be read.

    A stored one that no prompt comes to name lies there unused, as nothing but its content names it.
    """
    from generators.inspection import rewritten
    from generators.video import MediaError, whole

    stored, problems = {}, []
    for key, path in paths.items():
        try:
            content = rewritten(path)
        except MediaError as error:
            problems.append(str(error))
            continue
        stored[key] = sha256_of(path)
        place = picture_path(stored[key])
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            with whole(place) as part:
                part.write_bytes(content)
            store.keep(place)
    return stored, problems
