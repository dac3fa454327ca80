"""Generators: what turns a prompt, a seed and a recipe into frames. Plain Python, usable from a notebook.

Everything that plugs in is a line in GENERATORS, resolved when it is used: importing this package loads nothing heavy.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

GENERATORS: dict[str, str] = {
    "shapes": "generators.shapes:Shapes",
}


class GeneratorError(Exception):
    """A clip cannot be generated; the message says why and what to do."""


@dataclass(frozen=True)
class Take:
    """What a generator made: frames uint8 (T, H, W, 3) RGB, frames per second, and facts worth keeping (JSON)."""

    frames: "NDArray[np.uint8]"
    fps: float
    facts: dict[str, Any] = field(default_factory=dict)


class Generator(Protocol):
    """`Settings` names every knob of its recipes; unknown ones are refused."""

    Settings: "type[BaseModel]"

    def generate(self, prompt: str, seed: int, recipe: Any) -> Take:
        """The clip of this prompt and seed; equal arguments give equal frames. Raises GeneratorError."""
        ...


def load(name: str) -> Generator:
    """The generator of that name. Raises GeneratorError, which names near ones."""
    if name not in GENERATORS:
        raise GeneratorError(f"there is no generator {name!r}: {_hint(name, list(GENERATORS))}")
    module, _, attribute = GENERATORS[name].partition(":")
    generator: Generator = getattr(import_module(module), attribute)()
    return generator


def _hint(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
