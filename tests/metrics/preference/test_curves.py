import numpy as np
import pytest

from metrics.preference.curves import agreement_with_others, drift, session_positions, training_curve
from metrics.preference.votes import AllVotes
from metrics.preference.winrate import win_rate_of

STEPS = {"1k": 1000, "2k": 2000, "4k": 4000}


def table(rows):
    """AllVotes from rows (first, second, prompt, assessor, outcome)."""
    names = ("base", "1k", "2k", "4k")
    first, second, prompt, assessor, outcome = zip(*rows, strict=True)
    place = [np.array([names.index(name) for name in side]) for side in (first, second)]
    return AllVotes(names, *place, np.array(prompt), np.array(assessor), np.array(outcome, dtype=float))


def training(rng, gains=(0.0, 0.6, 1.2), prompts=30, assessors=10, overlap=3):
    """Votes of three checkpoints against "base", in either order, with effects of prompts and assessors."""
    rows = []
    for prompt, taste in enumerate(rng.normal(0, 0.9, prompts)):
        for name, gain in zip(STEPS, gains, strict=True):
            for assessor in rng.choice(assessors, overlap, replace=False):
                won = gain + taste + rng.logistic() > 0
                turned = rng.random() < 0.5
                sides = ("base", name) if turned else (name, "base")
                rows.append((*sides, prompt, assessor, won != turned))
    return table(rows)


def test_a_curve_by_hand():
    rows = [("1k", "base", p, a, o) for p, a, o in [(0, 0, 0), (0, 1, 0.5), (1, 0, 0), (1, 1, 0.5)]]
    rows += [("base", "2k", p, a, o) for p, a, o in [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0)]]
    rows += [("4k", "base", p, a, o) for p, a, o in [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]]
    curve = training_curve(table(rows), "base", STEPS)
    assert [point.win_rate.estimate for point in curve.points] == [0.25, 0.75, 1.0]
    assert [point.gain and point.gain.value for point in curve.points] == [None, 0.5, 0.25]
    assert curve.slope.value == pytest.approx((-4 / 3 * 0.25 - 1 / 3 * 0.75 + 5 / 3 * 1) / (14 / 3 * 1000))
    doublings = training_curve(table(rows), "base", STEPS, scale="doublings")
    assert doublings.slope.value == pytest.approx(0.75 / 2)


def test_points_are_the_win_rates_of_their_pairings_in_the_order_of_steps():
    votes = training(np.random.default_rng(0))
    curve = training_curve(votes, "base", {"4k": 4000, "1k": 1000, "2k": 2000})
    assert [point.name for point in curve.points] == ["1k", "2k", "4k"]
    for point in curve.points:
        assert point.win_rate == win_rate_of(votes.pairing(point.name, "base"))


def test_gains_use_that_points_share_prompts():
    curve = training_curve(training(np.random.default_rng(1), prompts=80), "base", STEPS)
    before, after = curve.points[0].win_rate.interval, curve.points[2].win_rate.interval
    apart = np.hypot(before.se, after.se)
    step = (curve.slope.error * 3000) / 1.0
    assert step < 0.9 * apart
    assert curve.slope.low > 0


def test_slopes_of_a_flat_training_hold_zero_nineteen_times_in_twenty():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(300):
        curve = training_curve(training(rng, gains=(0.3, 0.3, 0.3)), "base", STEPS, scale="doublings")
        held.append([e.low <= 0 <= e.high for e in (curve.slope, curve.points[1].gain)])
    assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=0.04)


