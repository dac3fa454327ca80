"""Position bias: counts by hand, weighted least squares by statsmodels, and recovery of a known bias."""

from dataclasses import replace

import numpy as np
import pytest

from metrics.preference.bias import position_bias, side_corrected
from metrics.preference.votes import Votes
from metrics.preference.winrate import win_rate_of


def study(seed=0, prompts=300, lean=0.0, left=0.0, share=0.5):
    rng = np.random.default_rng(seed)
    prompt = np.repeat(np.arange(prompts), 2)
    sides = rng.random(2 * prompts) < share
    latent = lean + left * np.where(sides, 1, -1) + rng.normal(size=2 * prompts)
    return Votes.of(prompt, rng.integers(0, 20, 2 * prompts), (latent > 0).astype(float), sides)


def test_left_wins_are_counted_among_decided_votes_whichever_contender_stood_there():
    votes = Votes.of([0, 1, 2, 3, 4], [0, 1, 0, 1, 0], [1, 0, 1, 0.5, 0], first_on_left=[1, 0, 0, 1, 1])
    result = position_bias(votes)
    assert (result.left.wins, result.left.ties, result.left.losses) == (2, 0, 2)
    assert (result.per_assessor[0].wins, result.per_assessor[0].losses) == (1, 2)
    assert (result.per_assessor[1].wins, result.per_assessor[1].losses) == (1, 0)
    assert "independent" in result.per_assessor[0].interval.claim


def test_exchanging_first_and_second_leaves_the_bias_and_mirrors_the_corrected_win_rate():
    votes = study(lean=0.3, left=0.4, share=0.6)
    one, other = position_bias(votes), position_bias(votes.mirrored())
    assert one.left.estimate == pytest.approx(other.left.estimate)
    assert one.corrected.estimate == pytest.approx(1 - other.corrected.estimate)
    assert one.corrected.interval.low == pytest.approx(1 - other.corrected.interval.high)
    assert one.corrected.effect == pytest.approx(other.corrected.effect)


def test_unbalanced_sides_are_said_and_the_corrected_win_rate_undoes_their_bias():
    votes = study(left=0.8, share=0.8, prompts=1000)
    result = position_bias(votes)
    assert "unbalanced" in result.balance
    assert result.corrected.raw > 0.6
    assert result.corrected.interval.low < 0.5 < result.corrected.interval.high
    assert result.corrected.effect == pytest.approx(2 * 0.2881, abs=0.08)  # 2 Φ(0.8) − 1
    assert result.corrected.effect_p_value < 0.001


def test_fixed_sides_give_no_corrected_win_rate_but_the_reason():
    votes = replace(study(), first_on_left=np.ones(600, dtype=bool))
    result = position_bias(votes)
    assert result.corrected.estimate is None
    assert "cannot be told apart" in result.corrected.reason
    assert result.balance == result.corrected.reason


def test_balanced_sides_without_bias_leave_the_win_rate_where_it_was():
    votes = study(lean=0.4)
    corrected = side_corrected(votes)
    assert corrected.estimate == pytest.approx(win_rate_of(votes).estimate, abs=0.01)
    assert corrected.interval.se == pytest.approx(win_rate_of(votes).interval.se, rel=0.15)
    assert position_bias(votes).balance == ""


def test_the_correction_equals_statsmodels_weighted_least_squares_with_two_way_clusters():
    sm = pytest.importorskip("statsmodels.api")
    votes = study(lean=0.3, left=0.4, share=0.6, seed=5)
    design = np.stack([np.ones(len(votes)), np.where(votes.first_on_left, 0.5, -0.5)], axis=1)
    groups = np.stack([votes.prompt, votes.assessor], axis=1)
    fit = sm.WLS(votes.outcome, design).fit(cov_type="cluster", cov_kwds={"groups": groups})
    corrected = side_corrected(votes)
    assert (corrected.estimate, corrected.effect) == pytest.approx(tuple(fit.params))
    assert corrected.interval.se == pytest.approx(fit.bse[0], rel=0.005)


def test_votes_without_sides_are_refused_in_words():
    with pytest.raises(ValueError, match="stood on the left"):
        position_bias(Votes.of([0], [0], [1]))


def test_no_votes_give_a_reason():
    result = position_bias(Votes.of([], [], [], first_on_left=[]))
    assert result.corrected.estimate is None
    assert result.balance == result.corrected.reason == "no votes"


@pytest.mark.parametrize("outcome", [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
def test_sides_that_explain_every_vote_leave_no_interval_and_say_why(outcome):
    sides = [1, 1, 1, 0, 0, 0]
    votes = Votes.of([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], outcome, first_on_left=sides)
    corrected = position_bias(votes).corrected
    assert corrected.interval is None
    assert corrected.reason
