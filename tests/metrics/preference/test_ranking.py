import itertools

import numpy as np
import pytest
from scipy.special import expit, logit

from metrics.preference.ranking import NotConnected, league, rank
from metrics.preference.tally import Tally
from metrics.preference.votes import AllVotes


def votes(contenders=6, count=4000, prompts=40, assessors=15, seed=0, spread=0.7, side=0.0):
    """Columns of `AllVotes`, with prompt and assessor effects and ties."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, spread, contenders)
    first = rng.integers(0, contenders, count)
    second = (first + rng.integers(1, contenders, count)) % contenders
    prompt, assessor = rng.integers(0, prompts, count), rng.integers(0, assessors, count)
    left = rng.random(count) < 0.5
    flavour = rng.normal(0, 0.5, (prompts, contenders)), rng.normal(0, 0.3, (assessors, contenders))
    eta = truth[first] - truth[second] + side * np.where(left, 1, -1)
    for group, effect in zip((prompt, assessor), flavour, strict=True):
        eta += effect[group, first] - effect[group, second]
    seen = eta + rng.logistic(size=count)
    outcome = np.where(np.abs(seen) < 0.4, 0.5, (seen > 0).astype(float))
    names = tuple(f"c{k}" for k in range(contenders))
    return dict(  # noqa: C408
        names=names, first=first, second=second, outcome=outcome, prompt=prompt, assessor=assessor, first_on_left=left
    )


def tally_of(rows):
    """Counts from rows (first, second, outcome), every vote on its own prompt and by one of two assessors."""
    names = tuple(sorted({name for row in rows for name in row[:2]}))
    first, second = ([names.index(row[side]) for row in rows] for side in (0, 1))
    number = np.arange(len(rows))
    return Tally.of(
        AllVotes(names, np.array(first), np.array(second), number, number % 4, np.array([row[2] for row in rows]))
    )


def ranked_votes(**columns):
    return Tally.of(AllVotes(**columns))


def test_two_contenders_stand_apart_by_the_logit_of_their_win_rate():
    result = rank(tally_of([("a", "b", 1.0)] * 5 + [("a", "b", 0.5)] * 2 + [("b", "a", 1.0)] * 3))
    assert result.difference("a", "b").value == pytest.approx(logit(0.6), abs=1e-12)
    assert result.rated[0].name == "a"
    assert result.rated[0].score == 6
    assert result.rated[0].elo[0] - result.rated[1].elo[0] == pytest.approx(400 * np.log10(0.6 / 0.4))
    assert result.rated[0].chance[0] == pytest.approx(expit(logit(0.6) / 2))


def test_strengths_equal_published_implementations():
    choix = pytest.importorskip("choix")
    tally = ranked_votes(**votes())
    result = rank(tally)
    exact = choix.ilsr_pairwise_dense(tally.wins(), max_iter=1000, tol=1e-12)
    assert result.strengths == pytest.approx(exact - exact.mean(), abs=1e-8)


@pytest.mark.parametrize("side", [False, True])
def test_covariance_equals_statsmodels_two_way_clusters(side):
    statsmodels = pytest.importorskip("statsmodels.api")
    columns = votes(side=0.3)
    result = rank(ranked_votes(**columns), side=side)
    size, count = len(columns["names"]), len(columns["first"])
    design = np.eye(size)[columns["first"]] - np.eye(size)[columns["second"]]
    design = design[:, 1:]  # the first contender is the reference
    if side:
        design = np.c_[design, np.where(columns["first_on_left"], 1, -1)]
    groups = np.stack([columns["prompt"], columns["assessor"]], axis=1)
    model = statsmodels.GLM(columns["outcome"], design, family=statsmodels.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, tol=1e-12)
    to_mean = np.vstack([np.zeros(size - 1), np.eye(size - 1)]) - 1 / size * np.ones((size, size - 1))
    theirs = np.asarray(fit.cov_params())
    factor = (count - 1) / (count - design.shape[1])
    assert result.strengths == pytest.approx(to_mean @ fit.params[: size - 1], abs=1e-8)
    expected = np.sqrt(np.diag(to_mean @ theirs[: size - 1, : size - 1] @ to_mean.T))
    assert np.sqrt(np.diag(result.covariance)) * np.sqrt(factor) == pytest.approx(expected, rel=1e-6)
    assert np.sqrt(np.diag(result.covariance)) == pytest.approx(expected, rel=0.005)
    if side:
        assert result.side.value == pytest.approx(fit.params[-1], abs=1e-8)
        assert result.side.error == pytest.approx(fit.bse[-1], rel=0.005)


def test_turning_every_pair_around_changes_nothing():
    columns = votes(side=0.4)
    turned = dict(
        columns,
        first=columns["second"],
        second=columns["first"],
        outcome=1 - columns["outcome"],
        first_on_left=~columns["first_on_left"],
    )
    one, other = (rank(ranked_votes(**c), side=True) for c in (columns, turned))
    assert one.strengths == pytest.approx(other.strengths, abs=1e-12)
    assert one.covariance == pytest.approx(other.covariance)
    assert one.side.value == pytest.approx(other.side.value)
    mirrored = rank(ranked_votes(**dict(columns, outcome=1 - columns["outcome"])))
    assert rank(ranked_votes(**columns)).strengths == pytest.approx(-mirrored.strengths, abs=1e-11)


def test_a_chain_of_sixty_contenders_is_fitted_exactly():
    names = tuple(f"c{k:02d}" for k in range(60))
    rows = [(names[k], names[k + 1], o) for k in range(59) for o in (1.0, 1.0, 0.0)]
    result = rank(tally_of(rows))
    assert np.diff(result.strengths) == pytest.approx(-np.log(2) * np.ones(59), abs=1e-9)


def test_an_undefeated_contender_is_refused_by_name():
    with pytest.raises(NotConnected, match="one side won every vote") as refused:
        rank(tally_of([("a", "b", 1.0)] * 10 + [("b", "c", 1.0), ("c", "b", 1.0)]))
    assert set(refused.value.groups) == {("a",), ("b", "c")}


def test_groups_without_common_opponents_are_refused_by_name():
    rows = [("a", "b", 1.0), ("b", "a", 1.0), ("x", "y", 0.5)]
    with pytest.raises(NotConnected, match="no votes link") as refused:
        rank(tally_of(rows))
    assert set(refused.value.groups) == {("a", "b"), ("x", "y")}
    with_prior = rank(tally_of(rows), prior=1.0)
    assert "maximum a posteriori" in with_prior.method
    assert np.abs(with_prior.strengths).max() < 1e-9


def test_a_prior_equals_the_penalised_likelihood_found_by_a_general_optimiser():
    from scipy.optimize import minimize

    tally = ranked_votes(**votes(count=200))

    def loss(s):
        eta = s[tally.first] - s[tally.second]
        return (tally.votes * np.logaddexp(0, eta) - tally.score * eta).sum() + (s**2).sum() / (2 * 0.5**2)

    best = minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-9})
    assert rank(tally, prior=0.5).strengths == pytest.approx(best.x, abs=1e-6)


def test_rank_ranges_leave_open_what_the_votes_leave_open():
    columns = votes(contenders=4, count=6000, prompts=300, assessors=100, spread=0.0, seed=3)
    strong = (columns["first"] == 0) | (columns["second"] == 0)
    columns["outcome"] = np.where(
        strong & (np.arange(6000) % 5 > 0), (columns["first"] == 0).astype(float), columns["outcome"]
    )
    result = rank(ranked_votes(**columns))
    assert result.rated[0].name == "c0"
    assert result.rated[0].ranks == (1, 1)
    assert all(r.ranks[0] == 2 for r in result.rated[1:])
    for one, other in itertools.combinations(result.rated[1:], 2):
        if result.difference(one.name, other.name).p_value > 0.05:
            assert one.ranks[1] >= 3


def test_too_few_assessors_leave_strengths_without_intervals_and_ranks_open():
    columns = votes(assessors=1)
    result = rank(ranked_votes(**columns))
    assert "one assessor" in result.reason
    assert all(r.strength.low is None and r.ranks == (1, 6) for r in result.rated)


def test_a_league_links_comparisons_through_shared_opponents():
    columns = votes(contenders=5)
    alone = rank(ranked_votes(**columns))
    rows = columns["first"] + columns["second"] < 4
    names = columns["names"]
    parts = []
    for keep, order in ((rows, [0, 1, 2, 3, 4]), (~rows, [4, 2, 0, 1, 3])):
        back = np.argsort(order)
        part = {k: v[keep] for k, v in columns.items() if k != "names"}
        part |= {"names": tuple(names[k] for k in order), "first": back[part["first"]], "second": back[part["second"]]}
        parts.append(AllVotes(**part))
    joined = league(parts)
    for one, other in zip(alone.rated, joined.rated, strict=True):
        assert one.name == other.name
        assert one.strength.value == pytest.approx(other.strength.value)
        assert one.strength.error == pytest.approx(other.strength.error)


def test_a_side_term_without_known_sides_is_refused():
    with pytest.raises(ValueError, match="where each clip stood"):
        rank(tally_of([("a", "b", 1.0), ("a", "b", 0.0)]), side=True)


def test_ranks_tell_no_unclear_pair_apart_and_leave_all_else_as_it_was():
    rng = np.random.default_rng(8)
    first, second = np.repeat([[0, 0, 1], [1, 2, 2]], 400, axis=1)
    outcome = (rng.random(1200) < np.repeat([0.8, 0.95, 0.8], 400)).astype(float)
    prompt, assessor = np.arange(1200) % 40, np.arange(1200) % 13
    tally = Tally.of(AllVotes(("a", "b", "c"), first, second, prompt, assessor, outcome))
    plain, open_ = rank(tally), rank(tally, unclear=[(1, 0)])
    assert [each.ranks for each in plain.rated] == [(1, 1), (2, 2), (3, 3)]
    assert [each.ranks for each in open_.rated] == [(1, 2), (1, 2), (3, 3)]
    assert [each.strength for each in open_.rated] == [each.strength for each in plain.rated]
