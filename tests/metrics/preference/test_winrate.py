"""Win rates against hand calculation, statsmodels' two-way covariance, and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from metrics.preference.votes import AllVotes, Votes
from metrics.preference.winrate import (
    strength_weighted,
    t_interval,
    variances,
    wilson,
    win_rate,
    win_rate_of,
    without_each_assessor,
)


def random_votes(seed=0, prompts=40, assessors=8, votes=150, chances=(0.3, 0.2, 0.5)):
    rng = np.random.default_rng(seed)
    return Votes.of(
        rng.integers(0, prompts, votes), rng.integers(0, assessors, votes), rng.choice([0, 0.5, 1], votes, p=chances)
    )


def test_win_rate_counts_a_tie_as_half():
    assert win_rate(first=3, second=1, tie=2).estimate == pytest.approx(4 / 6)


def test_counts_give_wilsons_published_interval_labelled_as_assuming_independence():
    result = win_rate(first=62, second=38)
    published = stats.binomtest(62, 100).proportion_ci(method="wilson")
    assert (result.interval.low, result.interval.high) == pytest.approx((published.low, published.high))
    assert "independent" in result.interval.claim
    assert result.same_assessors is None
    assert result.in_words == "wins 62 of 100, between 52 and 71"


def test_the_estimate_is_the_mean_of_prompt_means_and_the_variance_is_the_sandwich_worked_by_hand():
    # prompt 0: 1, 1 (assessors 0, 1); prompt 1: 1 (assessor 0); prompt 2: 0, ½ (assessors 0, 1). Means 1, 1, ¼.
    votes = Votes.of([0, 0, 1, 2, 2], [0, 1, 0, 0, 1], [1, 1, 1, 0, 0.5])
    theta, parts = variances(votes)
    assert theta == pytest.approx(0.75)
    psi = np.array([0.25 / 6, 0.25 / 6, 0.25 / 3, -0.75 / 6, -0.25 / 6])
    by_prompt = np.array([psi[0] + psi[1], psi[2], psi[3] + psi[4]])
    by_assessor = np.array([psi[0] + psi[2] + psi[3], psi[1] + psi[4]])
    assert parts.prompt == pytest.approx(3 / 2 * (by_prompt**2).sum())
    assert parts.prompt == pytest.approx(np.var([1, 1, 0.25], ddof=1) / 3)
    assert parts.assessor == pytest.approx(2 * (by_assessor**2).sum())
    assert parts.cell == pytest.approx(5 / 4 * (psi**2).sum())
    assert parts.effective_assessors == pytest.approx(25 / 13)


def test_two_way_variance_equals_statsmodels_within_half_a_percent():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    prompt = np.repeat(np.arange(150), 4)
    assessor = np.concatenate([rng.choice(20, 4, replace=False) for _ in range(150)])
    latent = rng.normal(size=150)[prompt] + 0.5 * rng.normal(size=20)[assessor] + rng.normal(size=600)
    votes = Votes.of(prompt, assessor, np.where(latent > 0.4, 1, np.where(latent < -0.4, 0, 0.5)))
    fit = sm.OLS(votes.outcome, np.ones(600)).fit(
        cov_type="cluster", cov_kwds={"groups": np.stack([prompt, assessor], axis=1)}
    )
    theta, parts = variances(votes)
    assert theta == pytest.approx(fit.params[0])
    assert np.sqrt(parts.two_way) == pytest.approx(fit.bse[0], rel=0.005)
    assert win_rate_of(votes).interval.se == pytest.approx(fit.bse[0], rel=0.005)


def test_the_interval_for_these_assessors_is_the_t_interval_of_prompt_means():
    rng = np.random.default_rng(1)
    votes = Votes.of(np.arange(400) % 100, np.arange(400) % 7, rng.choice([0, 0.5, 1], 400))
    means = votes.outcome.reshape(4, 100).mean(axis=0)
    low, high = stats.t.interval(0.95, 99, means.mean(), stats.sem(means))
    same = win_rate_of(votes).same_assessors
    assert (same.low, same.high) == pytest.approx((low, high), abs=0.002)
    assert (same.se, same.df) == pytest.approx((stats.sem(means), 99))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_exchanging_first_and_second_mirrors_everything(seed, votes):
    votes = random_votes(seed, prompts=12, assessors=5, votes=votes)
    one, other = win_rate_of(votes), win_rate_of(votes.mirrored())
    assert other.estimate == pytest.approx(1 - one.estimate)
    assert (other.wins, other.losses) == (one.losses, one.wins)
    for a, b in ((one.interval, other.interval), (one.same_assessors, other.same_assessors)):
        assert (a is None) == (b is None)
        if a is not None:
            assert (b.low, b.high, b.p_value) == pytest.approx((1 - a.high, 1 - a.low, a.p_value), abs=1e-9)
            assert 0 <= a.low <= one.estimate <= a.high <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_votes_and_the_names_of_prompts_do_not_matter(seed):
    votes = random_votes(seed)
    order = np.random.default_rng(seed).permutation(len(votes))
    shuffled = Votes.of(1000 - 7 * votes.prompt[order], votes.assessor[order] + 5, votes.outcome[order])
    one, other = win_rate_of(votes), win_rate_of(shuffled)
    assert (one.interval.low, one.interval.high) == pytest.approx((other.interval.low, other.interval.high))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(0.3, 0.2, 0.5), (0.02, 0.05, 0.93), (0.45, 0.1, 0.45)]))
def test_one_half_is_outside_the_interval_exactly_when_the_p_value_is_below_five_percent(seed, chances):
    result = win_rate_of(random_votes(seed, chances=chances)).interval
    assert (result.p_value < 0.05) == (not result.low <= 0.5 <= result.high)


def test_interval_and_p_value_agree_about_one_half_at_every_estimate_and_variance():
    for theta in np.linspace(0.02, 0.98, 49):
        for se in (0.02, 0.06, 0.1, 0.15, 0.2):
            result = t_interval(theta, se**2, 4.3, "claim")
            assert (result.p_value < 0.05) == (not result.low <= 0.5 <= result.high), (theta, se)


def test_when_every_vote_is_the_same_the_interval_is_not_of_width_zero():
    prompt, assessor = np.arange(100), np.arange(100) % 5
    won = win_rate_of(Votes.of(prompt, assessor, np.ones(100)))
    almost = win_rate_of(Votes.of(prompt, assessor, np.r_[0, np.ones(99)]))
    assert won.interval.low == pytest.approx(almost.interval.low)
    assert won.interval.high == 1
    assert won.interval.low < 0.95
    tied = win_rate_of(Votes.of(prompt, assessor, np.full(100, 0.5)))
    assert 0.4 < tied.interval.low < 0.49
    assert tied.interval.low == pytest.approx(1 - tied.interval.high)
    assert tied.p_value == 1


def test_what_cannot_be_computed_is_none_with_a_reason_in_words():
    nothing = win_rate_of(Votes.of([], [], []))
    assert nothing.estimate is nothing.interval is None
    assert "no votes" in nothing.in_words
    one_prompt = win_rate_of(Votes.of([4, 4, 4], [0, 1, 2], [1, 0, 1]))
    assert one_prompt.interval is one_prompt.same_assessors is None
    assert "one prompt" in one_prompt.reason
    alone = win_rate_of(Votes.of([0, 1, 2], [9, 9, 9], [1, 0.5, 0]))
    assert alone.interval is None
    assert "assessor" in alone.in_words
    assert alone.same_assessors is not None


def test_one_vote_more_for_the_winner_on_a_full_slate_never_lowers_its_lower_end_much():
    prompt, assessor = np.arange(60), np.arange(60) % 6
    lows = []
    for losses in (3, 2, 1, 0):
        outcome = np.ones(60)
        outcome[:losses] = 0
        lows.append(win_rate_of(Votes.of(prompt, assessor, outcome)).interval.low)
    assert lows == sorted(lows)


def test_leaving_out_each_assessor_shows_on_whom_the_finding_hangs():
    votes = Votes.of([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    alone = without_each_assessor(votes)
    assert (alone[0].estimate, alone[1].estimate) == (0, 1)


def test_bad_votes_are_refused_by_name():
    with pytest.raises(ValueError, match="outcome must be 1"):
        Votes.of([0], [0], [float("nan")])
    with pytest.raises(ValueError, match="assessor has shape"):
        Votes.of([0, 1], [0], [1, 0])
    with pytest.raises(ValueError, match="both bad"):
        Votes.of([0], [0], [1], both_bad=[True])
    with pytest.raises(ValueError, match="first must be a count"):
        win_rate(first=-1, second=2)
    with pytest.raises(ValueError, match="positive variance"):
        t_interval(0.5, 0.0, 4, "claim")


def test_a_pairing_taken_from_many_contenders_turns_votes_cast_the_other_way_round():
    table = AllVotes(
        ("a", "b", "c"),
        np.array([0, 1, 2]),
        np.array([1, 0, 0]),
        np.array([5, 6, 7]),
        np.array([1, 2, 3]),
        np.array([1.0, 1.0, 0.5]),
        np.array([True, True, False]),
    )
    pairing = table.pairing("a", "b")
    assert pairing.outcome.tolist() == [1, 0]
    assert pairing.first_on_left.tolist() == [True, False]
    assert table.pairing("b", "a").counts == (1, 0, 1)
    with pytest.raises(ValueError, match="'d' is not among"):
        table.pairing("a", "d")


def test_wilson_is_the_inverse_of_the_score_test():
    low, high = wilson(0.3, 50, 1.96)
    for end in (low, high):
        assert abs(0.3 - end) / np.sqrt(end * (1 - end) / 50) == pytest.approx(1.96)


def test_weighed_by_strength_a_preference_of_half_the_strength_counts_three_quarters():
    votes = Votes.of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], [1, 1, 0, 0.5, 1, 0], strength=[2, 1, 1, 0, 2, 2])
    found = strength_weighted(votes, strongest=2)
    assert found.estimate == pytest.approx(np.mean([(1 + 0.75) / 2, (0.25 + 0.5) / 2, (1 + 0) / 2]))
    turned = strength_weighted(votes.mirrored(), strongest=2)
    assert turned.estimate == pytest.approx(1 - found.estimate)
    assert (turned.interval.low, turned.interval.high) == pytest.approx(
        (1 - found.interval.high, 1 - found.interval.low)
    )


def test_full_strength_everywhere_is_the_win_rate_itself():
    rng = np.random.default_rng(1)
    outcome = rng.choice([0, 0.5, 1], 60)
    votes = Votes.of(np.arange(60) // 3, rng.integers(0, 6, 60), outcome, strength=np.where(outcome == 0.5, 0, 3))
    weighed, plain = strength_weighted(votes, strongest=3), win_rate_of(votes)
    assert (weighed.estimate, weighed.interval) == (plain.estimate, plain.interval)


def test_strengths_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="no strength was asked"):
        strength_weighted(Votes.of([0], [0], [1]), strongest=2)
    for outcome, strength in ((1, 0), (0.5, 1), (1, 3)):
        with pytest.raises(ValueError, match="a strength lies above 0"):
            strength_weighted(Votes.of([0], [0], [outcome], strength=[strength]), strongest=2)


@pytest.mark.parametrize(("prompts", "assessors"), [(20, 6), (25, 6), (30, 7), (7, 3)])
def test_ties_alone_speak_for_neither_however_their_mean_is_rounded(prompts, assessors):
    prompt, assessor = np.divmod(np.arange(prompts * assessors), assessors)
    assert win_rate_of(Votes.of(prompt, assessor, np.full(prompts * assessors, 0.5))).p_value == 1
