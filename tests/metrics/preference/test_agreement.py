import numpy as np
import pytest

from metrics.preference.agreement import (
    Choices,
    dawid_skene,
    gwet_ac1,
    human_ceiling,
    krippendorff_alpha,
    raw_agreement,
    self_consistency,
)

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": four observers, twelve units, categories 1-5.
PUBLISHED = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
FIVE = ("1", "2", "3", "4", "5")


def long_form(table: str, categories: tuple[str, ...]) -> Choices:
    rows = [line.split() for line in table.strip().splitlines()]
    cells = [
        (unit, observer, mark) for observer, row in enumerate(rows) for unit, mark in enumerate(row) if mark != "."
    ]
    return Choices.of([c[0] for c in cells], [c[1] for c in cells], [c[2] for c in cells], categories)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_equals_krippendorffs_published_example(scale, alpha):
    result = krippendorff_alpha(long_form(PUBLISHED, FIVE), scale)
    assert result.estimate == pytest.approx(alpha, abs=5e-4)
    assert (result.items, result.single, result.votes) == (11, 1, 40)
    assert result.low < result.estimate < result.high


def test_ac1_equals_gwets_published_examples():
    assert gwet_ac1(long_form(PUBLISHED, FIVE)).estimate == pytest.approx(0.77544, abs=5e-6)
    table = [(0, 0)] * 118 + [(0, 1)] * 5 + [(1, 0)] * 2  # Gwet (2008): kappa −0.02 although 94 % agree
    choices = Choices.of(np.repeat(np.arange(125), 2), np.tile([0, 1], 125), np.ravel(table), ("yes", "no"))
    assert gwet_ac1(choices).estimate == pytest.approx(0.9408, abs=5e-5)
    assert raw_agreement(choices).estimate == pytest.approx(0.944)


def test_alpha_equals_evalica_on_random_votes():
    evalica, pandas = pytest.importorskip("evalica"), pytest.importorskip("pandas")
    rng = np.random.default_rng(5)
    marks = rng.integers(0, 3, size=(6, 80)).astype(float)
    marks[:, :40] = marks[0, :40]
    marks[rng.random(marks.shape) < 0.3] = np.nan
    assessor, item = np.nonzero(~np.isnan(marks))
    choices = Choices.of(item, assessor, marks[assessor, item].astype(int))
    for scale in ("nominal", "ordinal"):
        published = evalica.alpha(pandas.DataFrame(marks), distance=scale).alpha
        assert krippendorff_alpha(choices, scale).estimate == pytest.approx(published, abs=1e-9)


def test_alpha_of_a_single_category_is_refused_in_words():
    result = krippendorff_alpha(Choices.of([0, 0, 1, 1], [0, 1, 0, 1], [2, 2, 2, 2]))
    assert result.estimate is None
    assert "nothing could have disagreed" in result.reason
    assert gwet_ac1(Choices.of([0, 0, 1, 1], [0, 1, 0, 1], [2, 2, 2, 2])).estimate == pytest.approx(1.0)


def test_single_vote_items_are_counted_and_left_out():
    with_singles = raw_agreement(Choices.of([0, 0, 1, 1, 2, 3], [0, 1, 0, 1, 0, 1], [0, 0, 0, 2, 1, 1]))
    assert with_singles.estimate == 0.5
    assert (with_singles.items, with_singles.single) == (2, 2)
    none = raw_agreement(Choices.of([0, 1], [0, 1], [0, 0]))
    assert none.estimate is None
    assert "overlap" in none.reason


def test_an_assessors_second_vote_on_an_item_is_a_repeat_and_not_agreement():
    item, assessor, choice = [0, 0, 0, 1, 1], [7, 7, 8, 7, 7], [0, 0, 2, 1, 1]
    result = raw_agreement(Choices.of(item, assessor, choice))
    assert (result.estimate, result.repeats, result.single) == (0.0, 2, 1)
    again = self_consistency(item, assessor, choice)
    assert (again.estimate, again.items) == (1.0, 2)


def test_human_ceiling_counts_an_even_split_as_half():
    # votes first, first, second: each first agrees with one of a split pair (½); the second with nobody
    split = human_ceiling(Choices.of([0, 0, 0], [0, 1, 2], [0, 0, 2]))
    assert split.estimate == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert human_ceiling(Choices.of([0] * 4, range(4), [0, 0, 0, 2])).estimate == pytest.approx(3 / 4)


def test_jackknife_over_prompts_equals_leaving_each_out_by_hand():
    rng = np.random.default_rng(1)
    item, assessor = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30)
    choice = rng.integers(0, 3, 120)
    prompt = item // 3
    whole = krippendorff_alpha(Choices.of(item, assessor, choice, prompt=prompt), "ordinal")
    parts = np.array(
        [
            krippendorff_alpha(Choices.of(item[k], assessor[k], choice[k], prompt=prompt[k]), "ordinal").estimate
            for k in (prompt != p for p in range(10))
        ]
    )
    error = np.sqrt(9 / 10 * ((parts - parts.mean()) ** 2).sum())
    assert whole.high - whole.estimate == pytest.approx(2.2621571628 * error)


def test_mirroring_the_choices_changes_no_coefficient():
    rng = np.random.default_rng(2)
    item, assessor, choice = np.repeat(np.arange(50), 3), rng.integers(0, 9, 150), rng.integers(0, 3, 150)
    for coefficient in (krippendorff_alpha, gwet_ac1, raw_agreement, human_ceiling):
        one, other = (coefficient(Choices.of(item, assessor, c)) for c in (choice, 2 - choice))
        assert one.estimate == pytest.approx(other.estimate)
        assert one.low == pytest.approx(other.low)


def test_unknown_choices_are_refused():
    with pytest.raises(ValueError, match="'third' is none of first, tie, second"):
        Choices.of([0], [0], ["third"])
    with pytest.raises(ValueError, match="outside"):
        Choices.of([0], [0], [3])
    with pytest.raises(ValueError, match="two prompts"):
        Choices.of([0, 0], [0, 1], [1, 1], prompt=[0, 1])


def test_dawid_skene_sees_through_a_crowd_of_coin_flippers():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 400)
    good = np.where(rng.random((2, 400)) < 0.92, truth, 1 - truth)
    noise = rng.integers(0, 2, (3, 400))
    votes = np.concatenate([good, noise])
    choices = Choices.of(np.tile(np.arange(400), 5), np.repeat(np.arange(5), 400), votes.ravel(), ("first", "second"))
    found = dawid_skene(choices)
    majority = (votes.mean(axis=0) > 0.5) == truth
    assert ((found.truth[:, 1] > 0.5) == truth).mean() > majority.mean() + 0.05
    assert found.confusion[0, 1, 1] > 0.85 > 0.65 > found.confusion[4, 1, 1]
