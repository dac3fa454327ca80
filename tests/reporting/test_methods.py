"""The methods text says what was done, and nothing that was not."""

import json

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.exclusions import Exclusion
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.reporting.build import build
from tests.assessing.test_looks import people, voted
from tests.factories import make_comparison

ONE_ASPECT = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


def text(comparison):
    return " ".join(json.loads(build(comparison).snapshot)["methods"])


def test_two_contenders_with_one_aspect_have_no_ranking_drivers_looks_or_programs_in_their_methods(db):
    comparison = make_comparison(prompts=20, overlap=5, aspects=ONE_ASPECT)
    people(comparison, 5)
    voted(comparison, 100, lambda number: number % 3 > 0)
    running = text(comparison)
    assert "Voting goes on" in running
    assert "p-values ask" not in running
    comparison.close()
    told = text(comparison)
    assert "p-values ask" in told
    assert "No assessor's votes are left out." in told
    assert "5 assessors may by chance (5 of 100) all lack a taste that 45 of 100 people have" in told  # 0.55⁵ = 0.05
    for absent in ("Bradley-Terry", "fractional logit", "O'Brien", "programs", "repeats", "no worse", "Voting goes on"):
        assert absent not in told, absent


def test_looks_margin_exclusions_and_ranking_are_in_the_methods_of_the_comparison_that_has_them(db):
    comparison = make_comparison(
        contenders=3, prompts=10, overlap=4, aspects=ONE_ASPECT, planned_looks=5, planned_votes=40, margin=0.05
    )
    people(comparison, 4)
    voted(comparison, 120, lambda number: number % 5 > 1)
    comparison.close()
    Exclusion.objects.exclude_assessor(comparison.participations.first(), "hurried", by="olga")
    told = text(comparison)
    assert "5 looks at each pairing were fixed before launch, on the way to 40 votes" in told
    assert "above 45 of 100" in told
    assert "Votes of excluded assessors (1) are left out: 30" in told
    assert "Bradley-Terry" in told
    assert "Krippendorff's alpha (2004)" in told
    assert "Wilson's interval (1927)" in told
    assert "absolute ratings" not in told
    assert "No assessor's votes are left out." not in told


def test_an_interval_that_no_row_has_is_not_in_the_methods(db):
    comparison = make_comparison(prompts=6, overlap=2, aspects=ONE_ASPECT)
    people(comparison, 1)
    voted(comparison, 6, lambda number: number % 3 > 0)
    comparison.close()
    told = text(comparison)
    assert "The 95 % interval speaks of these assessors and new prompts" in told
    assert "Cameron" not in told


def test_where_all_are_ties_sides_are_not_said_to_be_unknown(db):
    comparison = make_comparison(prompts=6, overlap=2, aspects=ONE_ASPECT)
    people(comparison, 2)
    for each in comparison.participations.all():
        while task := next_assignment(each):
            task.submit(dict.fromkeys(comparison.aspects.all(), "same"), key=task.code.hex, viewing={})
    comparison.close()
    told = text(comparison)
    assert "both orders equally often" in told
    assert "of which the side is known" not in told