def test_a_curve_that_cannot_be_drawn_says_why():
    votes = training(np.random.default_rng(3))
    alone = training_curve(votes, "base", {"1k": 1000})
    assert alone.slope is None
    assert alone.reason == "a slope needs two checkpoints with votes against the anchor"
    for steps, scale, message in [
        ({"base": 0, "1k": 1000}, "linear", "cannot be a point of its own curve"),
        ({"1k": 1000, "2k": 1000}, "linear", "two contenders stand at one step"),
        ({"1k": 0, "2k": 1000}, "doublings", "must be positive"),
        ({"1k": float("nan"), "2k": 1000}, "linear", "finite"),
        ({"8k": 8000}, "linear", "'8k' is not among"),
        ({"1k": 1000}, "cubic", "none of linear, doublings"),
    ]:
        with pytest.raises(ValueError, match=message):
            training_curve(votes, "base", steps, scale)


def test_a_checkpoint_without_votes_stays_an_empty_point():
    votes = training(np.random.default_rng(4))
    kept = (votes.first != 2) & (votes.second != 2)
    fewer = AllVotes(
        votes.names, *(c[kept] for c in (votes.first, votes.second, votes.prompt, votes.assessor, votes.outcome))
    )
    curve = training_curve(fewer, "base", STEPS)
    assert curve.points[1].win_rate.reason == "no votes"
    assert curve.points[1].gain is None
    assert curve.points[2].gain.value == pytest.approx(
        curve.points[2].win_rate.estimate - curve.points[0].win_rate.estimate
    )


def test_a_drift_by_hand():
    # within: assessor 0 falls by 1 per place, assessor 1 by 2; Σx² is 2 and ½
    found = drift([3, 2, 1, 9, 7], [0, 1, 2, 5, 6], [0, 0, 0, 1, 1])
    assert found.slope.value == pytest.approx((2 * -1 + 0.5 * -2) / 2.5)
    assert found.slope.reason.startswith("the votes are worth 1.5 assessors")
    three = drift([3, 2, 1, 6, 4, 2, 9, 9, 9], [0, 1, 2] * 3, [0] * 3 + [1] * 3 + [2] * 3)
    # slopes −1, −2, 0: the jackknife of their mean is their spread over √3
    assert three.slope.value == pytest.approx(-1)
    assert three.slope.error == pytest.approx(1 / np.sqrt(3))
    assert (three.early, three.late) == pytest.approx((6, 4))


def test_within_assessors_who_stays_long_plays_no_part():
    # the slow assessor stays longest, and nobody changes
    who = np.repeat([0, 1, 2, 3], [5, 10, 20, 40])
    place = np.concatenate([np.arange(n) for n in (5, 10, 20, 40)])
    seconds = who * 10.0 + np.random.default_rng(0).normal(0, 0.1, len(who))
    assert abs(drift(seconds, place, who).slope.value) < 0.01
    assert drift(seconds, place, who, within=False).slope.value > 0.3


def test_the_slope_is_that_of_ordinary_least_squares_and_its_error_that_of_the_loop():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(5)
    who, day = rng.integers(0, 8, 200), rng.uniform(0, 30, 200)
    value = rng.normal(0, 1, 8)[who] + 0.05 * day + rng.normal(size=200)
    design = sm.add_constant(day)
    for within, extra in ((False, []), (True, [np.eye(8)[who][:, 1:]])):
        full = np.column_stack([design, *extra])
        found = drift(value, day, who, within=within)
        assert found.slope.value == pytest.approx(np.linalg.lstsq(full, value)[0][1])
        left_out = [np.linalg.lstsq(full[who != k], value[who != k])[0][1] for k in range(8)]
        error = np.sqrt(7 / 8 * ((np.array(left_out) - found.slope.value) ** 2).sum())
        assert found.slope.error == pytest.approx(error)


