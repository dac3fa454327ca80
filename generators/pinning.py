"""What a recipe names by a path, named by its content too: the sha256 of the files stands in for where they lie."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from generators import GeneratorError
from generators.pipeline_settings import Placed, Source

Key = tuple[str | int, ...]


def placed(part: Any, key: Key = ()) -> Iterator[tuple[Key, Placed]]:
    """Every part of a recipe that names files, with where in the recipe it stands."""
    if isinstance(part, Placed) and part.path() is not None:
        yield key, part
    if isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from placed(getattr(part, name), (*key, name))
    elif isinstance(part, list | tuple):
        for number, each in enumerate(part):
            yield from placed(each, (*key, number))


def content(part: Placed) -> str:
    """sha256 of the files that a part names: of a file, or of a folder's manifest. Raises GeneratorError."""
    from generators.pipelines import check_files, find, manifest_sha256

    path = find(part) if isinstance(part, Source) else Path(str(part.path())).expanduser()
    if path.is_dir() or not path.suffix:
        check_files(path)
        return manifest_sha256(path)
    if isinstance(part, Source) and path.is_file():
        return manifest_sha256(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise GeneratorError(f"{path}: there is no such folder or file on this worker ({error.strerror})") from error


def check(part: Placed) -> None:
    """Raises GeneratorError when the files are not those that were registered."""
    if part.sha256 is not None and (found := content(part)) != part.sha256:
        raise GeneratorError(
            f"{part.path()}: its files have changed since the recipe was registered (sha256 {found[:12]}, not "
            f"{part.sha256[:12]}): restore them, or register them as another contender"
        )


def pinned(settings: dict[str, Any], recipe: BaseModel) -> dict[str, Any]:
    """The settings, with the sha256 of whatever they name by a path; `recipe` is what they were read as.

    Raises GeneratorError for what is not there.
    """
    result: dict[str, Any] = _copied(settings)
    for key, part in placed(recipe):
        if part.sha256 is None:
            here: Any = result
            for step in key:
                here = here[step]
            here["sha256"] = content(part)
    return result


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list | tuple) else value
