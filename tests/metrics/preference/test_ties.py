from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit, logit

from metrics.preference.ranking import rank
from metrics.preference.sandwich import Separated, codes, two_way_meat
from metrics.preference.tally import Tally
from metrics.preference.ties import fit_ties
from metrics.preference.votes import AllVotes

MODELS = ("davidson", "rao-kupper")


def votes(seed=0, size=4, count=1500):
    rng = np.random.default_rng(seed)
    truth = np.linspace(-0.8, 0.8, size)
    first = rng.integers(0, size, count)
    second = (first + rng.integers(1, size, count)) % size
    prompt, assessor = rng.integers(0, 30, count), rng.integers(0, 12, count)
    seen = truth[first] - truth[second] + rng.normal(0, 0.5, 30)[prompt] + rng.logistic(size=count)
    outcome = np.where(np.abs(seen) < 0.6, 0.5, (seen > 0).astype(float))
    return AllVotes(tuple("abcdef"[:size]), first, second, prompt, assessor, outcome)


def two(wins, ties, losses):
    count = wins + ties + losses
    outcome = np.repeat([1.0, 0.5, 0.0], [wins, ties, losses])
    zero = np.zeros(count, dtype=int)
    return AllVotes(("a", "b"), zero, zero + 1, np.arange(count), np.arange(count) % 5, outcome)


def log_chances(model, gap, tie):
    """Log chances of (first, tie, second) straight from the papers, with worths π and the paper's tie parameter."""
    mine, theirs, extra = np.exp(gap / 2), np.exp(-gap / 2), np.exp(tie)
    if model == "davidson":
        shares = np.array([mine, extra * np.sqrt(mine * theirs), theirs])
        return np.log(shares / shares.sum(axis=0))
    won, lost = mine / (mine + extra * theirs), theirs / (theirs + extra * mine)
    drawn = (extra**2 - 1) * mine * theirs / ((mine + extra * theirs) * (theirs + extra * mine))
    return np.log(np.array([won, drawn, lost]))


def vote_values(model, theta, table):
    logs = log_chances(model, theta[table.first] - theta[table.second], theta[-1])
    return logs[(2 - 2 * table.outcome).astype(int), np.arange(len(table))]


def test_davidson_on_two_contenders_gives_back_the_counts():
    fit = fit_ties(two(50, 30, 20), "davidson")
    assert fit.strengths[0].value - fit.strengths[1].value == pytest.approx(np.log(50 / 20))
    assert np.exp(fit.tie.value) == pytest.approx(30 / np.sqrt(50 * 20))
    assert fit.chances("a", "b") == pytest.approx((0.5, 0.3, 0.2))


def test_rao_kupper_on_two_contenders_gives_back_the_counts():
    fit = fit_ties(two(50, 30, 20), "rao-kupper")
    gap = (logit(0.5) - logit(0.2)) / 2
    assert fit.strengths[0].value - fit.strengths[1].value == pytest.approx(gap)
    assert expit(gap - fit.tie.value) == pytest.approx(0.5)
    assert fit.chances("a", "b") == pytest.approx((0.5, 0.3, 0.2))


@pytest.mark.parametrize("model", MODELS)
def test_fit_equals_a_general_optimiser_on_the_papers_formula(model):
    table = votes()
    fit = fit_ties(table, model)
    start = np.r_[np.zeros(4), 0.4]
    best = minimize(lambda t: -vote_values(model, t, table).sum(), start, method="BFGS", options={"gtol": 1e-5})
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-6)
    found = best.x[:4] - best.x[:4].mean()
    assert [s.value for s in fit.strengths] == pytest.approx(found, abs=1e-5)
    assert fit.tie.value == pytest.approx(best.x[4], abs=1e-5)