@pytest.mark.parametrize("within", [True, False])
def test_prompts_that_come_up_together_widen_the_interval(within):
    rng = np.random.default_rng(8)
    who, day = rng.integers(0, 15, 300), rng.uniform(0, 30, 300)
    prompt = day.astype(int)
    value = rng.normal(0, 1, 30)[prompt] + rng.normal(size=300)
    x, y = day.copy(), value.copy()
    for rows in [who == k for k in range(15)] if within else [who >= 0]:
        x[rows] -= x[rows].mean()
        y[rows] -= y[rows].mean()
    slope = (x @ y) / (x @ x)
    score = x * (y - slope * x) / (x @ x)
    cells = {(p, k): score[(prompt == p) & (who == k)].sum() for p, k in zip(prompt, who, strict=True)}
    by_prompt = 30 / 29 * sum(score[prompt == p].sum() ** 2 for p in range(30))
    by_cell = len(cells) / (len(cells) - 1) * sum(total**2 for total in cells.values())
    alone, both = drift(value, day, who, within=within), drift(value, day, who, prompt, within=within)
    assert both.slope.value == alone.slope.value == pytest.approx(slope)
    assert both.slope.error == pytest.approx(np.sqrt(alone.slope.error**2 + by_prompt - by_cell))
    assert both.slope.error > 1.2 * alone.slope.error


@pytest.mark.parametrize("within", [True, False])
def test_without_drift_it_is_claimed_once_in_twenty(within):
    rng = np.random.default_rng(6)
    claimed, blind = [], []
    for _ in range(400):
        start = rng.uniform(0, 20, 12)
        who = np.repeat(np.arange(12), rng.integers(10, 60, 12))
        day = start[who] + rng.uniform(0, 10, len(who))
        prompt = (day * 1.5).astype(int)  # prompts come up one after the other
        tastes = rng.normal(0, 0.1, 100)[prompt] + rng.normal(0, 0.1, 12)[who]
        outcome = (rng.random(len(who)) < np.clip(0.5 + tastes, 0, 1)).astype(float)
        claimed.append(drift(outcome, day, who, prompt, within=within).clear)
        blind.append(drift(outcome, day, who, within=within).clear)
    assert np.mean(claimed) <= 0.075
    assert np.mean(claimed) <= np.mean(blind)


def test_a_real_drift_is_seen_and_mirrors():
    rng = np.random.default_rng(7)
    who, place = np.repeat(np.arange(20), 40), np.tile(np.arange(40), 20)
    outcome = (rng.random(800) < 0.7 - 0.01 * place).astype(float)
    found, mirrored = drift(outcome, place, who), drift(1 - outcome, place, who)
    assert found.clear
    assert found.early > found.late
    assert found.slope.low < -0.01 < found.slope.high < 0
    assert mirrored.slope.value == pytest.approx(-found.slope.value)
    assert mirrored.slope.error == pytest.approx(found.slope.error)


def test_a_drift_that_cannot_be_measured_says_why():
    assert drift([], [], []).reason == "no votes"
    assert drift([1, 0], [3, 5], [0, 1]).reason == "no assessor voted at two positions"
    assert drift([1, 0], [3, 3], [0, 1], within=False).reason == "all votes have the same position"
    apart = drift([1, 0, 1, 0], [3, 3, 5, 5], [0, 0, 1, 1], within=False)
    assert apart.slope.reason == "without one of the assessors all votes have the same position"
    with pytest.raises(ValueError, match="leave out votes that miss one"):
        drift([1, np.nan], [1, 2], [0, 0])
    with pytest.raises(ValueError, match="one entry per vote"):
        drift([1, 0], [1, 2, 3], [0, 0])


def test_a_session_ends_with_a_long_break():
    who = [7, 7, 8, 7, 8, 7, 7]
    when = [0, 100, 50, 100, 60, 100 + 1801, 100 + 1801 + 1800]
    assert session_positions(who, when).tolist() == [0, 1, 0, 1, 1, 0, 1]
    assert session_positions([], []).tolist() == []


def test_agreement_with_others_counts_the_other_votes_on_the_item():
    found = agreement_with_others([1, 1, 1, 1, 2], [0, 0, 2, 0, 1])
    assert found[:4].tolist() == pytest.approx([2 / 3, 2 / 3, 0, 2 / 3])
    assert np.isnan(found[4])
