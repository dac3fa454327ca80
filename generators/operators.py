"""What the operator of a worker allows, from its environment. Recipes name entries of these lists, never places.

A list is JSON, or the path of a file with JSON in it: {"name": {…}}. Malformed lists stop whoever reads them.
"""

import json
import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from generators import GeneratorError, _hint

Entry = TypeVar("Entry", bound=BaseModel)


def entry(variable: str, name: str, kind: type[Entry]) -> Entry:
    """The entry of that name in the list of an environment variable. Raises GeneratorError, which names near ones."""
    entries = _read(variable)
    if name not in entries:
        known = _hint(name, list(entries)) if entries else f"{variable} is empty on this worker"
        raise GeneratorError(f"the operator's {variable} has no {name!r}: {known}")
    try:
        return kind.model_validate(entries[name])
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise GeneratorError(f"the operator's {variable}: {name}.{where}: {wrong['msg']}") from error


def _read(variable: str) -> dict[str, object]:
    told = os.environ.get(variable, "").strip()
    if not told:
        return {}
    try:
        entries = json.loads(told if told.startswith("{") else Path(told).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GeneratorError(f"the operator's {variable} cannot be read: {error}") from error
    if not isinstance(entries, dict):
        raise GeneratorError(f"the operator's {variable} is {{name: {{…}}}}")
    return entries
