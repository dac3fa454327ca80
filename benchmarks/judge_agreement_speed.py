"""Seconds for all that the page says of 10 judges on one aspect of 100,000 pairs, intervals included:
`python -m benchmarks.judge_agreement_speed`. Target: under 10 s. Votes and scores are drawn at random."""

import time

import numpy as np

from metrics.judges.trust import JudgedPairs, trust

PAIRS, PROMPTS, JUDGES, CONTENDERS, VOTES = 100_000, 2_000, 10, 4, 3


def main() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.permuted(np.tile(np.arange(CONTENDERS), (PAIRS, 1)), axis=1)[:, :2]).T
    edge = np.linspace(1, -1, CONTENDERS)
    gap = edge[first] - edge[second] + rng.normal(size=PAIRS)
    chances = np.stack([1 / (1 + np.exp(0.5 - gap)), np.zeros(PAIRS), 1 / (1 + np.exp(0.5 + gap))], axis=1)
    chances[:, 1] = 1 - chances.sum(axis=1)
    wins, ties, losses = rng.multinomial(VOTES, chances).T
    prompt = rng.integers(0, PROMPTS, PAIRS)
    names = [f"contender {number}" for number in range(CONTENDERS)]
    wall, worked = time.perf_counter(), time.process_time()
    for _ in range(JUDGES):
        delta = gap + rng.normal(size=PAIRS)
        trust(JudgedPairs(names, np.arange(PAIRS), prompt, first, second, wins, ties, losses, delta))
    wall, worked = time.perf_counter() - wall, time.process_time() - worked
    print(f"{JUDGES} judges × {PAIRS:,} pairs of {PROMPTS:,} prompts: {wall:.1f} s, {worked:.1f} s of processor time")


if __name__ == "__main__":
    main()
