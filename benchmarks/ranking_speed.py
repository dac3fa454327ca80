"""Bradley-Terry on 100 contenders and 1,000,000 votes: ours on counts, with intervals, beside per-vote fits. Medians.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.ranking_speed [contenders] [votes]

One thread: on a busy machine the threads of the linear algebra wait for each other and small matrices take 10 × longer.

The others return strengths only; ours returns clustered intervals and rank ranges too. Tallying is shown apart: it
happens once, whatever is fitted afterwards.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from metrics.preference.ranking import rank
from metrics.preference.tally import Tally
from metrics.preference.votes import AllVotes


def median_seconds(run: Callable[[], object], rounds: int) -> float:
    """Median wall time of `rounds` runs after one to warm up."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(contenders: int = 100, count: int = 1_000_000) -> None:
    import choix
    import evalica
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.5, contenders)
    truth -= truth.mean()
    first = rng.integers(0, contenders, count)
    second = (first + rng.integers(1, contenders, count)) % contenders
    prompt, assessor = rng.integers(0, 1000, count), rng.integers(0, 1000, count)
    outcome = (truth[first] - truth[second] + rng.logistic(size=count) > 0).astype(float)
    outcome[rng.random(count) < 0.2] = 0.5
    names = tuple(f"c{k:03d}" for k in range(contenders))
    votes = AllVotes(names, first, second, prompt, assessor, outcome)
    tally = Tally.of(votes)

    # ties as half: every vote doubled, a tie as one win for each
    one, other = np.r_[first, first], np.r_[second, second]
    won = np.r_[outcome > 0, outcome == 1]
    winner, loser = np.where(won, one, other), np.where(won, other, one)
    pairs = list(zip(winner[:count].tolist(), loser[:count].tolist(), strict=True))
    labels_first, labels_second = [names[k] for k in first], [names[k] for k in second]
    told = [evalica.Winner.X if o == 1 else evalica.Winner.Y if o == 0 else evalica.Winner.Draw for o in outcome]
    rows = np.arange(2 * count)
    design = csr_array((np.r_[np.ones(2 * count), -np.ones(2 * count)], (np.r_[rows, rows], np.r_[one, other])))
    logistic = LogisticRegression(fit_intercept=False, C=np.inf, tol=1e-8, max_iter=1000)

    strengths: dict[str, NDArray[np.float64]] = {}

    def keep(name: str, values: NDArray[np.float64]) -> None:
        strengths[name] = values - values.mean()

    def by_evalica() -> None:
        scores = evalica.bradley_terry(labels_first, labels_second, told, limit=10_000).scores
        keep("evalica per vote", np.log(scores.loc[list(names)].to_numpy()))

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "ours: fit with clustered intervals and rank ranges": (lambda: keep("ours", rank(tally).strengths), 9),
        "ours: the same from votes, tally included": (
            lambda: rank(Tally.of(votes)),
            3,
        ),
        "evalica per vote": (by_evalica, 3),
        "choix ilsr_pairwise per vote (ties broken)": (
            lambda: keep("choix per vote", choix.ilsr_pairwise(contenders, pairs)),
            3,
        ),
        "choix ilsr_pairwise_dense on counts, no intervals": (
            lambda: keep("choix dense", choix.ilsr_pairwise_dense(tally.wins(), tol=1e-12, max_iter=1000)),
            3,
        ),
        "scikit-learn per vote": (lambda: keep("sklearn", logistic.fit(design, won).coef_[0]), 3),
    }
    seconds = {name: median_seconds(run, rounds) for name, (run, rounds) in runs.items()}
    base = next(iter(seconds.values()))
    print(f"{contenders} contenders, {count:,} votes, {tally.cells:,} cells of prompt and assessor")
    for name, value in seconds.items():
        print(f"{name:52s} {value:8.3f} s   {value / base:6.1f} × ours")
    for name, found in strengths.items():
        print(f"largest difference in strength, {name:20s} {np.abs(found - strengths['choix dense']).max():.1e}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
