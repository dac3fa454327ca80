"""How many pipelines stay loaded: a worker that serves several contenders in turn loads each once, while memory allows.

Weights that are kept take up at most half of the device's memory together, the rest is for what a call needs besides.
"""

import json
import math
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from generators.pipeline_settings import Settings

Given = ParamSpec("Given")
Made = TypeVar("Made")
SHARE = 0.5
LIMIT = Path("/sys/fs/cgroup/memory.max")


def room() -> int:
    """Bytes that kept weights may take up: of the GPU where there is one, else of what this process may use."""
    import torch

    if torch.cuda.is_available():
        return int(SHARE * torch.cuda.mem_get_info()[1])
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # a container's limit; "max" where there is none
        total = min(total, int(LIMIT.read_text()))
    return int(SHARE * total)


def taken(pipe: Any) -> int:
    """Bytes of a loaded pipeline's weights."""
    parts = [part for part in pipe.components.values() if hasattr(part, "parameters")]
    return sum(one.numel() * one.element_size() for part in parts for one in part.parameters())


def expected(recipe: Settings) -> int:
    """Bytes that a recipe's weights will take: every floating number of its files in the precision it is loaded in,
    whatever it is stored in. The libraries keep a few in float32 all the same, as norms; fewer bits come to less."""
    from generators.pipelines import find

    place, runtime = find(recipe.source), recipe.runtime
    if place.is_file():
        return _loaded_bytes(place, WIDTHS[runtime.dtype])
    files = [(path, path.relative_to(place).parts[0]) for path in place.rglob("*.safetensors")]
    return sum(_loaded_bytes(path, WIDTHS[runtime.component_dtype.get(part, runtime.dtype)]) for path, part in files)


WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}


def _loaded_bytes(path: Path, width: int) -> int:
    """Of one file, by its header: JSON of each tensor's type, shape and place, after eight bytes that tell its length
    (github.com/huggingface/safetensors, README, Format). A file that has no such header counts as it lies."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size:
            return size
        try:
            tensors = json.loads(file.read(length))
            told = [one for name, one in tensors.items() if name != "__metadata__"]
            return sum(math.prod(one["shape"]) * width if _floats(one["dtype"]) else _lies(one) for one in told)
        except (ValueError, KeyError, TypeError, AttributeError):
            return size  # loading it tells what is wrong with it


def _lies(tensor: dict[str, Any]) -> int:
    begin, end = tensor["data_offsets"]
    return int(end - begin)


def _floats(kind: str) -> bool:
    return kind.startswith(("F", "BF"))


_ALONE = threading.RLock()


def alone(work: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let one thread of a process do any of such work at a time.

    Threads share the pipelines that are kept, and with them scheduler, adapters and hooks of the clip in hand; nor is
    diffusers safe to be imported by two threads at once.
    """

    @wraps(work)
    def waiting(*given: Given.args, **named: Given.kwargs) -> Made:
        with _ALONE:
            return work(*given, **named)

    return waiting
