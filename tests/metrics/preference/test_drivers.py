import numpy as np
import pytest
from scipy.special import expit

from metrics.preference.drivers import drivers
from metrics.preference.sandwich import Separated, newton_logit, newton_logits

NAMES = ("beauty", "movement", "defects")
WEIGHTS = (0.3, 1.2, 0.0)


def answers(count=3000, prompts=60, assessors=20, weights=WEIGHTS, lean=(-0.4, 0.5, 0.0), halo=0.0, seed=0):
    """preference, choices, prompt, assessor: aspects lean by prompt and assessor and drive the preference."""
    rng = np.random.default_rng(seed)
    prompt, assessor = rng.integers(0, prompts, count), rng.integers(0, assessors, count)
    size = len(weights)
    taste = rng.normal(0, 0.6, (prompts, size))[prompt] + rng.normal(0, 0.3, (assessors, size))[assessor]
    seen = np.array(lean) + taste + rng.normal(size=(count, size)) + halo * rng.normal(size=(count, 1))
    choices = np.sign(seen) * (np.abs(seen) > 0.4)
    whim = rng.normal(0, 0.4, prompts)[prompt] + rng.normal(0, 0.3, assessors)[assessor]
    felt = choices @ np.array(weights) + whim + rng.logistic(size=count)
    preference = np.where(np.abs(felt) < 0.4, 0.5, (felt > 0).astype(float))
    return preference, choices, prompt, assessor


def found(columns, names=NAMES, **more):
    preference, choices, prompt, assessor = columns
    return drivers(preference, choices, names, prompt, assessor, **more)


