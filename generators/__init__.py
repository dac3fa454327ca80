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
