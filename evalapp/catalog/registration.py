"""A contender from files: a recipe, and the checkpoint it samples from. All is checked before anything is stored."""

from importlib import import_module
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from evalapp.catalog.models import Checkpoint, Contender, digest
from evalapp.people.projects import first_project
from generators import GeneratorError, load
from generators.recipe import identity, parse, read


class Refused(ValueError):
    """Nothing was registered; the message says why and what to do."""


def register(
    name: str, recipe: Path, checkpoint: Path | None = None, hardware: str = "cpu", trial: bool = True
) -> Contender:
    """The contender of that name with a recipe file, made if it is new; see `register_recipe`. Raises Refused."""
    try:
        generator, settings = read(recipe)
    except GeneratorError as error:
        raise Refused(str(error)) from error
    return register_recipe(name, generator, settings, checkpoint, hardware, trial)


def register_recipe(
    name: str,
    generator: str,
    settings: dict[str, Any],
    checkpoint: Path | None = None,
    hardware: str = "cpu",
    trial: bool = True,
    project: int | None = None,
) -> Contender:
    """The project's contender of that name, made if it is new. `trial` lets the generator try the recipe, where it can.

    Files that the recipe names are hashed here; a source whose sha256 is given may lie on the workers alone, which
    check it when they load it. Raises Refused.
    """
    project = project or first_project()
    try:
        made = load(generator)
        place = _place(generator, settings, checkpoint)
        manifest = _manifest(place) if place and (place.exists() or not _known(settings)) else {}
        if "source" in made.Settings.model_fields and manifest:
            settings = settings | {"source": settings["source"] | {"sha256": digest(manifest)}}
        pinning = import_module("generators.pinning")
        settings = pinning.pinned(settings, parse(generator, settings))
        parsed = parse(generator, settings)
        parts = [part for _, part in pinning.placed(parsed)]
        tell_key = getattr(made, "weights_key", None)
        weights = digest([generator, tell_key(parsed)]) if tell_key else ""
        try_out = getattr(made, "preflight", None)
        tried = try_out(parsed) if try_out and trial else {}
    except GeneratorError as error:
        raise Refused(str(error)) from error
    if (other := Contender.objects.filter(name=name, project=project).first()) and other.recipe.generator != generator:
        raise Refused(f"contender {name!r} exists with generator {other.recipe.generator}: choose another name")
    try:
        with transaction.atomic():
            stored = _checkpoint(place, manifest, settings, generator, parts, project)
            recipe_identity = identity(generator, settings)
            contender = Contender.objects.register(
                name, stored, generator, settings, recipe_identity, weights=weights, hardware=hardware
            )
            Contender.objects.filter(pk=contender.pk).update(hardware=hardware, **({"trial": tried} if tried else {}))
    except ValueError as error:
        raise Refused(str(error)) from error
    except IntegrityError as error:
        twin = Contender.objects.filter(checkpoint=stored, recipe__identity=recipe_identity).first()
        raise Refused(f"{twin or 'another contender'} has this very checkpoint and recipe: compare that one") from error
    contender.refresh_from_db()
    return contender


def set_training(name: str, training: str, step: int) -> Checkpoint:
    """The contender's checkpoint is that of a training run after so many steps: reports draw a curve over those of one
    run and recipe. Raises Refused."""
    here = Contender.objects.filter(name=name, project=first_project())
    contender = here.select_related("checkpoint").first()
    if contender is None:
        raise Refused(f"there is no contender named {name!r}: register it first, with --recipe")
    if not training.strip() or step < 0:
        raise Refused("a place in a training is the name of the run and a step, 0 or more")
    checkpoint = contender.checkpoint
    checkpoint.training, checkpoint.step = training.strip(), step
    checkpoint.save(update_fields=["training", "step"])
    return checkpoint


def _known(settings: dict[str, Any]) -> bool:
    source = settings.get("source")
    return isinstance(source, dict) and bool(source.get("sha256"))


def _place(generator: str, settings: dict[str, Any], checkpoint: Path | None) -> Path | None:
    """Where the weights lie; a checkpoint given apart goes into the recipe's source, where it has one."""
    takes_source = "source" in load(generator).Settings.model_fields
    if checkpoint is not None and takes_source:
        kind = "file" if checkpoint.suffix == ".safetensors" or checkpoint.is_file() else "folder"
        kept = {key: value for key, value in settings.get("source", {}).items() if key not in ("folder", "file")}
        settings["source"] = kept | {kind: str(checkpoint.resolve())}
    if not takes_source:
        return checkpoint
    found: Path = _pipelines().find(getattr(parse(generator, settings), "source"))  # noqa: B009 - they have one
    return found


def _manifest(place: Path) -> dict[str, str]:
    """sha256 by file. Raises GeneratorError for what is missing, is code, or could run code."""
    if place.is_file():
        if place.suffix != ".safetensors":
            raise GeneratorError(f"{place}: only safetensors files are taken, since others can run code: convert it")
    else:
        _pipelines().check_files(place)
    manifest: dict[str, str] = _pipelines().manifest(place)
    return manifest


def _pipelines() -> Any:
    """By name: it leads to torch, which this process never loads unless a recipe is tried."""
    return import_module("generators.pipelines")


def _checkpoint(
    place: Path | None,
    manifest: dict[str, str],
    settings: dict[str, Any],
    generator: str,
    parts: list[Any],
    project: int,
) -> Checkpoint:
    """The project's checkpoint with these very files, whatever it is called; several of them together make one."""
    if place is None and parts:
        manifest = {f"{Path(part.path()).name} {part.sha256[:8]}": part.sha256 for part in parts}
        sha256, name = digest(sorted(manifest.values())), " + ".join(sorted({Path(part.path()).name for part in parts}))
    elif place is None:
        name = f"{generator}: {settings.get('program') or settings.get('server') or 'built in'}"
        return Checkpoint.objects.get_or_create(name=name, project_id=project)[0]
    else:
        sha256 = digest(manifest) if manifest else settings["source"]["sha256"]
        name = place.stem if place.suffix == ".safetensors" else place.name
    here = Checkpoint.objects.filter(project=project)
    if same := here.filter(sha256=sha256).first():
        return same
    name = name[:180]
    if here.filter(name=name).exists():
        name = f"{name} {sha256[:8]}"
    source = settings.get("source", {})
    return Checkpoint.objects.create(
        name=name,
        project_id=project,
        source=source.get("hub") or (str(place) if place else ""),
        revision=source.get("revision") or "",
        sha256=sha256,
        manifest=manifest,
    )
