import numpy as np
import pytest

from metrics.preference.transitivity import transitivity
from metrics.preference.votes import AllVotes


def votes(seed: int, circle: float, count: int = 1500) -> AllVotes:
    """Five contenders on one scale, each with `circle` more log-odds against the next one round the ring."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 5, count)
    second = (first + rng.integers(1, 5, count)) % 5
    prompt, assessor = rng.integers(0, 50, count), rng.integers(0, 20, count)
    taste = rng.normal(0, 0.5, (50, 5))
    step = (second - first) % 5
    eta = taste[prompt, first] - taste[prompt, second] + circle * ((step == 1) * 1.0 - (step == 4) * 1.0)
    outcome = (eta + rng.logistic(size=count) > 0).astype(float)
    return AllVotes(tuple("abcde"), first, second, prompt, assessor, outcome)


def test_a_ring_of_contenders_is_told_from_a_scale():
    ring = transitivity(votes(1, circle=0.8), np.random.default_rng(0))
    assert ring.df == 10 - 4
    assert ring.p_value < 0.001
    scales = [transitivity(votes(seed, circle=0.0), np.random.default_rng(0), 200) for seed in range(40)]
    assert sum(scale.p_value < 0.05 for scale in scales) <= 5


def test_three_contenders_each_beating_the_next_are_one_circular_triad():
    first, second = np.tile([0, 1, 2], 40), np.tile([1, 2, 0], 40)
    outcome = np.repeat([1.0, 1.0, 1.0, 0.0], 30)
    rng = np.random.default_rng(0)
    result = transitivity(
        AllVotes(("a", "b", "c"), first, second, rng.integers(0, 20, 120), rng.integers(0, 8, 120), outcome), rng
    )
    assert result.triads == 1
    # all strengths are equal, so the deviance is that of three win rates of 3/4 against 1/2
    assert result.deviance == pytest.approx(2 * 120 * (0.75 * np.log(1.5) + 0.25 * np.log(0.5)))


def test_two_contenders_leave_nothing_to_test():
    rng = np.random.default_rng(0)
    zero = np.zeros(20, dtype=int)
    result = transitivity(
        AllVotes(("a", "b"), zero, zero + 1, np.arange(20), np.arange(20) % 5, np.tile([1.0, 0.0], 10)), rng
    )
    assert result.p_value is None
    assert "no pairing to spare" in result.reason
