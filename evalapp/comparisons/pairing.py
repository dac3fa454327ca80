"""Which clips meet: every two contenders on every prompt and seed. Pure: no database."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Meeting:
    """Two contenders on one prompt and seed, and the meeting's place in the random order of handing out."""

    first: int
    second: int
    prompt: int
    seed: int
    shuffle: int


def meetings(contenders: Sequence[int], scenes: Sequence[tuple[int, int]], rng_seed: int) -> Iterator[Meeting]:
    """Every two contenders on every scene (prompt, seed) once; `first` comes earlier in `contenders`.

    >>> [(meeting.first, meeting.second) for meeting in meetings([7, 8, 9], [(1, 0)], rng_seed=0)]
    [(7, 8), (7, 9), (8, 9)]
    """
    rng = random.Random(rng_seed)
    for prompt, seed in scenes:
        for first, second in combinations(contenders, 2):
            yield Meeting(first, second, prompt, seed, rng.randrange(2**31))