def finite_sandwich(value, inner, table):
    """The two-way covariance of free parameters, by finite differences of each vote's log-likelihood."""
    step = 1e-4 * np.eye(len(inner))
    scores = np.stack([(value(inner + h) - value(inner - h)) / 2e-4 for h in step], axis=1)
    hessian = np.array(
        [
            [
                (value(inner + g + h) - value(inner + g - h) - value(inner - g + h) + value(inner - g - h)).sum() / 4e-8
                for h in step
            ]
            for g in step
        ]
    )
    bread = np.linalg.inv(-hessian)
    return bread @ two_way_meat(scores, codes(table.prompt), codes(table.assessor)) @ bread


@pytest.mark.parametrize("model", MODELS)
def test_intervals_equal_a_sandwich_by_finite_differences(model):
    table = votes(seed=4)
    fit = fit_ties(table, model)
    at = np.r_[[s.value for s in fit.strengths], fit.tie.value]
    free = np.vstack([np.eye(3), -np.ones(3)])  # strengths sum to zero: three free ones and the tie parameter
    chart = np.block([[free, np.zeros((4, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])
    inner = np.r_[at[:3], at[4]]

    def value(x):
        return vote_values(model, chart @ x, table)

    inside = finite_sandwich(value, inner, table)
    errors = np.sqrt(np.diag(chart @ inside @ chart.T))
    assert [s.error for s in (*fit.strengths, fit.tie)] == pytest.approx(errors, rel=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_mirrored_votes_turn_every_strength_and_keep_the_ties(model):
    table = votes()
    turned = AllVotes(table.names, table.first, table.second, table.prompt, table.assessor, 1 - table.outcome)
    one, other = fit_ties(table, model), fit_ties(turned, model)
    assert [s.value for s in one.strengths] == pytest.approx([-s.value for s in other.strengths])
    assert one.tie.low == pytest.approx(other.tie.low)


def test_both_models_order_contenders_as_ties_as_half_does():
    table = votes()
    order = [r.name for r in rank(Tally.of(table)).rated]
    for model in MODELS:
        fit = fit_ties(table, model)
        assert [name for _, name in sorted(zip([-s.value for s in fit.strengths], fit.names, strict=True))] == order


def test_votes_without_ties_are_refused():
    with pytest.raises(ValueError, match="0 of 70 votes are ties"):
        fit_ties(two(50, 0, 20))
    with pytest.raises(ValueError, match="neither davidson nor rao-kupper"):
        fit_ties(two(5, 5, 5), "thurstone")


@pytest.mark.parametrize("model", MODELS)
def test_wins_and_ties_without_any_loss_have_no_finite_strengths(model):
    # Nobody below ever wins: the likelihood still rises as strengths and tie parameter grow together.
    first, second = np.array([0, 0, 1, 1, 0, 0] * 5), np.array([1, 1, 2, 2, 2, 2] * 5)
    outcome = np.array([1, 0.5, 1, 0.5, 1, 1] * 5)
    table = AllVotes(("a", "b", "c"), first, second, np.arange(30) % 10, np.arange(30) % 6, outcome)
    with pytest.raises(Separated, match="no finite strengths"):
        fit_ties(table, model)


def sided(seed=0, effect=0.5, **columns):
    """Votes of which the left one has an advantage, which its strength does not know of."""
    table = votes(seed, **columns)
    rng = np.random.default_rng(seed + 99)
    left = rng.random(len(table)) < 0.5
    moved = rng.random(len(table)) < effect / 2
    outcome = np.where(moved, np.where(left, 1.0, 0.0), table.outcome)
    return replace(table, outcome=outcome, first_on_left=left)


def davidson_beaver(theta, table):
    """Log chances of every vote as Davidson and Beaver (1977) write them: worths, ν' and the factor γ on the second
    place, which is the right one."""
    worth, nu, order = np.exp(theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1])
    here, there = (worth[np.where(table.first_on_left == side, table.first, table.second)] for side in (True, False))
    shares = np.stack([here, nu * np.sqrt(here * there), order * there])
    left_won = np.where(table.first_on_left, table.outcome, 1 - table.outcome)
    return np.log(shares / shares.sum(axis=0))[(2 - 2 * left_won).astype(int), np.arange(len(table))]


def beaver_gokhale(theta, table):
    """Rao and Kupper's chances with the factor γ on the worth of the right one."""
    worth, least, order = np.exp(theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1])
    here, there = (worth[np.where(table.first_on_left == side, table.first, table.second)] for side in (True, False))
    there = order * there
    won, lost = here / (here + least * there), there / (there + least * here)
    left_won = np.where(table.first_on_left, table.outcome, 1 - table.outcome)
    return np.log(np.stack([won, 1 - won - lost, lost]))[(2 - 2 * left_won).astype(int), np.arange(len(table))]


PAPERS = {"davidson": davidson_beaver, "rao-kupper": beaver_gokhale}


@pytest.mark.parametrize("model", MODELS)
def test_the_order_effect_is_that_of_the_papers_by_a_general_optimiser(model):
    """γ = e^(−b), and for Davidson ν' = ν √γ."""
    table = sided()
    fit = fit_ties(table, model, side=True)
    start, options = np.r_[np.zeros(4), 0.4, 0.0], {"gtol": 1e-9}
    best = minimize(lambda t: -PAPERS[model](t, table).mean(), start, method="BFGS", options=options)
    tie, order = best.x[4:]
    assert fit.log_likelihood == pytest.approx(-best.fun * len(table), abs=1e-6)
    assert [s.value for s in fit.strengths] == pytest.approx(best.x[:4] - best.x[:4].mean(), abs=1e-5)
    assert fit.side.value == pytest.approx(-order, abs=1e-5)
    assert fit.side.low > 0.2, "the left one was given an advantage"
    assert fit.tie.value == pytest.approx(tie - order / 2 if model == "davidson" else tie, abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_intervals_with_an_order_effect_equal_a_sandwich_by_finite_differences(model):
    table = sided(seed=5)
    fit = fit_ties(table, model, side=True)
    free = np.vstack([np.eye(3), -np.ones(3)])
    chart = np.block([[free, np.zeros((4, 2))], [np.zeros((2, 3)), np.eye(2)]])
    inner = np.r_[[s.value for s in fit.strengths[:3]], fit.tie.value, fit.side.value]
    placed = np.where(table.first_on_left, 1, -1)
    column = (2 - 2 * table.outcome).astype(int)

    def value(x):
        theta = chart @ x
        gap = theta[table.first] - theta[table.second] + theta[-1] * placed
        return log_chances(model, gap, theta[-2])[column, np.arange(len(table))]

    inside = finite_sandwich(value, inner, table)
    assert np.linalg.eigvalsh(inside)[0] > 0, "else it would have to be repaired"
    errors = np.sqrt(np.diag(chart @ inside @ chart.T))
    assert [s.error for s in (*fit.strengths, fit.tie, fit.side)] == pytest.approx(errors, rel=1e-4)


def test_davidson_with_an_order_effect_is_the_log_linear_model_of_statsmodels():
    """Counts of each outcome of each two contenders in each order are Poisson with a mean of their own (Fienberg and
    Larntz, 1976)."""
    table = sided(seed=2)
    fit = fit_ties(table, "davidson", side=True)
    rows, counts = [], []
    for one in range(4):
        for other in range(4):
            for left in (True, False):
                here = (table.first == one) & (table.second == other) & (table.first_on_left == left)
                if not here.any():
                    continue
                for outcome in (1, 0.5, 0):
                    row = np.zeros(3 + 2 + 32)
                    gap = np.eye(4)[one] - np.eye(4)[other]
                    row[:3] = (gap[:3] - gap[3]) * (outcome - 0.5)  # the fourth strength is minus the sum of the others
                    row[3] = outcome == 0.5
                    row[4] = (1 if left else -1) * (outcome - 0.5)
                    row[5 + (one * 4 + other) * 2 + left] = 1
                    rows.append(row)
                    counts.append((here & (table.outcome == outcome)).sum())
    design = np.array(rows)
    known = sm.GLM(counts, design[:, design.any(axis=0)], family=sm.families.Poisson()).fit(tol=1e-12)
    mine = [s.value for s in fit.strengths[:3]] + [fit.tie.value, fit.side.value]
    assert mine == pytest.approx(known.params[:5], abs=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_turning_all_sides_turns_the_order_effect_and_nothing_else(model):
    table = sided()
    one, other = (
        fit_ties(table, model, side=True),
        fit_ties(replace(table, first_on_left=~table.first_on_left), model, side=True),
    )
    assert one.side.value == pytest.approx(-other.side.value)
    assert one.side.low == pytest.approx(-other.side.high)
    assert [s.value for s in one.strengths] == pytest.approx([s.value for s in other.strengths])
    assert one.tie.low == pytest.approx(other.tie.low)


@pytest.mark.parametrize("model", MODELS)
def test_which_contender_is_called_first_changes_nothing(model):
    table = sided()
    turned = replace(
        table,
        first=table.second,
        second=table.first,
        outcome=1 - table.outcome,
        first_on_left=~table.first_on_left,
    )
    one, other = (fit_ties(each, model, side=True) for each in (table, turned))
    for mine, theirs in zip(
        (*one.strengths, one.tie, one.side), (*other.strengths, other.tie, other.side), strict=True
    ):
        assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("model", MODELS)
def test_without_an_order_effect_sides_change_no_digit(model):
    table = sided()
    assert fit_ties(table, model) == fit_ties(replace(table, first_on_left=None), model)


@pytest.mark.parametrize("model", MODELS)
def test_the_left_one_is_the_likelier_winner_among_equals(model):
    fit = fit_ties(sided(), model, side=True)
    name, other = fit.names[1], fit.names[2]
    won, tied, lost = fit.chances(name, other)
    back = fit.chances(other, name)
    assert won + tied + lost == pytest.approx(1)
    assert won + back[0] > lost + back[2], "each of the two was on the left once"


def test_sides_that_follow_from_the_contenders_show_no_order_effect():
    """A star: everyone met a, which stood on the left of b and on the right of c and d, so strengths take it all."""
    rng = np.random.default_rng(5)
    first = np.zeros(300, dtype=int)
    second = np.tile([1, 2, 3], 100)
    table = AllVotes(
        tuple("abcd"),
        first,
        second,
        np.arange(300) % 30,
        np.arange(300) % 7,
        rng.choice([0, 0.5, 1], 300),
        second == 1,
    )
    for fit in (lambda: fit_ties(table, side=True), lambda: rank(Tally.of(table), side=True)):
        with pytest.raises(ValueError, match="sides were fixed"):
            fit()
    with pytest.raises(ValueError, match="needs to know where each clip stood"):
        fit_ties(replace(table, first_on_left=None), side=True)


@pytest.mark.parametrize(("turned", "known"), [(4, False), (6, True)])
def test_an_order_effect_takes_one_vote_in_twenty_with_the_other_order(turned, known):
    table = two(50, 30, 20)
    left = np.arange(100) % 17 != 0  # 6 of 100 stood the other way
    left[np.flatnonzero(~left)[turned:]] = True
    table = replace(table, first_on_left=left)
    if known:
        assert fit_ties(table, side=True).side is not None
    else:
        with pytest.raises(ValueError, match="sides were fixed"):
            fit_ties(table, side=True)


@pytest.mark.parametrize("ties", [0.0, 0.2])
def test_a_side_that_never_loses_has_no_finite_order_effect(ties):
    """Left wins or ties throughout: the fit would stop far out and give a number for infinity."""
    table = sided()
    rng = np.random.default_rng(1)
    always = replace(table, outcome=np.where(rng.random(len(table)) < ties, 0.5, table.first_on_left.astype(float)))
    fits = [partial(fit_ties, always, model, side=True) for model in MODELS if ties]
    if not ties:
        fits.append(lambda: rank(Tally.of(always), side=True))
    for fit in fits:
        with pytest.raises(Separated, match="no finite order effect"):
            fit()
