"""Whether fillings of a template matter, by hand and against a known truth."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import t

from metrics.preference.fillings import NONE, apart, rise
from metrics.preference.votes import Votes

MEANS = np.array([[1.0, 0.5, 0.0], [1.0, 0.0, 0.5], [0.5, 1.0, 0.0]])


def of_means(means):
    """Two assessors who agree, on a prompt for each group and filling."""
    group, filling = (np.repeat(axis.ravel(), 2) for axis in np.indices(means.shape))
    prompt = group * means.shape[1] + filling
    return Votes.of(prompt, np.tile([0, 1], means.size), np.repeat(means.ravel(), 2)), group, filling


def simulated(rng, effect, taste=0.0, groups=30, assessors=12, overlap=4):
    """Votes with effects of group, prompt, assessor and, in log-odds, of the filling."""
    kinds = len(effect)
    prompt = np.repeat(np.arange(groups * kinds), overlap)
    group, filling = prompt // kinds, prompt % kinds
    assessor = np.concatenate([rng.choice(assessors, overlap, replace=False) for _ in range(groups * kinds)])
    eta = np.array(effect)[filling] + rng.normal(0, 0.8, groups)[group] + rng.normal(0, 0.5, groups * kinds)[prompt]
    eta = eta + rng.normal(0, 0.4, assessors)[assessor] + rng.normal(0, taste, (assessors, kinds))[assessor, filling]
    outcome = (eta + rng.logistic(size=len(prompt)) > 0).astype(float)
    return Votes.of(prompt, assessor, outcome), group, filling


def test_the_p_value_is_that_of_all_deals_within_the_groups():
    found = apart(*of_means(MEANS), 3, np.random.default_rng(0), 20_000)
    assert found.apart == pytest.approx(2.5 / 3 - 0.5 / 3)
    dealt = [np.ptp(np.mean(deal, axis=0)) for deal in product(*(list(permutations(row)) for row in MEANS))]
    assert len(dealt) == 216
    assert found.p_value == pytest.approx(np.mean(np.array(dealt) >= found.apart - 1e-9), abs=0.01)
    assert found.by_chance == pytest.approx(np.mean(dealt), abs=0.01)


def test_the_rise_is_the_mean_of_the_groups_differences_with_its_two_way_interval():
    votes, group, filling = of_means(MEANS)
    found, groups = rise(votes, group, filling, 3)
    differences = np.array([-1.0, -0.5, -0.5])
    assert (found.value, groups) == (pytest.approx(differences.mean()), 3)
    # both assessors said the same, so by assessor nothing differs, and the variance is that by group
    influence = (differences - differences.mean()) / 3
    by_group = (influence**2).sum() * 3 / 2
    error = np.sqrt(by_group)
    assert found.error == pytest.approx(error)
    reach = t.ppf(0.975, min(3, 2) - 1)
    assert (found.low, found.high) == (max(-1, found.value - reach * error), min(1, found.value + reach * error))
    turned, _ = rise(votes.mirrored(), group, filling, 3)
    assert turned.value == pytest.approx(-found.value)


def test_groups_without_votes_on_a_filling_are_left_out_and_without_any_nothing_is_told():
    votes, group, filling = of_means(MEANS)
    kept = ~((group == 0) & (filling == 2))
    found, groups = rise(votes.take(kept), group[kept], filling[kept], 3)
    assert (found.value, groups) == (pytest.approx(-0.5), 2)
    assert apart(votes.take(kept), group[kept], filling[kept], 3, np.random.default_rng(0), 99).groups == 2
    none = filling != 2
    assert rise(votes.take(none), group[none], filling[none], 3) == (None, 0)
    assert apart(votes.take(none), group[none], filling[none], 3, np.random.default_rng(0), 99).reason == NONE
    alike = apart(*of_means(np.full((3, 2), 0.5)), 2, np.random.default_rng(0), 99)
    assert (alike.apart, alike.p_value, alike.reason) == (0, None, "every prompt gives the same value")
    one = group == 1
    assert "one group of prompts only" in rise(votes.take(one), group[one], filling[one], 3)[0].reason


def test_intervals_hold_the_truth_and_the_test_errs_once_in_twenty_where_fillings_do_not_matter():
    rng, inside, alarms = np.random.default_rng(5), [], []
    for _ in range(400):
        found, _ = rise(*simulated(rng, (0.0, 0.0, 0.0), taste=0.3), 3)
        inside.append(found.low <= 0 <= found.high)
        votes, group, filling = simulated(rng, (0.0, 0.0, 0.0))
        alarms.append(apart(votes, group, filling, 3, rng, 199).p_value <= 0.05)
    assert 0.94 < np.mean(inside) < 0.99
    assert 0.025 < np.mean(alarms) < 0.08


def test_where_the_filling_matters_both_see_it():
    votes, group, filling = simulated(np.random.default_rng(6), (-1.0, 0.0, 1.0))
    found, _ = rise(votes, group, filling, 3)
    assert 0.2 < found.low < found.value < found.high
    told = apart(votes, group, filling, 3, np.random.default_rng(0), 999)
    assert told.p_value == 0.001
    assert told.apart > 3 * told.by_chance
