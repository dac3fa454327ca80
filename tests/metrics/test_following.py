"""Whether a measure goes along with votes: by hand."""

import numpy as np
import pytest

from metrics import METRICS, WITH_WEIGHTS
from metrics.following import agreement, kendall_tau, mean_by_prompt, ranks


def test_a_prompt_with_more_clips_weighs_no_more():
    found = mean_by_prompt(np.array([1.0, 1.0, 1.0, 4.0]), np.array([7, 7, 7, 9]))
    assert (found.value, found.count, found.prompts) == (2.5, 4, 2)
    # means 1 and 4: standard error 1.5, t of one degree of freedom 12.706
    assert found.high - found.value == pytest.approx(12.7062 * 1.5, rel=1e-4)


def test_an_interval_ends_where_no_value_can_lie():
    shares, prompts = np.array([0.0, 0.0, 0.0, 0.3]), np.arange(4)
    free, held = mean_by_prompt(shares, prompts), mean_by_prompt(shares, prompts, METRICS["frozen"].bounds)
    assert free.low < 0 == held.low
    assert (held.value, held.high) == (free.value, free.high)
    assert mean_by_prompt(1 - shares, prompts, (None, 1.0)).high == 1
    assert METRICS["boiling"].bounds == (0, None)
    assert WITH_WEIGHTS["clip_score"].bounds == (None, None)


@pytest.mark.parametrize(
    ("values", "prompts", "reason"), [([], [], "nothing"), ([1.0], [0], "one prompt"), ([2.0, 2.0], [0, 1], "same")]
)
def test_no_interval_comes_without_its_reason(values, prompts, reason):
    found = mean_by_prompt(np.array(values), np.array(prompts, dtype=int))
    assert found.low is None
    assert reason in found.reason


def test_agreement_counts_votes_for_the_favoured_clip_and_ties_half():
    first, second = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0])
    outcome = np.array([1.0, 0.25, 1.0])  # agrees; agrees by three quarters; the measure is tied
    assert agreement(first, second, outcome, np.array([0, 1, 2])).value == pytest.approx((1 + 0.75 + 0.5) / 3)


def test_turning_the_measure_or_the_sides_mirrors_or_keeps_agreement():
    rng = np.random.default_rng(1)
    a, b, won, prompts = rng.normal(size=30), rng.normal(size=30), rng.integers(0, 3, 30) / 2, np.arange(30) // 2
    found = agreement(a, b, won, prompts)
    assert agreement(a, b, won, prompts, higher_is_better=False).value == pytest.approx(1 - found.value)
    assert agreement(b, a, 1 - won, prompts).value == pytest.approx(found.value)
    assert 0 <= found.low < found.value < found.high <= 1


def test_tau_by_hand_and_as_scipy_has_it():
    from scipy.stats import kendalltau

    assert kendall_tau(np.array([1.0, 2, 3]), np.array([1.0, 3, 2])) == pytest.approx(1 / 3)
    x, y = np.random.default_rng(2).integers(0, 5, (2, 12)).astype(float)
    assert kendall_tau(x, y) == pytest.approx(kendalltau(x, y).statistic)
    assert kendall_tau(np.ones(3), np.arange(3.0)) is None


def test_rank_correlations_are_scipys_and_chance_counts_all_orders():
    from scipy.stats import kendalltau, spearmanr

    x, y = np.random.default_rng(3).integers(0, 5, (2, 6)).astype(float)
    found = ranks(x, y)
    assert found.tau == pytest.approx(kendalltau(x, y).statistic)
    assert found.rho == pytest.approx(spearmanr(x, y).statistic)
    assert ranks(np.arange(4.0), np.arange(4.0)).chance == pytest.approx(1 / 24)
    assert ranks(np.arange(4.0), -np.arange(4.0)).chance == 1
    exact = kendalltau(np.arange(6), [1, 0, 2, 4, 3, 5], alternative="greater", method="exact").pvalue
    assert ranks(np.arange(6.0), np.array([1.0, 0, 2, 4, 3, 5])).chance == pytest.approx(exact)
    assert ranks(np.arange(9.0), np.arange(9.0)).chance is None
    assert ranks(np.ones(3), np.arange(3.0)).tau is None
