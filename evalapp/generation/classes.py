"""Hardware classes: names of queues, some of which tell how much memory a GPU has, as gpu.24gb.

A contender asks for one; a worker of a class serves whatever asks for as much memory or less.
"""

import re
from collections.abc import Iterable

SIZED = re.compile(r"gpu\.(\d{1,5})gb")


def gigabytes(hardware: str) -> int | None:
    """The memory that a class's name tells; None where it tells none."""
    sized = SIZED.fullmatch(hardware)
    return int(sized[1]) if sized else None


def serves(worker: str, asked: str) -> bool:
    """Whether workers of a class meet what is asked for: the same class, or a smaller GPU."""
    has, needs = gigabytes(worker), gigabytes(asked)
    return worker == asked or (has is not None and needs is not None and has >= needs)


def served(workers: Iterable[str], asked: Iterable[str]) -> list[str]:
    """A worker's own classes, then those of `asked` that it serves beside them: the largest first, as fewer workers can
    take these up."""
    own = list(workers)
    more = {each for each in asked if each not in own and any(serves(one, each) for one in own)}
    return own + sorted(more, key=lambda each: -(gigabytes(each) or 0))
