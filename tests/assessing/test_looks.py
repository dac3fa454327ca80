"""Planned looks: at the moments fixed before launch, stored as they were, and obeyed when pairs are handed out."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from evalapp.assessing.dispatch import next_assignment, remaining
from evalapp.assessing.looks import Look, planned_counts, take_looks
from evalapp.assessing.models import Assignment, Ballot, Vote
from evalapp.assessing.tasks import look
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.comparisons.launch import InvalidPlan, plan_digest
from evalapp.comparisons.models import Pair
from metrics.preference.stopping import obrien_fleming
from tests.factories import make_comparison, make_participation

PREFERENCE = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


@pytest.fixture
def looked_at(db):
    """Two contenders on 25 prompts, six votes each, five looks: 30, 60, 90, 120 and 150 votes."""
    return make_comparison(prompts=25, overlap=6, aspects=PREFERENCE, planned_looks=5)


def people(comparison, count=24):
    return [make_participation(comparison, name=f"assessor {number}") for number in range(count)]


def voted(comparison, votes, first_wins=lambda number: True, contenders=None, turned=lambda number: number % 2 > 0):
    """So many more votes, spread over pairs first and assessors then, as dispatch would; `contenders`: of these two;
    `turned`: which of them had their sides turned."""
    aspect, voters = comparison.aspects.get(), list(comparison.participations.order_by("pk")) or people(comparison)
    pairs = list(comparison.pairs.order_by("pk"))
    if contenders:
        pairs = [pair for pair in pairs if [pair.first.contender, pair.second.contender] == contenders]
    start = sum(pair.taken for pair in pairs)
    with transaction.atomic():
        for number in range(start, start + votes):
            pair, voter = pairs[number % len(pairs)], voters[(number + number // len(pairs)) % len(voters)]
            swapped = turned(number // len(pairs) + number)
            assignment = Assignment.objects.create(
                pair=pair, participation=voter, swapped=swapped, state="submitted", lease_until=Now(), version=1
            )
            ballot = Ballot.objects.create(assignment=assignment, version=1, key=assignment.code.hex, fingerprint="")
            Vote.objects.create(ballot=ballot, aspect=aspect, choice="first" if first_wins(number) else "second")
            Pair.objects.filter(pk=pair.pk).update(taken=F("taken") + 1)


def test_a_look_is_taken_when_its_votes_are_there_and_only_once(looked_at):
    voted(looked_at, 29, lambda number: number % 2 == 0)
    assert take_looks(looked_at) == []
    voted(looked_at, 3, lambda number: number % 2 == 0)
    (first,) = take_looks(looked_at)
    assert (first.number, first.votes, first.verdict, first.final) == (1, 30, "undecided", False)
    assert first.boundary == pytest.approx(obrien_fleming(5)[0])
    assert take_looks(looked_at) == []


def test_the_moment_of_looking_changes_nothing(looked_at):
    """Looks taken one by one, and all at once and late, are the same."""
    found = []
    for _ in range(7):
        voted(looked_at, 10, lambda number: number % 3 > 0)
        found += take_looks(looked_at)
    other = make_comparison(prompts=25, overlap=6, aspects=PREFERENCE, planned_looks=5)
    voted(other, 70, lambda number: number % 3 > 0)
    assert [(one.number, one.votes, one.statistic) for one in take_looks(other)] == [
        (one.number, one.votes, pytest.approx(one.statistic)) for one in found
    ]
    assert len(found) == 2


def test_a_decided_pairing_is_handed_out_no_more_and_others_are(db):
    comparison = make_comparison(contenders=3, prompts=25, overlap=6, aspects=PREFERENCE, planned_looks=5)
    one, two, three = comparison.contenders.order_by("entry__position")
    voted(comparison, 70, contenders=[one, three])
    voted(comparison, 70, lambda number: number % 2 == 0, contenders=[one, two])
    before = remaining(make_participation(comparison, name="bob"))
    look()
    last = Look.objects.filter(first=one, second=three).last()
    assert (last.verdict, last.votes) == ("better", 60)
    assert last.boundary == pytest.approx(obrien_fleming(5, 0.05 / 3)[1])
    assert Look.objects.filter(first=one, second=two).last().verdict == "undecided"
    decided = comparison.pairs.filter(decided=True)
    assert {(pair.first.contender, pair.second.contender) for pair in decided} == {(one, three)}
    assert remaining(comparison.participations.get(assessor__name="bob")) == before - 25
    bob = comparison.participations.get(assessor__name="bob")
    for _ in range(12):
        assignment = next_assignment(bob)
        assert assignment.pair not in decided
        assignment.skip("")


def test_an_answer_in_hand_still_counts_after_the_decision(looked_at):
    bob = make_participation(looked_at, name="bob")
    held = next_assignment(bob)
    people(looked_at)
    voted(looked_at, 70)
    look()
    assert looked_at.pairs.filter(decided=True).count() == 25
    assert remaining(bob) == 1
    held.submit(dict.fromkeys(looked_at.aspects.all(), "left"), key="held", viewing={})
    assert next_assignment(bob) is None


def test_without_planned_looks_nothing_is_looked_at(db):
    comparison = make_comparison(prompts=25, overlap=2, aspects=PREFERENCE)
    voted(comparison, 40)
    look()
    assert not Look.objects.exists()
    assert not Pair.objects.filter(decided=True).exists()


def test_below_twenty_prompts_a_look_decides_nothing_and_says_why(db):
    comparison = make_comparison(prompts=8, overlap=6, aspects=PREFERENCE, planned_looks=5)
    voted(comparison, 48)
    looks = take_looks(comparison)
    assert {one.verdict for one in looks} == {"undecided"}
    assert "8 prompts, where 20 are the least" in looks[-1].reason
    assert looks[-1].final


def test_closing_early_gives_one_last_look_by_the_spent_share(looked_at):
    voted(looked_at, 75, lambda number: number % 2 == 0)
    looked_at.close()
    looks = take_looks(looked_at)
    assert [(one.number, one.votes, one.final) for one in looks] == [(1, 30, False), (2, 60, False), (3, 75, True)]
    assert looks[2].boundary > obrien_fleming(5)[2]


def test_a_margin_makes_no_worse_a_verdict(db):
    comparison = make_comparison(prompts=40, overlap=6, aspects=PREFERENCE, planned_looks=5, margin=0.2)
    voted(comparison, 240, lambda number: number % 2 == 0)
    look()
    assert Look.objects.last().verdict == "no worse by a margin"
    assert Look.objects.last().low > 0.3


def test_a_look_is_never_altered(looked_at):
    voted(looked_at, 30)
    take_looks(looked_at)
    with pytest.raises(TypeError):
        Look.objects.update(verdict="worse")
    for statement in ("UPDATE evalapp_look SET verdict = 'worse'", "DELETE FROM evalapp_look"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_rule_is_part_of_the_frozen_plan(looked_at):
    assert looked_at.planned_votes == 150
    assert planned_counts(looked_at) == [30, 60, 90, 120, 150]
    assert plan_digest(looked_at) == looked_at.digest
    looked_at.margin = 0.1
    assert plan_digest(looked_at) != looked_at.digest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"planned_votes": 100}, "belongs to planned looks"),
        ({"planned_looks": 5, "planned_votes": 151}, "take 5 to 150"),
        ({"planned_looks": 5, "planned_votes": 4}, "take 5 to 150"),
        ({"margin": 0.5}, "between 0 and 0.5"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(db, options, said):
    with pytest.raises(InvalidPlan, match=said):
        make_comparison(prompts=25, overlap=6, aspects=PREFERENCE, **options)
