"""Where quality and place cannot be told apart, or too few have voted, a report shows the data and claims nothing."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse
from visavis.gate import BETTER, NOT_ENOUGH, gate

from evalapp.assessing.looks import take_looks
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.comparisons.models import Comparison
from evalapp.reporting import reasons, sections
from evalapp.reporting.build import build
from evalapp.reporting.exports import FORMATS
from evalapp.reporting.verdicts import verdicts
from tests.assessing.test_looks import voted
from tests.factories import make_comparison
from tests.reporting.test_reasons import motion_decides, table

ONE_ASPECT = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


@pytest.fixture
def answered(db, tmp_path, capsys):
    """The report of 200 imported votes on 25 prompts by 8 assessors: A wins seven of ten; in `turned` of them B stood
    on the left."""

    def votes(turned, sides=True, name="votes"):
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            sheet = csv.writer(file)
            sheet.writerow(["prompt_id", "assessor", "aspect", "first", "second", "left", "choice"])
            for n in range(200):
                left = "B" if n % 200 >= 200 - turned else "A"
                won = "A" if n * 7 % 10 < 7 else "B"
                place = [f"p{n % 25}", f"a{n // 25}", "preference", "A", "B"]
                sheet.writerow([*place, left if sides else "", won])
        call_command("import_votes", path, name=name)
        capsys.readouterr()
        call_command("report", name)
        return json.loads(capsys.readouterr().out)

    return votes


def turn(whole, sides):
    return replace(whole, first_on_left=np.asarray(sides, dtype=bool))


def said_of(whole, closed=True):
    return verdicts(whole, sections.results(whole, tests=True), closed=closed)[0]


def test_votes_with_one_order_give_no_verdict_and_still_show_the_data(answered):
    found = answered(turned=4)
    (told,), (row,) = found["verdicts"], found["results"]
    assert told["verdict"] == "sides fixed"
    assert told["sentence"].startswith(
        "No verdict: A stood on the left in 196 of 200 votes, so its quality and its place cannot be told apart. "
        "A wins 70 of 100 against B (95 % interval"
    )
    assert row["interval"][0] > 0.5, "it would have been a verdict"
    assert row["win_rate"] == pytest.approx(0.7)
    assert (row["p_value"], row["p_value_adjusted"]) == (None, None)
    assert row["sides_fixed"] in told["sentence"]
    assert any("more than 95 of 100 votes" in each for each in found["methods"])


def test_the_gate_and_the_files_have_the_reason(answered):
    found = answered(turned=4)
    assert gate(found, "A", "B").verdict == NOT_ENOUGH
    assert "stood on the left in 196 of 200" in gate(found, "A", "B").sentence
    report = build(Comparison.objects.get())
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"](report)))
    assert row["sides_fixed"] == found["results"][0]["sides_fixed"] != ""
    assert row["p_value"] == ""
    assert "No verdict: A stood on the left" in FORMATS["html"](report)


def test_the_page_says_so_in_russian(answered, client, olga):
    answered(turned=4)
    client.force_login(olga)
    client.cookies["django_language"] = "ru"
    text = client.get(reverse("report", args=[Comparison.objects.get().code])).content.decode()
    assert "Вывода нет: A стоял слева в 196 голосах из 200, и его качество не отличить от места" in text
    assert "No verdict" not in text


def test_one_vote_in_twenty_with_the_other_order_is_enough(answered):
    found = answered(turned=10)
    assert found["verdicts"][0]["verdict"] == "first preferred"
    assert gate(found, "A", "B").verdict == BETTER
    assert found["results"][0]["p_value_adjusted"] < 0.05
    assert answered(turned=9, name="nine")["verdicts"][0]["verdict"] == "sides fixed"


def test_sides_that_nobody_recorded_are_no_fixed_sides(answered):
    found = answered(turned=0, sides=False)
    assert found["verdicts"][0]["verdict"] == "first preferred"
    assert found["results"][0]["sides_fixed"] == ""
    assert any("Nothing is corrected for sides" in each for each in found["methods"])


def test_swapping_the_contenders_names_the_same_one_and_turning_the_sides_the_other():
    whole = table(motion_decides())
    kept = turn(whole, np.ones(len(whole)))
    sentence = "one stood on the left in 360 of 360 votes"
    assert sentence in said_of(kept)["sentence"]
    swapped = replace(kept, contenders=["two", "one"], outcome=1 - kept.outcome, first_on_left=~kept.first_on_left)
    assert sentence in said_of(swapped)["sentence"]
    assert "two stood on the left in 360 of 360" in said_of(turn(whole, np.zeros(len(whole))))["sentence"]


def test_other_aspects_and_drivers_claim_nothing_either():
    whole = table(motion_decides())
    assert said_of(whole)["first_better_at"] == ["motion"]
    fixed = turn(whole, np.ones(len(whole)))
    assert said_of(fixed)["first_better_at"] == said_of(fixed)["second_better_at"] == []
    (found,) = reasons.drivers(fixed)
    assert found["sentence"].startswith("What goes with the preference cannot be said: one stood on the left")
    assert found["aspects"], "the data are shown"


def test_while_voting_goes_on_nothing_is_won_and_the_gate_waits():
    whole = table(motion_decides())
    fixed = turn(whole, np.ones(len(whole)))
    told = said_of(fixed, closed=False)
    assert told["verdict"] == "voting goes on"
    assert told["sentence"].startswith("No verdict: one stood on the left in 360 of 360 votes")
    assert told["first_better_at"] == []
    assert said_of(whole, closed=False)["first_better_at"] == ["motion"]
    row = next(row for row in sections.results(fixed, tests=False) if row["aspect"] == "preference")
    snapshot = {"results": [row], "comparison": {"state": "open"}, "counts": {"simulated_votes": 0}}
    assert gate(snapshot, "one", "two").verdict == NOT_ENOUGH
    assert gate(snapshot | {"results": [row | {"sides_fixed": ""}]}, "one", "two").verdict == BETTER


@pytest.mark.parametrize("turned", [False, True])
def test_a_look_at_votes_with_one_order_settles_nothing(db, turned):
    comparison = make_comparison(prompts=25, overlap=6, aspects=ONE_ASPECT, planned_looks=5)
    voted(comparison, 72, turned=lambda number: turned)
    looks = take_looks(comparison)
    assert [look.verdict for look in looks] == ["undecided", "undecided"]
    assert f"the first contender stood on the left in {0 if turned else 60} of 60 votes" in looks[-1].reason
    assert not comparison.pairs.filter(decided=True).exists()
    other = make_comparison(prompts=25, overlap=6, aspects=ONE_ASPECT, planned_looks=5)
    voted(other, 72)
    assert take_looks(other)[-1].verdict == "better"


def three(assessors=6, pairs=60, seed=1):
    """Three contenders, of whom the first wins nearly always and the last hardly ever."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(pairs) % 3, assessors)
    first, second = np.array([0, 0, 1])[kind], np.array([1, 2, 2])[kind]
    chance = np.array([0.9, 0.95, 0.9])[kind]
    outcomes = (rng.random(pairs * assessors) < chance).astype(float).reshape(pairs, assessors, 1)
    return table(outcomes, contenders=("a", "b", "c"), first=first, second=second)


