"""Krippendorff's alpha on 100,000 votes (20,000 items × 5 of 200 assessors): ours beside evalica, medians in one run.

python -m benchmarks.agreement_speed
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from metrics.preference.agreement import Choices, dawid_skene, gwet_ac1, human_ceiling, krippendorff_alpha


def median_seconds(run: Callable[[], object], rounds: int = 7) -> float:
    """Median wall time of `rounds` runs after one to warm up."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    import evalica
    import pandas

    rng = np.random.default_rng(0)
    item = np.repeat(np.arange(20_000), 5)
    assessor = (rng.integers(0, 40, 20_000)[:, None] + 40 * np.arange(5)).ravel()
    taste = rng.normal(0, 0.7, 20_000)[item] + rng.logistic(size=100_000)
    choice = np.digitize(taste, [-0.5, 0.5])
    choices = Choices.of(item, assessor, choice)
    frame = pandas.DataFrame(np.nan, index=range(200), columns=range(20_000))
    grid = frame.to_numpy().copy()
    grid[assessor, item] = choice
    frame = pandas.DataFrame(grid)

    ours = krippendorff_alpha(choices).estimate
    theirs = evalica.alpha(frame, distance="nominal").alpha
    print(f"alpha {ours:.10f}, evalica {theirs:.10f}")
    base = median_seconds(lambda: krippendorff_alpha(choices))
    for name, run in {
        "alpha with its interval, from codes": lambda: krippendorff_alpha(choices),
        "alpha with its interval, from columns": lambda: krippendorff_alpha(Choices.of(item, assessor, choice)),
        "alpha ordinal": lambda: krippendorff_alpha(choices, "ordinal"),
        "Gwet's AC1": lambda: gwet_ac1(choices),
        "human ceiling": lambda: human_ceiling(choices),
        "Dawid-Skene": lambda: dawid_skene(choices, tolerance=1e-6),
        "evalica alpha, no interval": lambda: evalica.alpha(frame, distance="nominal"),
    }.items():
        seconds = median_seconds(run, 3 if name == "Dawid-Skene" else 7)
        print(f"{name:40s} {seconds * 1000:9.2f} ms   {seconds / base:7.1f} × alpha")


if __name__ == "__main__":
    main()
