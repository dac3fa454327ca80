"""Krippendorff's alpha on 100,000 votes (20,000 items of 1,000 prompts × 5 of 200 assessors), ours beside evalica.

    python -m benchmarks.agreement_speed

Ours brings an interval in closed form, a jackknife over prompts; theirs has one only by a bootstrap. Medians of rounds
in which every candidate runs once, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from metrics.preference.agreement import Choices, dawid_skene, gwet_ac1, human_ceiling, krippendorff_alpha

ROUNDS = 9
ONCE = ("Dawid-Skene", "evalica alpha, interval by 1,000 rounds")


def main() -> None:
    import evalica
    import pandas

    rng = np.random.default_rng(0)
    item = np.repeat(np.arange(20_000), 5)
    prompt = item // 20
    assessor = (rng.integers(0, 40, 20_000)[:, None] + 40 * np.arange(5)).ravel()
    taste = rng.normal(0, 0.7, 20_000)[item] + rng.logistic(size=100_000)
    choice = np.digitize(taste, [-0.5, 0.5])
    choices = Choices.of(item, assessor, choice, prompt=prompt)
    grid = np.full((200, 20_000), np.nan)
    grid[assessor, item] = choice
    frame = pandas.DataFrame(grid)

    ours = krippendorff_alpha(choices).estimate
    theirs = evalica.alpha(frame, distance="nominal").alpha
    print(f"alpha {ours:.10f}, evalica {theirs:.10f}")
    runs: dict[str, Callable[[], object]] = {
        "alpha with its interval, from codes": lambda: krippendorff_alpha(choices),
        "alpha with its interval, from columns": lambda: krippendorff_alpha(
            Choices.of(item, assessor, choice, prompt=prompt)
        ),
        "alpha ordinal": lambda: krippendorff_alpha(choices, "ordinal"),
        "Gwet's AC1": lambda: gwet_ac1(choices),
        "human ceiling": lambda: human_ceiling(choices),
        "evalica alpha, no interval": lambda: evalica.alpha(frame, distance="nominal"),
        ONCE[0]: lambda: dawid_skene(choices, tolerance=1e-6),
        ONCE[1]: lambda: evalica.alpha_bootstrap(frame, distance="nominal", n_resamples=1000, random_state=0),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(-1, ROUNDS):  # the first one warms up
        for name, run in runs.items():
            if name in ONCE and round_ != 0:
                continue
            start = time.perf_counter()
            run()
            if round_ >= 0:
                times[name].append(time.perf_counter() - start)
    base = statistics.median(next(iter(times.values())))
    for name, taken in times.items():
        seconds = statistics.median(taken)
        print(f"{name:40s} {seconds * 1000:9.2f} ms   {seconds / base:7.1f} × alpha")


if __name__ == "__main__":
    main()
