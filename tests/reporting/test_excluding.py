"""Excluded assessors: left out, named by pseudonym with a reason, and the verdict with everyone beside."""

import json

import pytest
from django.urls import reverse

from evalapp.assessing.exclusions import Exclusion
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.people.projects import first_project
from evalapp.reporting.build import build, newest
from evalapp.reporting.league import build_league
from tests.assessing.test_looks import people, voted
from tests.factories import make_comparison

ONE_ASPECT = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


def snapshot(comparison):
    return json.loads(build(comparison).snapshot)


def exclude(participation, reason="answers left always"):
    return Exclusion.objects.exclude_assessor(participation, reason, by="olga")


@pytest.fixture
def split(db):
    """24 prompts, 12 votes each by 12 assessors: six choose the first contender always, six the second."""
    comparison = make_comparison(prompts=24, overlap=12, aspects=ONE_ASPECT)
    people(comparison, 12)
    voted(comparison, 24 * 12, lambda number: (number + number // 24) % 12 < 6)
    comparison.close()
    return comparison


def test_excluded_votes_do_not_count_and_who_is_excluded_and_why_is_told_by_pseudonym(split):
    contrary = list(split.participations.order_by("pk"))[6:]
    before = snapshot(split)
    assert before["exclusions"] == {"excluded": [], "votes": 0, "pairings": []}
    assert before["verdicts"][0]["verdict"] == "undecided"
    exclusions = [exclude(each) for each in contrary]
    found = snapshot(split)
    assert found["counts"]["votes"] == found["counts"]["answers"] == 144
    assert found["results"][0]["losses"] == 0
    assert found["verdicts"][0]["verdict"] == "first preferred"
    told = found["exclusions"]
    assert told["votes"] == 144
    assert told["excluded"][0]["assessor"] == str(contrary[0].assessor.code)
    assert told["excluded"][0]["excluded_for"] == "answers left always"
    assert contrary[0].assessor.name not in json.dumps(found)
    everyone = told["pairings"][0]
    assert (everyone["verdict"], everyone["same_verdict"], everyone["votes"]) == ("undecided", False, 288)
    assert everyone["win_rate"] == before["results"][0]["win_rate"]
    assert everyone["interval"] == before["results"][0]["interval"]
    assert everyone["sentence"].startswith("The verdict hangs on who is excluded: with everyone it is “undecided”")
    for each in exclusions:
        each.lift("olga")
    assert snapshot(split)["results"] == before["results"]


def test_a_verdict_that_survives_everyone_counted_says_so(split):
    for each in list(split.participations.order_by("pk"))[5:7]:
        exclude(each)
    everyone = snapshot(split)["exclusions"]["pairings"][0]
    assert everyone["same_verdict"]
    assert everyone["sentence"].startswith("The verdict is the same with everyone")


def test_an_exclusion_that_is_lifted_brings_the_earlier_report_back_everywhere(split, client, olga):
    before = build(split)
    exclusion = exclude(split.participations.first())
    meanwhile = build(split)
    assert newest(split) == (meanwhile, False)
    exclusion.lift(by="olga")
    assert newest(split) == (before, False)
    assert build(split) == before
    client.force_login(olga)
    page = client.get(reverse("report", args=[split.code])).text
    assert f"{before.inputs}" in page
    assert "Newer votes are being counted" not in page
    told = client.get(reverse("api-report", args=[split.code])).json()
    assert told["provenance"]["inputs"] == before.inputs


def test_all_votes_excluded_is_a_sentence(split):
    for each in split.participations.all():
        exclude(each)
    found = snapshot(split)
    assert found["warnings"] == ["All votes are excluded (288): nothing below says anything."]
    assert found["verdicts"][0]["sentence"] == "All votes on end-to-end against frame-by-frame are excluded (288)."
    assert found["results"][0]["win_rate"] is None


def test_excluded_votes_are_not_in_the_league_either(split):
    assert build_league(first_project())["aspects"][0]["votes"] == 288
    exclude(split.participations.first())
    assert build_league(first_project())["aspects"][0]["votes"] == 264


def test_an_assessor_on_whom_the_finding_hangs_is_named_by_pseudonym(db):
    comparison = make_comparison(prompts=24, overlap=6, aspects=ONE_ASPECT)
    people(comparison, 6)
    # three decided assessors for the first, two for the second, one who makes up the difference in part
    sides = (0.9, 0.9, 0.9, 0.75, 0.75, 0.0)
    voted(comparison, 24 * 6, lambda number: (number * 7 % 24) / 24 < sides[(number + number // 24) % 6])
    comparison.close()
    row = snapshot(comparison)["without_each_assessor"][0]
    last = comparison.participations.order_by("pk").last()
    assert row["changed_by"] == [str(last.assessor.code)]
    assert row["highest"] > 0.8
