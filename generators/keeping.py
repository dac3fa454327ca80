"""How many pipelines stay loaded: a worker that serves several contenders in turn loads each once, while memory allows.

Weights that are kept take up at most half of the device's memory together, the rest is for what a call needs besides.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from generators.pipeline_settings import Settings

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
    """Bytes that a recipe's weights will take, at most: files may hold two bytes a number where four are loaded."""
    from generators.pipelines import find

    place = find(recipe.source)
    files = [place] if place.is_file() else place.rglob("*.safetensors")
    return sum(path.stat().st_size for path in files) * (2 if recipe.runtime.dtype == "float32" else 1)
