"""Bootstrap for statistics that have no formula: every vote gets the product of a weight for its prompt and one for its
assessor, independent with mean 1 and variance 1 (Owen & Eckles, 2012, "Bootstrapping data arrays of arbitrary order").

Safe but somewhat wide; where a sandwich exists, as for win rates, prefer it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from metrics.preference.sandwich import codes, degrees_of_freedom, effective_assessors

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], ArrayLike]
MEMORY = 4_000_000  # weights held at once


@dataclass(frozen=True)
class Bootstrap:
    """Estimate(s) with bootstrap standard errors and intervals, each of the statistic's shape; None with a `reason`
    where there are too few prompts or assessors. `replicates` (rounds, ...) leaves out rounds without a finite value,
    `failed` counts them."""

    estimate: Floats
    se: Floats | None
    low: Floats | None
    high: Floats | None
    replicates: Floats
    rounds: int
    failed: int
    reason: str = ""


def bootstrap(
    statistic: Statistic,
    prompt: ArrayLike,
    assessor: ArrayLike | None,
    rng: np.random.Generator,
    rounds: int = 1000,
    level: float = 0.95,
) -> Bootstrap:
    """Two-way bootstrap of `statistic(weights)`: weights (b, n) in, one weight per vote and round, values (b, ...) out.

    Weights are exponential; without assessors only prompts vary ("these assessors, new prompts"). The interval is
    estimate ± t × se with df = min(prompts, W_eff) − 1, as for the sandwich. A round whose value is not finite is left
    out and counted; more than 5 % of them raise ValueError, as do columns of unequal length and rounds below 2.

    >>> outcome = np.array([1.0, 0.5, 0.0, 1.0, 1.0, 0.0])
    >>> mean = lambda weights: weights @ outcome / weights.sum(axis=1)
    >>> result = bootstrap(mean, [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 2, 3], np.random.default_rng(0))
    >>> round(float(result.estimate), 3), result.rounds
    (0.583, 1000)
    """
    prompts = codes(prompt)
    assessors = None if assessor is None else codes(assessor)
    if rounds < 2:
        raise ValueError("a bootstrap needs at least two rounds")
    if not len(prompts) or (assessors is not None and len(assessors) != len(prompts)):
        raise ValueError("prompt and assessor must have one entry per vote each, and there must be votes")
    count = int(prompts.max()) + 1
    effective = float("inf") if assessors is None else effective_assessors(assessors)
    df, reason = degrees_of_freedom(count, effective)
    estimate = np.asarray(statistic(np.ones((1, len(prompts)))), dtype=np.float64)[0]
    values = []
    batch = max(1, min(rounds, MEMORY // len(prompts)))
    for start in range(0, rounds, batch):
        size = min(batch, rounds - start)
        weights = rng.standard_exponential((size, count))[:, prompts]
        if assessors is not None:
            weights *= rng.standard_exponential((size, int(assessors.max()) + 1))[:, assessors]
        values.append(np.asarray(statistic(weights), dtype=np.float64))
    drawn = np.concatenate(values)
    whole = np.isfinite(drawn).reshape(rounds, -1).all(axis=1)
    failed = int(rounds - whole.sum())
    if failed > rounds / 20:
        raise ValueError(f"{failed} of {rounds} bootstrap rounds gave no finite value: the statistic needs more votes")
    if reason:
        return Bootstrap(estimate, None, None, None, drawn[whole], rounds, failed, reason)
    se = np.asarray(drawn[whole].std(axis=0, ddof=1))
    reach = float(stdtrit(df, (1 + level) / 2)) * se
    return Bootstrap(estimate, se, estimate - reach, estimate + reach, drawn[whole], rounds, failed)
