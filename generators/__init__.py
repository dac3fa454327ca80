"""Generators: what turns a prompt, a seed and a recipe into frames. Plain Python, usable from a notebook.

Everything that plugs in is a line in GENERATORS, resolved when it is used: importing this package loads nothing heavy.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

GENERATORS: dict[str, str] = {
    "shapes": "generators.shapes:Shapes",
    "diffusers": "generators.diffusers:Diffusers",
    "stages": "generators.stages:Stages",
    "deforum": "generators.deforum:Deforum",
    "command": "generators.command:Command",
    "http": "generators.http:Http",
}


class GeneratorError(Exception):
    """A clip cannot be generated; the message says why and what to do."""


class Cancelled(Exception):
    """The clip is no longer wanted. A `Watch` raises it; generators clean up and let it pass."""


Watch = Callable[[float], None]
"""Called between steps with the share done, 0 to 1; raises Cancelled when the clip is no longer wanted."""


def unwatched(done: float) -> None:
    """Nobody looks on, and nobody cancels."""


@dataclass(frozen=True)
class Capabilities:
    """What a generator can do; what it cannot, recipes may not ask of it."""

    seed: bool = True
    negative: bool = False
    first_frame: bool = False
    progress: bool = False
    cancel: bool = False
    batch: bool = False
    lossless: bool = True
    """False when the frames have been through a lossy codec before they came here."""


@dataclass(frozen=True)
class Take:
    """What a generator made: frames uint8 (T, H, W, 3) RGB, frames per second, and facts worth keeping (JSON)."""

    frames: "NDArray[np.uint8]"
    fps: float
    facts: dict[str, Any] = field(default_factory=dict)


class Generator(Protocol):
    """`Settings` names every knob of its recipes; unknown ones are refused.

    There is one instance of each generator in a process: weights that it keeps loaded serve the next clip.
    """

    Settings: "type[BaseModel]"
    capabilities: Capabilities

    def generate(self, prompt: str, seed: int, recipe: Any, watch: Watch = unwatched) -> Take:
        """The clip of this prompt and seed; equal arguments give equal frames. Raises GeneratorError and Cancelled.

        Facts that it can tell go by these names: noise_sha256 (of the initial noise), versions (library: version),
        load_seconds, sample_seconds, decode_seconds.
        """
        ...

    # Three methods that a generator may have:
    # weights_key(recipe) -> str: names all that must be loaded; recipes with equal keys share what is loaded.
    # holds(recipe) -> bool: whether that is loaded now; without it, what was used among the last few counts as loaded.
    # preflight(recipe) -> dict: tries the recipe once, cheaply, when it is registered; facts worth keeping.


def load(name: str) -> Generator:
    """The generator of that name, the same one each time. Raises GeneratorError, which names near ones."""
    if name in GENERATORS:
        return _made(GENERATORS[name])
    if found := _plugin(name):
        return found
    raise GeneratorError(f"there is no generator {name!r}: {_hint(name, names())}")


def names() -> list[str]:
    """Every generator that recipes may name here: the built-in ones and the operator's plugins."""
    from generators.plugin import allowed, installed

    return [*GENERATORS, *(name for name in installed() if name in allowed())]


@cache
def _made(where: str) -> Generator:
    module, _, attribute = where.partition(":")
    generator: Generator = getattr(import_module(module), attribute)()
    return generator


@cache
def _plugin(name: str) -> Generator | None:
    from generators.plugin import find

    return find(name)


def _hint(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