def test_one_aspect_by_hand():
    # first wins the aspect: 3 of 4 prefer it; second wins it: 1 of 4 do. β = log 3, p(1 − p) = 3/16 everywhere
    preference, choices = [1, 1, 1, 0, 0, 0, 0, 1], [[1], [1], [1], [1], [-1], [-1], [-1], [-1]]
    result = drivers(preference, choices, ["beauty"], [0, 1, 2, 3, 0, 1, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3])
    (beauty,) = result.drivers
    assert beauty.coefficient.value == pytest.approx(np.log(3))
    assert beauty.effect.value == pytest.approx(np.log(3) * 3 / 16)
    assert beauty.contribution.value == 0
    assert beauty.share == pytest.approx(1)
    assert beauty.inflation == pytest.approx(1)
    halves = -2 * 8 * (0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert result.explained == pytest.approx(1 - halves / (2 * 8 * np.log(2)))


def test_coefficients_and_two_way_covariance_equal_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    preference, choices, prompt, assessor = columns = answers()
    result = found(columns)
    model = sm.GLM(preference, sm.add_constant(choices), family=sm.families.Binomial())
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": np.column_stack([prompt, assessor])}, tol=1e-12)
    ours = [result.constant, *(driver.coefficient for driver in result.drivers)]
    assert [one.value for one in ours] == pytest.approx(theirs.params, abs=1e-8)
    assert [one.error for one in ours] == pytest.approx(theirs.bse, rel=0.005)
    assert result.explained == pytest.approx(1 - theirs.deviance / theirs.null_deviance, abs=1e-9)
    slopes = theirs.fittedvalues * (1 - theirs.fittedvalues)
    assert [one.effect.value for one in result.drivers] == pytest.approx(slopes.mean() * theirs.params[1:], abs=1e-8)


def test_shares_are_the_mean_gain_over_all_orders_and_sum_to_the_whole():
    sm = pytest.importorskip("statsmodels.api")
    preference, choices, *_ = columns = answers(count=800, halo=1.0)
    result = found(columns)
    shares = [driver.share for driver in result.drivers]
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert shares[1] > shares[0] > shares[2] > 0

    def left(*aspects):
        design = np.column_stack([np.ones(len(preference)), choices[:, list(aspects)]])
        return sm.GLM(preference, design, family=sm.families.Binomial()).fit(tol=1e-12).deviance

    # beauty enters first (twice), after movement, after defects, or last (twice)
    gain = 2 * (left() - left(0)) + (left(1) - left(1, 0)) + (left(2) - left(2, 0)) + 2 * (left(1, 2) - left(1, 2, 0))
    assert shares[0] == pytest.approx(gain / 6 / (left() - left(0, 1, 2)), abs=1e-8)


def test_the_mirror_exchanges_the_contenders_and_nothing_else():
    preference, choices, prompt, assessor = columns = answers(prompts=200, assessors=60)
    result, mirrored = found(columns), found((1 - preference, -choices, prompt, assessor))
    assert mirrored.constant.value == pytest.approx(-result.constant.value)
    assert mirrored.explained == pytest.approx(result.explained)
    assert mirrored.explained_unseen == pytest.approx(result.explained_unseen)
    for one, other in zip(result.drivers, mirrored.drivers, strict=True):
        assert other.balance == pytest.approx(-one.balance)
        assert other.contribution.value == pytest.approx(-one.contribution.value)
        assert other.contribution.error == pytest.approx(one.contribution.error)
        assert (other.effect.low, other.share) == pytest.approx((one.effect.low, one.share))
    assert mirrored.sentence("B", "A") == result.sentence("A", "B")


def test_the_sentence_names_what_speaks_for_the_winner_and_what_against():
    columns = answers(count=6000, prompts=200, assessors=60)
    assert found(columns).sentence("B", "A") == (
        "B is preferred for its movement, in spite of its beauty (an association between answers on one form, "
        "not a cause)."
    )
    columns = answers(count=6000, prompts=200, assessors=60, weights=(1, 1, 0), lean=(0.6, -0.6, 0))
    assert found(columns).sentence("B", "A") == (
        "Neither B nor A is clearly preferred; beauty speaks for B; movement speaks for A (an association between "
        "answers on one form, not a cause)."
    )
    idle = found(answers(count=600, weights=(0, 0, 0)))
    assert idle.sentence("B", "A") == "Neither B nor A is clearly preferred, and no aspect clearly speaks for either."


def test_errors_of_effects_and_contributions_are_those_of_leaving_out_each_prompt():
    preference, choices, prompt, _ = answers(count=1500, prompts=150, lean=(-0.8, 0.9, 0.4))
    # one assessor to each prompt: both ways of clustering are the same
    result = found((preference, choices, prompt, prompt))
    rows = []
    for left_out in range(150):
        kept = prompt != left_out
        part = found((preference[kept], choices[kept], prompt[kept], prompt[kept])).drivers
        rows.append([getattr(d, kind).value for d in part for kind in ("effect", "contribution")])
    errors = np.sqrt(149 / 150 * ((np.array(rows) - np.mean(rows, axis=0)) ** 2).sum(axis=0))
    ours = [getattr(d, kind).error for d in result.drivers for kind in ("effect", "contribution")]
    assert ours == pytest.approx(errors, rel=0.03)


def test_the_effect_errs_as_much_as_its_interval_says():
    truth, rows = [], []
    big = found(answers(count=400_000, prompts=4000, assessors=4000, seed=1))
    truth = [getattr(big.drivers[1], kind).value for kind in ("effect", "contribution")]
    for seed in range(120):
        one = found(answers(count=800, prompts=40, assessors=20, seed=100 + seed)).drivers[1]
        rows.append([e.low <= t <= e.high for e, t in zip((one.effect, one.contribution), truth, strict=True)])
    assert np.mean(rows, axis=0) == pytest.approx([0.95, 0.95], abs=0.06)


def test_an_aspect_without_weight_explains_nothing_on_unseen_prompts():
    telling = found(answers())
    assert 0.1 < telling.explained_unseen < telling.explained
    assert telling.folds == 5
    idle = [found(answers(weights=(0.0, 0.0, 0.0), count=600, seed=seed)) for seed in range(10)]
    assert min(one.explained for one in idle) > 0 > np.mean([one.explained_unseen for one in idle])


def test_explained_on_unseen_prompts_is_what_a_plain_loop_over_folds_finds():
    sm = pytest.importorskip("statsmodels.api")
    from sklearn.model_selection import GroupKFold

    preference, choices, prompt, assessor = answers(count=700)
    design, totals = sm.add_constant(choices), np.zeros(2)
    for seen, unseen in GroupKFold(5).split(choices, preference, prompt):
        for k, columns in enumerate(([0, 1, 2, 3], [0])):
            fit = sm.GLM(preference[seen], design[seen][:, columns], family=sm.families.Binomial()).fit(tol=1e-12)
            chance = expit(design[unseen][:, columns] @ fit.params)
            totals[k] += sm.families.Binomial().deviance(preference[unseen], chance)
    result = drivers(preference, choices, NAMES, prompt, assessor)
    assert result.explained_unseen == pytest.approx(1 - totals[0] / totals[1], abs=1e-7)


def test_aspects_answered_alike_are_named():
    preference, choices, prompt, assessor = answers(count=2000)
    rng = np.random.default_rng(5)
    copy = np.where(rng.random(2000) < 0.05, choices[:, 2], choices[:, 1])
    columns = (preference, np.column_stack([choices[:, :2], copy]), prompt, assessor)
    result = found(columns, ("beauty", "movement", "softness"))
    assert result.warning.startswith("movement and softness were answered much alike")
    assert result.drivers[1].inflation > 5 > 1.5 > result.drivers[0].inflation
    assert not found(answers()).warning
    same = found((preference, choices[:, [0, 1, 1]], prompt, assessor), ("beauty", "movement", "softness"))
    assert same.reason == "answers on movement and softness follow from each other: leave one of them out"
    assert same.drivers == ()


def test_what_cannot_be_said_has_its_reason():
    preference, choices, prompt, assessor = answers(count=200)
    idle = choices.copy()
    idle[:, 2] = 0
    assert found((preference, idle, prompt, assessor)).left_out == ("defects",)
    for columns, reason in [
        (([], np.empty((0, 3)), [], []), "no votes"),
        ((np.full(200, 0.5), choices, prompt, assessor), "every vote has the same preference"),
        ((preference, choices * 0, prompt, assessor), "no aspect was ever answered in two ways"),
        (((choices[:, 0] + 1) / 2 // 0.6, choices, prompt, assessor), "the aspects predict the preference perfectly"),
    ]:
        result = found(columns)
        assert result.reason.startswith(reason)
        assert result.sentence("B", "A").startswith("What goes with the preference cannot be said: ")
    alone = found((preference, choices, prompt, np.zeros(200, dtype=int)))
    assert alone.drivers[0].effect.low is None
    assert alone.drivers[0].effect.reason.startswith("one assessor only")
    assert "one assessor" in alone.sentence()
    idle = drivers([1, 0, 1, 0], [[1], [1], [-1], [-1]], ["beauty"], [0, 1, 0, 1], [0, 0, 1, 1])
    assert (idle.explained, idle.drivers[0].share) == (pytest.approx(0), None)
    assert found((preference, choices, prompt * 0, assessor)).unseen_reason == "one prompt only: none can be left out"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choices": [[1, 2, 0]] * 4}, "leave out votes that miss an aspect"),
        ({"choices": [[1, np.nan, 0]] * 4}, "leave out votes that miss an aspect"),
        ({"choices": [[1, 0]] * 4}, "one column per aspect"),
        ({"preference": [1, 0, 0.7, 1]}, "preference is 1"),
        ({"names": ("a", "a", "b")}, "share a name"),
        ({"names": ()}, "1 to 7 aspects"),
        ({"prompt": [1, 2, 3]}, "one label per vote"),
    ],
)
def test_votes_that_do_not_fit_are_refused(change, message):
    good = {
        "preference": [1, 0, 0.5, 1],
        "choices": [[1, 0, -1]] * 4,
        "names": NAMES,
        "prompt": [1, 1, 2, 2],
        "assessor": [1, 2, 1, 2],
    }
    with pytest.raises(ValueError, match=message):
        drivers(**(good | change))


def test_fits_on_many_choices_of_aspects_at_once_are_those_one_by_one():
    preference, choices, *_ = answers(count=400)
    design, weight = np.column_stack([np.ones(400), choices]), np.arange(400) % 3 + 1.0
    chosen = np.array([[True, *(number >> j & 1 for j in range(3))] for number in range(8)], dtype=bool)
    for row, columns in zip(newton_logits(design, preference, weight, chosen), chosen, strict=True):
        assert row[columns] == pytest.approx(newton_logit(design[:, columns], preference, weight), abs=1e-9)
        assert not row[~columns].any()


@pytest.mark.parametrize("seed", range(18))
def test_where_one_aspect_decides_every_vote_no_coefficient_is_told(seed):
    """The score vanishes there too, on the way to infinity: fits stopped at odds of e^28, or went on and broke."""
    rng = np.random.default_rng(seed)
    choices = rng.choice([-1.0, 1.0], (12, 4))
    result = drivers(choices[:, 0] > 0, choices, ["a", "b", "c", "d"], rng.integers(0, 6, 12), rng.integers(0, 4, 12))
    assert (result.drivers, bool(result.reason)) == ((), True)
    every = np.ones((2, 5), dtype=bool)
    every[1, 2:] = False
    with pytest.raises(Separated, match="predicted perfectly"):
        newton_logits(np.column_stack([np.ones(12), choices]), choices[:, 0] > 0, np.ones(12), every)
