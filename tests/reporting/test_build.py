"""The report's numbers, recomputed from the votes by other means."""

import csv
import io
import json
from collections import Counter, defaultdict

import pytest

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.exchange import export_votes
from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting.build import build, rounded
from evalapp.reporting.models import Report
from tests.factories import make_comparison, make_participation, make_vote


def snapshot(comparison):
    return json.loads(build(comparison).snapshot)


def row(found, aspect="preference", contenders=("end-to-end", "frame-by-frame")):
    return next(r for r in found["results"] if r["aspect"] == aspect and r["contenders"] == list(contenders))


def exported(comparison):
    file = io.StringIO()
    export_votes(comparison, file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_every_number_is_recomputed_from_the_exported_votes(db):
    comparison = make_comparison(contenders=3, prompts=6, overlap=3)
    simulate_votes(comparison, 3)
    comparison.close()
    found = snapshot(comparison)
    votes = exported(comparison)
    for result in found["results"]:
        first, second = result["contenders"]
        mine = [v for v in votes if (v["first"], v["second"], v["aspect"]) == (first, second, result["aspect"])]
        counts = Counter(vote["choice"] for vote in mine)
        assert (result["votes"], result["wins"], result["ties"], result["losses"]) == (
            len(mine),
            counts["first"],
            counts["tie"],
            counts["second"],
        )
        by_prompt = defaultdict(list)
        for vote in mine:
            by_prompt[vote["prompt_id"]].append({"first": 1.0, "tie": 0.5, "second": 0.0}[vote["choice"]])
        means = [sum(outcomes) / len(outcomes) for outcomes in by_prompt.values()]
        assert result["win_rate"] == pytest.approx(sum(means) / len(means), abs=1e-6)
        assert result["interval"][0] <= result["win_rate"] <= result["interval"][1]


def test_choices_on_the_screen_count_for_the_contender_that_stood_there(db):
    comparison = make_comparison(prompts=4, overlap=1)
    alice = make_participation(comparison)
    while assignment := next_assignment(alice):
        side = "right" if assignment.swapped else "left"
        choices = dict.fromkeys(comparison.aspects.all(), side)
        assignment.submit(choices, key=assignment.code.hex, viewing={})
    assert (row(snapshot(comparison))["wins"], row(snapshot(comparison))["losses"]) == (4, 0)


def test_position_bias_counts_the_left_side_whoever_stood_there(db):
    comparison = make_comparison(prompts=5, overlap=1)
    alice = make_participation(comparison)
    for choice in ("left", "left", "left", "right", "same"):
        make_vote(alice, choice)
    overall = snapshot(comparison)["position_bias"][0]
    aspects = comparison.aspects.count()
    assert overall["aspect"] is None
    assert overall["decided"] == 4 * aspects
    assert overall["left"] == pytest.approx(0.75)


def test_the_same_votes_give_the_same_bytes_and_the_same_row(db):
    comparison = make_comparison(prompts=3, overlap=1)
    make_vote(make_participation(comparison))
    first = build(comparison)
    assert build(comparison).pk == first.pk
    Report.objects.all().delete()
    assert build(comparison).snapshot == first.snapshot


def test_a_new_vote_gives_a_new_report_and_the_old_one_stays(db):
    comparison = make_comparison(prompts=3, overlap=1)
    alice = make_participation(comparison)
    make_vote(alice)
    first = build(comparison)
    make_vote(alice)
    assert build(comparison).pk != first.pk
    assert Report.objects.get(pk=first.pk).snapshot == first.snapshot


def test_a_correction_supersedes_and_is_counted(db):
    comparison = make_comparison(prompts=1, overlap=1)
    assignment, _ = make_vote(make_participation(comparison), "same")
    side = "right" if assignment.swapped else "left"
    assignment.submit(dict.fromkeys(comparison.aspects.all(), side), key="corrected", viewing={})
    found = snapshot(comparison)
    assert (row(found)["wins"], row(found)["ties"]) == (1, 0)
    assert found["counts"]["corrections"] == 1


def test_skipped_pairs_do_not_count_and_their_reasons_are_told(db):
    comparison = make_comparison(prompts=2, overlap=1)
    alice = make_participation(comparison)
    next_assignment(alice).skip("it does not play")
    found = snapshot(comparison)
    assert found["counts"]["votes"] == 0
    assert found["counts"]["skips"] == {"it does not play": 1}


def test_no_votes_give_words_and_no_numbers(db):
    found = snapshot(make_comparison())
    assert found["verdicts"][0]["sentence"] == "No votes yet on end-to-end against frame-by-frame."
    assert row(found)["win_rate"] is None
    assert row(found)["interval"] is None
    assert row(found)["reason"] == "no votes"


def test_few_prompts_or_assessors_claim_nothing(db):
    comparison = make_comparison(prompts=8, overlap=3)
    simulate_votes(comparison, 3, {"preference": 6.0})
    comparison.close()
    found = snapshot(comparison)
    assert found["verdicts"][0]["verdict"] == "too few to claim"
    assert (
        "8 prompts, where 20 are the least and 3 assessors, where 5 are the least" in found["verdicts"][0]["sentence"]
    )


def test_enough_votes_for_one_side_are_a_verdict_once_voting_has_ended(db):
    comparison = make_comparison(prompts=24, overlap=6)
    simulate_votes(comparison, 6, {"preference": 2.0, "beauty": -2.0})
    assert snapshot(comparison)["verdicts"][0]["verdict"] == "voting goes on"
    assert row(snapshot(comparison))["p_value"] is None
    comparison.close()
    verdict = snapshot(comparison)["verdicts"][0]
    assert verdict["verdict"] == "first preferred"
    assert verdict["sentence"].startswith("end-to-end is preferred to frame-by-frame: end-to-end wins ")
    assert "beauty" in verdict["second_better_at"]


def test_no_difference_is_undecided(db):
    comparison = make_comparison(prompts=24, overlap=6)
    simulate_votes(comparison, 6, {})
    comparison.close()
    assert snapshot(comparison)["verdicts"][0]["verdict"] == "undecided"


def test_simulated_votes_are_counted_apart(db):
    comparison = make_comparison(prompts=2, overlap=2)
    simulate_votes(comparison, 1)
    make_vote(make_participation(comparison))
    counts = snapshot(comparison)["counts"]
    aspects = comparison.aspects.count()
    assert (counts["votes"], counts["simulated_votes"]) == (3 * aspects, 2 * aspects)
    assert (counts["assessors"], counts["simulated_assessors"]) == (2, 1)


def test_three_contenders_are_ranked_and_two_are_not(db):
    comparison = make_comparison(contenders=3, prompts=8, overlap=4)
    simulate_votes(comparison, 4)
    ranked = next(r for r in snapshot(comparison)["ranking"] if r["aspect"] == "movement")
    assert [each["contender"] for each in ranked["rated"]] == ["end-to-end", "frame-by-frame", "third"]
    assert snapshot(make_comparison(contenders=2))["ranking"] == []


def test_contenders_that_cannot_be_put_on_one_scale_are_told_apart_in_words(db):
    comparison = make_comparison(contenders=3, prompts=2, overlap=1)
    alice = make_participation(comparison)
    while assignment := next_assignment(alice):
        side = "right" if assignment.swapped else "left"
        assignment.submit(dict.fromkeys(comparison.aspects.all(), side), key=assignment.code.hex, viewing={})
    ranked = snapshot(comparison)["ranking"][0]
    assert ranked["rated"] == []
    assert "end-to-end" in ranked["reason"]


def test_a_number_that_is_none_never_enters_a_report():
    with pytest.raises(ValueError, match="cannot stand in a report"):
        rounded({"x": [float("nan")]})


@pytest.mark.parametrize("choice", ["left", "same", "right"])
@pytest.mark.parametrize(("prompts", "people"), [(1, 1), (1, 3), (3, 2), (4, 3)])
def test_votes_that_are_all_the_same_give_a_report(db, choice, prompts, people):
    comparison = make_comparison(prompts=prompts, overlap=people)
    for number in range(people):
        voter = make_participation(comparison, name=f"assessor {number}")
        for _ in range(prompts):
            make_vote(voter, choice)
    found = snapshot(comparison)
    assert row(found)["votes"] == prompts * people
    comparison.close()
    assert snapshot(comparison)["verdicts"][0]["sentence"]


def test_a_renamed_contender_or_a_flag_of_simulation_makes_a_new_report(db):
    comparison = make_comparison(prompts=2, overlap=1)
    alice = make_participation(comparison)
    make_vote(alice)
    first = build(comparison)
    type(alice.assessor).objects.update(simulated=True)
    flagged = build(comparison)
    assert flagged.pk != first.pk
    assert json.loads(flagged.snapshot)["counts"]["simulated_votes"] > 0
    type(comparison.contenders.first()).objects.filter(name="end-to-end").update(name="renamed")
    assert json.loads(build(comparison).snapshot)["comparison"]["contenders"][0] == "renamed"
