"""Diversity, fronts and cost by hand."""

import numpy as np
import pytest

from metrics.tradeoffs import against_cost, front, pairwise, share_on_front, vendi, within_prompts


def test_vendi_counts_what_is_unlike():
    assert vendi(np.repeat(np.eye(4), 5, axis=0)) == pytest.approx(4)
    # Two rows at 60°: eigenvalues of K/2 are ¾ and ¼.
    rows = np.array([[1.0, 0.0], [0.5, np.sqrt(3) / 2]])
    assert vendi(rows) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    assert vendi(np.hstack([rows, np.zeros((2, 3))])) == pytest.approx(vendi(rows))
    with pytest.raises(ValueError, match="points nowhere"):
        vendi(np.zeros((2, 2)))


def test_pairwise_distance_is_the_mean_over_pairs():
    rows = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    assert pairwise(rows) == pytest.approx((1 + 0 + 1) / 3)


def test_diversity_within_prompts_leaves_out_prompts_with_one_seed():
    rows = np.array([[1.0, 0], [0, 1.0], [1.0, 0], [1.0, 0], [0, 1.0]])
    found = within_prompts(rows, np.array([1, 1, 2, 2, 3]))
    assert (found.value, found.count, found.prompts) == (0.5, 4, 2)
    assert "several seeds" in within_prompts(rows, np.arange(5)).reason


def test_equals_are_both_on_the_front_and_directions_count():
    values = np.array([[1.0, 5.0], [1.0, 5.0], [0.5, 6.0], [2.0, 1.0]])
    assert front(values, [True, True]).tolist() == [True, True, True, True]
    assert front(values, [True, False]).tolist() == [False, False, False, True]
    with pytest.raises(ValueError, match="not finite"):
        front(np.array([[np.nan, 1.0]]), [True, True])


def test_the_share_on_the_front_is_whole_for_the_best_and_half_for_twins():
    rng = np.random.default_rng(0)
    prompts = np.arange(40)
    base = rng.normal(size=40)
    best, worst = base + 5, base - 5
    values = np.stack([best, worst, worst + 0.0])[..., None]
    here, share = share_on_front(values, prompts, [True], rng, draws=200)
    assert here.tolist() == [True, False, False]
    assert share.tolist() == [1.0, 0.0, 0.0]
    noise = rng.normal(size=(2, 40, 1))
    _, share = share_on_front(noise - noise.mean(1, keepdims=True), prompts, [True], rng, draws=2000)
    assert share == pytest.approx([0.5, 0.5], abs=0.06)


def test_a_contender_without_a_measure_is_refused():
    with pytest.raises(ValueError, match="by name"):
        share_on_front(np.full((2, 3, 1), np.nan), np.arange(3), [True], np.random.default_rng(0))


def test_cost_names_who_is_better_and_cheaper():
    rows = against_cost(["slow", "fast", "poor"], np.array([0.8, 0.7, 0.6]), np.array([50.0, 4.0, 8.0]))
    assert [(row.contender, row.on_front, row.dominated_by) for row in rows] == [
        ("fast", True, []),
        ("poor", False, ["fast"]),
        ("slow", True, []),
    ]