def ranks(whole):
    (row,) = sections.rankings(whole)
    return [each["ranks"] for each in row["rated"]], row


def test_ranks_are_left_open_where_too_few_voted_and_the_ratings_stay():
    alone, row = ranks(three())
    assert alone == [[1, 1], [2, 2], [3, 3]]
    assert row["ranks_reason"] == ""
    few, row = ranks(three(assessors=4, pairs=90))
    assert few == [[1, 3]] * 3
    assert row["ranks_reason"] == "every rank is left open: 4 assessors, where 5 are the least"
    assert row["rated"][0]["interval"] is not None


def test_ranks_leave_open_who_of_two_is_ahead_where_one_always_had_the_same_place():
    whole = three()
    met = whole.second - whole.first
    fixed, row = ranks(turn(whole, whole.first_on_left | ((whole.first == 0) & (met == 1))))
    assert fixed == [[1, 2], [1, 2], [3, 3]]
    assert row["ranks_reason"].endswith("where one of two stood on one side throughout: a – b")
    fixed, row = ranks(turn(whole, whole.first_on_left | (whole.first == 0)))
    assert fixed == [[1, 3], [1, 2], [2, 3]], "b is still ahead of c"
    assert row["ranks_reason"].endswith("a – b, a – c")


def test_a_contender_always_on_one_side_of_short_pairings_is_told_apart_from_nobody():
    whole = three(pairs=150)
    short = whole.take(whole.assessor < 6)
    few = turn(short, short.first_on_left | (short.first == 0))
    few = few.take((few.first > 0) | (few.prompt < 30))  # 60 votes on a against each of the others
    assert ranks(few)[0][0] == [1, 3]
    few = few.take((few.first > 0) | (few.assessor == 0) | ((few.assessor == 1) & (few.prompt % 2 == 0)))
    met = [int(((few.first == 0) & (few.second == other)).sum()) for other in (1, 2)]
    assert max(met) < 20 <= sum(met)
    assert ranks(few)[0][0][1] == 3


def test_where_too_few_voted_no_test_is_shown_and_the_others_are_adjusted_without_it():
    """Two pairings on enough prompts and one on too few: Holm's family are the two."""
    whole = three(pairs=75)
    whole = whole.take((whole.second - whole.first == 1) | (whole.prompt < 30))
    rows = sections.results(whole, tests=True)
    assert [bool(row["too_few"]) for row in rows] == [False, True, False]
    assert rows[1]["p_value"] is rows[1]["p_value_adjusted"] is None
    assert rows[1]["interval"] is not None, "the data are shown"
    low, high = sorted((rows[0], rows[2]), key=lambda row: row["p_value"])
    assert low["p_value_adjusted"] == pytest.approx(2 * low["p_value"])
    assert high["p_value_adjusted"] == pytest.approx(max(high["p_value"], low["p_value_adjusted"]))


def test_where_too_few_voted_neither_slices_nor_the_one_scale_are_tested():
    tags = [["odd" if n % 2 else "even"] for n in range(60)]
    many, few = motion_decides()[:, :, :1], motion_decides()[:, :4, :1]
    assert reasons.slices(table(many, tags=tags), tests=True)[0]["p_value"] is not None
    (found,) = reasons.slices(table(few, tags=tags), tests=True)
    assert found["p_value"] is None
    assert found["in_words"] == "whether slices differ cannot be tested: 4 assessors, where 5 are the least"
    assert all(each["p_value_adjusted"] is None for each in found["tags"])
    assert reasons.one_scale(three(), tests=True)[0]["p_value"] is not None
    (untested,) = reasons.one_scale(three(assessors=4), tests=True)
    assert (untested["p_value"], untested["reason"]) == (None, "4 assessors, where 5 are the least")
