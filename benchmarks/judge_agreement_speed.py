"""Seconds for the agreement of 10 judges with people on 100,000 pairs, intervals included:
`python -m benchmarks.judge_agreement_speed`. Target: under 10 s. The scores are drawn at random."""

import time

import numpy as np

from metrics.judges.agreement import auc, decided_accuracy, oddities, out_of_fold_three_way

PAIRS, PROMPTS, JUDGES = 100_000, 2_000, 10


def main() -> None:
    rng = np.random.default_rng(0)
    human = rng.choice([-1, 0, 1], PAIRS, p=[0.4, 0.2, 0.4])
    prompt = rng.integers(0, PROMPTS, PAIRS)
    start = time.perf_counter()
    for _ in range(JUDGES):
        delta = human * 0.5 + rng.normal(size=PAIRS)
        decided_accuracy(delta, human, prompt)
        out_of_fold_three_way(delta, human, prompt)
        auc(delta, human, prompt)
        oddities(delta, human, prompt)
    print(f"{JUDGES} judges × {PAIRS:,} pairs of {PROMPTS:,} prompts: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
