"""The team's own judge, on simulated votes whose rule is known."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from metrics.judges.own.calibration import Calibration, calibrated, log_loss
from metrics.judges.own.examples import Examples, Space, enough, pooled
from metrics.judges.own.head import Work, fit, log_chances, loss
from metrics.judges.own.least import NotEnoughVotes
from metrics.judges.own.training import RIDGES, Settings, by_scikit_learn, train


def simulated(ballots=600, prompts=60, contenders=3, width=12, strength=2.0, aspects=2, seed=0):
    """Votes by a program: aspect 0 follows column 0, others follow nothing; close calls are ties."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(prompts * contenders, width)).astype(np.float32)
    prompt, one = rng.integers(0, prompts, ballots), rng.integers(0, contenders, ballots)
    other = (one + rng.integers(1, contenders, ballots)) % contenders
    first = np.repeat(prompt * contenders + np.minimum(one, other), aspects)
    second = np.repeat(prompt * contenders + np.maximum(one, other), aspects)
    aspect = np.tile(np.arange(aspects), ballots)
    gap = strength * np.where(aspect == 0, features[first, 0] - features[second, 0], 0) + rng.logistic(size=len(aspect))
    outcome = np.where(np.abs(gap) < 0.7, 0.5, (gap > 0) * 1.0)
    names = ("movement", "beauty", "defects")[:aspects]
    columns = tuple(f"column {each}" for each in range(width))
    of = np.tile(np.arange(contenders), prompts)
    return Examples(
        names, tuple("abcd"[:contenders]), columns, features, of, first, second, np.repeat(prompt, aspects), aspect,
        outcome,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    return train(simulated())


def test_a_planted_direction_is_learned_and_useless_features_are_worth_a_coin(trained):
    scores = {(row["method"], row["aspect"]): row for row in trained.card["scores"]}
    for method in ("head", "scikit-learn"):
        planted, useless = scores[method, "movement"]["accuracy"], scores[method, "beauty"]["accuracy"]
        assert planted["low"] > 0.75
        assert useless["low"] < 0.5 < useless["high"]
    away = {row["contender"]: row for row in trained.card["unseen_contenders"] if row["aspect"] == "movement"}
    assert all(away[name]["accuracy"]["value"] > 0.75 for name in "abc")


def test_the_judge_that_is_kept_scores_clips_along_the_planted_direction(trained):
    features = simulated(seed=5).features
    scores = trained.layers(features)
    assert np.corrcoef(scores[:, 0], features[:, 0])[0, 1] > 0.95
    assert scores[:, 1].std() < 0.2 * scores[:, 0].std()


def test_calibration_finds_the_temperature_and_the_ties_that_were_planted(trained):
    rng = np.random.default_rng(1)
    gap = 3 * rng.normal(size=20_000)
    drawn = gap / 2.5 + rng.logistic(size=len(gap))
    found = calibrated(gap, np.where(np.abs(drawn) < 0.7, 0.5, (drawn > 0) * 1.0))
    assert found.temperature == pytest.approx(2.5, rel=0.06)
    assert found.tie == pytest.approx(0.7, rel=0.05)
    row = trained.card["scores"][0]
    assert row["calibration_error"] < 0.06


def test_calibrated_chances_are_rao_and_kuppers_and_the_margin_is_where_ties_stop_being_likeliest():
    known = Calibration(2.0, 1.2)
    won, even, lost = known.chances([1.0])[0]
    sigma = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    np.testing.assert_allclose([won, lost, won + even + lost], [sigma(0.5 - 1.2), sigma(-0.5 - 1.2), 1])
    near, far = known.chances([known.margin * 0.99, known.margin * 1.01])
    assert near.argmax() == 1
    assert far.argmax() == 0
    assert Calibration(2.0, 0.6).margin == 0  # e^0.6 < 2: a tie is never the likeliest
    assert log_loss(np.array([[0.5, 0.3, 0.2]]), [0.5]) == pytest.approx(-np.log(0.3))


def test_the_gradient_of_the_loss_is_the_numerical_one_and_the_loss_is_the_log_chances():
    draw = torch.Generator().manual_seed(0)
    gap = torch.randn(4, 3, generator=draw, dtype=torch.double, requires_grad=True)
    tie = torch.rand(3, generator=draw, dtype=torch.double).add(0.1).requires_grad_()
    counts = torch.rand(4, 3, 3, generator=draw, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda g, t: loss(g, t, counts), (gap, tie))
    logs = log_chances(gap, tie)
    torch.testing.assert_close(loss(gap, tie, counts), -(counts * logs).sum())
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(4, 3, dtype=torch.double))


