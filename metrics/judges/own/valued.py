"""What assessors' votes are worth to the team's own judge: its head trained on some assessors, asked about prompts that
none of its votes are on. For `metrics.judges.valuation.truncated_shapley`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from metrics.judges.own.examples import Examples, Space
from metrics.judges.own.head import Work, fit
from metrics.preference.sandwich import add, codes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
COMPONENTS = 32
RIDGE = 0.3
HELD = 4
"""One in so many prompts is held out."""


def utility_of(examples: Examples, assessor: ArrayLike, seed: int = 0) -> tuple[Callable[[Bools], Floats], int]:
    """The utility of a mask of assessors (codes 0..k−1, one per vote), and k.

    It trains the linear head on the votes of the assessors in the mask, on three quarters of the prompts, and gives per
    held-out prompt the share of decided votes that it predicts right (ties of the judge ½), scaled so that the mean
    over prompts is the share over votes. With nobody in the mask it guesses: ½. Raises ValueError where no decided vote
    is held out or none is left to train on.
    """
    who = codes(assessor)
    held = (examples.folds(HELD, seed) == 0) & (examples.outcome != 0.5)
    train = examples.folds(HELD, seed) != 0
    if not held.any() or not train.any():
        raise ValueError("too few prompts: none is left to train on, or to hold out")
    features = Space.of(examples.features, COMPONENTS)(examples.features)
    asked, prompt = examples.take(held), codes(examples.prompt[held])
    prompts = int(prompt.max()) + 1
    scale = prompts / len(asked)
    rows = np.arange(len(asked))

    def utility(mask: Bools) -> Floats:
        kept = train & mask[who]
        if not kept.any():
            return scale * add(prompt, np.full(len(asked), 0.5), prompts)
        work = Work(features, *examples.take(kept).counts())
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the work is small: several threads would wait for one another
        try:
            head = fit(work, np.full(len(examples.aspects), RIDGE))
            with torch.no_grad():
                scores = head(torch.from_numpy(features)).numpy().astype(np.float64)
        finally:
            torch.set_num_threads(threads)
        gap = (scores[asked.first] - scores[asked.second])[rows, asked.aspect]
        right = np.where(gap == 0, 0.5, (gap > 0) == (asked.outcome == 1))
        return scale * add(prompt, right, prompts)

    return utility, int(who.max()) + 1
