"""Values of votes and assessors: by hand, against every coalition, and what they must add up to."""

import itertools
from math import comb

import numpy as np
import pytest

from metrics.judges.valuation import influence, knn_shapley, truncated_shapley, vote_values


def shapley(count, utility):
    """Over every coalition, by the definition."""
    found = np.zeros(count)
    for player in range(count):
        others = [each for each in range(count) if each != player]
        for size in range(count):
            for chosen in itertools.combinations(others, size):
                gained = utility([*chosen, player]) - utility(list(chosen))
                found[player] += gained / (count * comb(count - 1, size))
    return found


def nearest(x, y, t, u, neighbours):
    """The k-nearest-neighbour game of one held-out vote, each vote turned whichever way lies nearer."""

    def utility(chosen):
        turned = [(np.linalg.norm(t - s * x[i]), (y[i] if s > 0 else 1 - y[i]) == u) for i in chosen for s in (1, -1)]
        near = [min(turned[2 * n : 2 * n + 2]) for n in range(len(chosen))]
        return sum(right for _, right in sorted(near)[:neighbours]) / neighbours

    return utility


def test_three_votes_by_hand():
    # Nearest first: right, wrong, right; k = 1. The last adds 1/3; the second 1/3 + (0 − 1)/2 = −1/6; the first
    # −1/6 + (1 − 0)/1 = 5/6.
    found = knn_shapley([[1.0], [1.1], [1.5]], [1, 0, 1], [[0.9]], [1], neighbours=1)
    assert found[0] == pytest.approx([5 / 6, -1 / 6, 1 / 3])


@pytest.mark.parametrize("neighbours", [1, 2, 3, 9])
def test_the_closed_form_is_the_shapley_value_of_every_coalition(neighbours):
    rng = np.random.default_rng(neighbours)
    x, y = rng.normal(size=(6, 3)), rng.choice([0, 0.5, 1], 6)
    t, u = rng.normal(size=3), 1.0
    brute = shapley(6, nearest(x, y, t, u, neighbours))
    assert knn_shapley(x, y, [t], [u], neighbours)[0] == pytest.approx(brute)


def test_votes_add_up_to_what_all_of_them_gain_and_turning_one_round_changes_nothing():
    rng = np.random.default_rng(1)
    x, y, prompt = rng.normal(size=(60, 4)), rng.choice([0, 0.5, 1], 60), np.repeat(np.arange(12), 5)
    found = vote_values(x, y, prompt)
    assert found.value.sum() == pytest.approx(found.total)
    turn = rng.choice([-1, 1], 60)
    turned = vote_values(x * turn[:, None], np.where(turn > 0, y, 1 - y), prompt)
    assert turned.value == pytest.approx(found.value)
    by_assessor = vote_values(x, y, prompt, groups=np.tile(np.arange(5), 12))
    assert by_assessor.value == pytest.approx(np.bincount(np.tile(np.arange(5), 12), found.value))


def world(rng, assessors=6, prompts=40):
    """Votes that follow a direction, but for the last assessor's, who guesses (simulated)."""
    x = rng.normal(size=(assessors * prompts, 3))
    prompt, assessor = np.repeat(np.arange(prompts), assessors), np.tile(np.arange(assessors), prompts)
    y = (x @ [1.0, -1.0, 0.5] + rng.normal(0, 0.3, len(x)) > 0).astype(float)
    guessing = assessor == assessors - 1
    y[guessing] = rng.choice([0, 1], guessing.sum())
    return x, y, prompt, assessor


def test_who_guesses_comes_first_in_review_order():
    x, y, prompt, assessor = world(np.random.default_rng(3))
    found = vote_values(x, y, prompt, groups=assessor)
    assert found.review_order[0] == 5
    assert found.value[5] < found.low[:5].min()

    held = prompt % 4 == 0

    def utility(mask):
        chosen = ~held & mask[assessor]
        if not chosen.any():
            return np.full(10, 0.5)
        weights, *_ = np.linalg.lstsq(x[chosen], 2 * y[chosen] - 1, rcond=None)
        right = (np.sign(x[held] @ weights) == 2 * y[held] - 1).astype(float)
        return right.reshape(10, -1).mean(axis=1)

    trained = truncated_shapley(6, utility, permutations=30)
    assert trained.review_order[0] == 5
    assert trained.value.sum() == pytest.approx(trained.total)
    assert (trained.low < trained.value).all()
    cut = truncated_shapley(6, utility, permutations=30, tolerance=0.05)
    assert cut.trainings < trained.trainings
    assert cut.value.sum() == pytest.approx(cut.total, abs=0.05)


def test_monte_carlo_comes_near_the_shapley_value_and_its_interval_holds_it():
    worth = np.array([0.3, 0.2, 0.0, 0.1])

    def utility(mask):
        return float(np.sqrt(worth[mask].sum()))  # what one adds depends on who is there

    exact = shapley(4, lambda chosen: float(np.sqrt(worth[chosen].sum())))
    found = truncated_shapley(4, lambda mask: [utility(mask)], permutations=400, seed=2)
    assert found.value == pytest.approx(exact, abs=0.02)
    assert found.value[2] == 0
    assert ((found.low <= exact) & (exact <= found.high)).sum() >= 3


def test_influence_is_the_win_rate_counted_again_without_each():
    rng = np.random.default_rng(0)
    y, prompt, assessor = rng.choice([0, 0.5, 1], 80), rng.integers(0, 9, 80), rng.integers(0, 6, 80)
    prompt[assessor == 5] = 9  # a prompt that one assessor alone voted on goes with them

    def rate(kept):
        return np.mean([y[kept & (prompt == each)].mean() for each in np.unique(prompt[kept])])

    for of in (assessor, prompt):
        found = influence(y, prompt, of)
        assert found.without == pytest.approx([rate(of != each) for each in found.labels])
        assert found.moved == pytest.approx(found.without - rate(np.ones(80, dtype=bool)))
        assert abs(found.moved[found.order[0]]) == max(abs(found.moved))
    assert np.isnan(influence([1, 0], [0, 1], ["x", "x"]).without).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"outcome": [0.3]}, "outcome"),
        ({"features": [[np.nan]]}, "finite"),
        ({"held_features": [[1.0, 2.0]]}, "features"),
        ({"neighbours": 0}, "neighbours"),
    ],
)
def test_bad_input_is_named(change, named):
    good = {"features": [[1.0]], "outcome": [1], "held_features": [[1.0]], "held_outcome": [1]}
    with pytest.raises(ValueError, match=named):
        knn_shapley(**good | change)
    with pytest.raises(ValueError, match="prompts"):
        vote_values([[1.0]], [1], [0])