def test_the_head_is_the_optimum_that_another_optimiser_finds():
    examples = simulated(400, aspects=1)
    work = Work(Space.of(examples.features, 12)(examples.features), *examples.counts())
    head = fit(work, np.array([0.3]))

    def target(point):
        gap = (work.features[work.first] - work.features[work.second]) @ point[:-1]
        tie = np.logaddexp(0, point[-1]) + 1e-3
        nll = loss(torch.tensor(gap)[:, None], torch.tensor([tie]), torch.tensor(work.counts)).item()
        return nll + 0.15 * (point[:-1] ** 2).sum()

    best = minimize(target, np.zeros(work.features.shape[1] + 1))
    ours = np.append(head.last.weight.numpy()[0], head.tie.numpy())
    assert target(ours) == pytest.approx(best.fun, rel=2e-4)
    baseline = by_scikit_learn(work, np.array([0.3])).weights[0][:, 0]
    assert np.corrcoef(baseline, ours[:-1])[0, 1] > 0.98  # no ties in it, and the same direction


def test_turning_every_pair_round_changes_no_score():
    examples = simulated(300, aspects=1)
    turned = Examples(
        **{**examples.__dict__, "first": examples.second, "second": examples.first, "outcome": 1 - examples.outcome}
    )
    one, other = (train(each, Settings(components=6)) for each in (examples, turned))
    np.testing.assert_allclose(one.layers(examples.features), other.layers(examples.features), atol=1e-4)


@pytest.mark.slow
def test_mesa_leaves_a_hidden_layer_less_sure_of_what_it_does_not_know():
    examples = simulated(300, aspects=1, strength=1.0, width=40)
    plain, calm = (train(examples, Settings(hidden=32, mesa=each)) for each in (0.0, 0.8))
    errors = [each.card["scores"][0]["calibration_error_raw"] for each in (plain, calm)]
    assert errors[1] < errors[0]


def test_no_prompt_lies_in_two_folds_and_every_fold_has_some():
    examples = simulated()
    fold = examples.folds(5, seed=3)
    assert set(fold) == set(range(5))
    assert all(len(set(fold[examples.prompt == prompt])) == 1 for prompt in set(examples.prompt))


def test_too_few_votes_are_refused_by_aspect_with_the_number_that_it_takes():
    with pytest.raises(NotEnoughVotes, match=r"movement: 40 votes on \d+ prompts: it takes 150 on 10"):
        train(simulated(40))
    some = simulated(200)
    lean = some.take((some.aspect == 0) | (np.arange(len(some)) < 100))
    kept, reasons = enough(lean)
    assert kept.aspects == ("movement",)
    assert reasons["beauty"].startswith("50 votes")
    with pytest.raises(NotEnoughVotes, match="200 of 200 votes are ties"):
        enough(Examples(**{**simulated(200, aspects=1).__dict__, "outcome": np.full(200, 0.5)}))


def test_pooled_rows_are_means_largest_values_and_changes():
    assert pooled([[1, 5], [3, 4]]).tolist() == [2, 4.5, 3, 5, 2, 1]
    assert pooled([[1, 5]]).tolist() == [1, 5, 1, 5, 0, 0]
    with pytest.raises(ValueError, match="rows"):
        pooled([1, 2])


def test_a_space_of_all_directions_keeps_distances_and_passes_over_flat_columns():
    features = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    features[:, 3] = 7
    x = Space.of(features, 99)(features).astype(np.float64)
    assert x.shape == (20, 4)
    scaled = (features[:, [0, 1, 2, 4]] - features[:, [0, 1, 2, 4]].mean(0)) / features[:, [0, 1, 2, 4]].std(0)
    np.testing.assert_allclose(x @ x.T, scaled @ scaled.T / 4, atol=1e-4)
    wide = np.random.default_rng(1).normal(size=(6, 30)).astype(np.float32)
    assert Space.of(wide, 99)(wide).shape == (6, 5)
    assert len(set(RIDGES)) == len(RIDGES)
