"""Seconds to train the team's own judge on 5,000 ballots × 7 aspects with 5 folds, features given:
`python -m benchmarks.own_judge_speed`. Target: under 30 s on 2 cores. The votes are simulated."""

import time

import numpy as np

from metrics.judges.own.examples import Examples
from metrics.judges.own.training import train

BALLOTS, ASPECTS, PROMPTS, CONTENDERS, COLUMNS = 5_000, 7, 300, 4, 2_347
"""Columns as pooled CLIP features and signal features have them."""


def main() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(PROMPTS * CONTENDERS, COLUMNS)).astype(np.float32)
    truth = features[:, :40] @ rng.normal(size=(40, ASPECTS)) / 4
    prompt, one = rng.integers(0, PROMPTS, BALLOTS), rng.integers(0, CONTENDERS, BALLOTS)
    other = (one + rng.integers(1, CONTENDERS, BALLOTS)) % CONTENDERS
    first, second = (
        np.repeat(prompt * CONTENDERS + each, ASPECTS) for each in (np.minimum(one, other), np.maximum(one, other))
    )
    aspect = np.tile(np.arange(ASPECTS), BALLOTS)
    gap = truth[first, aspect] - truth[second, aspect] + rng.logistic(size=len(aspect))
    outcome = np.where(np.abs(gap) < 0.6, 0.5, (gap > 0) * 1.0)
    columns, aspects = (tuple(map(str, range(each))) for each in (COLUMNS, ASPECTS))
    contender = np.tile(np.arange(CONTENDERS), PROMPTS)
    examples = Examples(
        aspects, tuple("abcd"), columns, features, contender, first, second, np.repeat(prompt, ASPECTS), aspect, outcome
    )
    start, cpu = time.perf_counter(), time.process_time()
    trained = train(examples)
    print(f"{BALLOTS:,} simulated ballots × {ASPECTS} aspects, {COLUMNS:,} features: ", end="")
    print(f"{time.perf_counter() - start:.1f} s ({time.process_time() - cpu:.1f} s of processors)")
    for method in ("head", "scikit-learn"):
        known = [row["accuracy"]["value"] for row in trained.card["scores"] if row["method"] == method]
        print(f"{method}: held-out accuracy on decided votes {np.mean(known):.3f}, mean over aspects")


if __name__ == "__main__":
    main()
