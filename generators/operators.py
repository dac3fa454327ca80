"""What the operator of a worker allows, from its environment. Recipes name entries of these lists, never places.

A list is JSON, or the path of a file with JSON in it: {"name": {…}}. Malformed lists stop whoever reads them.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError

from generators import GeneratorError, _hint

Entry = TypeVar("Entry", bound=BaseModel)


class FromImage(BaseModel):
    """A recipe that may begin from the prompt's image. Other files it cannot name: they would leave this machine."""

    image: Literal["{prompt}"] | None = Field(
        default=None, description="'{prompt}': the image that each prompt brings along"
    )

    def with_image(self, image: Path | None) -> Self:
        """The recipe for a prompt with this image. Raises GeneratorError where one is asked for and there is none."""
        if self.image is None:
            return self
        if image is None:
            raise GeneratorError("image is the prompt's own, and this prompt has none: give it one, or leave image out")
        return self.model_copy(update={"image": str(image)})

    def meaning(self) -> dict[str, Any]:
        """All that may move a pixel."""
        return self.model_dump(mode="json", exclude=set() if self.image else {"image"})


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
