"""Standings: who always answers left, who answers in a second and who is careful are told apart, by visible rules."""

import random
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from evalapp.assessing.controls import Control, ControlAnswer
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.evidence import Share, evidence_of, nearness_to_others
from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Assignment, Ballot, Participation, Vote, turned_back
from evalapp.assessing.quality import RULES, Standing, watch
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from tests.factories import make_comparison, make_participation, make_vote

PROMPTS = 40


def answer_all(participation: Participation, seconds: float, always: str = "") -> None:
    """Answer every pair, handed out an hour ago: always one side, or mostly for the first contender."""
    rng = random.Random(participation.assessor.name)
    comparison = participation.comparison
    aspects, closed = (
        list(comparison.aspects.all()),
        {"state": "submitted", "version": 1, "lease_until": timezone.now()},
    )
    assignments = Assignment.objects.bulk_create(
        Assignment(pair=pair, participation=participation, swapped=number % 2 == 1, **closed)
        for number, pair in enumerate(comparison.pairs.all())
    )
    participation.assignments.update(handed_at=timezone.now() - timedelta(hours=1), closed_at=timezone.now())
    ballots = Ballot.objects.bulk_create(
        Ballot(assignment=each, version=1, key=each.code.hex, fingerprint="", viewing={"seconds": seconds})
        for each in assignments
    )
    Vote.objects.bulk_create(
        Vote(ballot=each, aspect=aspect, choice=turned_back(always or _careful(each, rng), each.assignment.swapped))
        for each in ballots
        for aspect in aspects
    )


def _careful(ballot: Ballot, rng: random.Random) -> str:
    sides = ("right", "left") if ballot.assignment.swapped else ("left", "right")
    return rng.choices((*sides, "same"), (0.75, 0.15, 0.1))[0]


@pytest.fixture
def crowd(db) -> dict[str, Participation]:
    """Five at work on 40 pairs of clips of 5 s: three careful ones, one who always says left, one in a hurry."""
    comparison = make_comparison(prompts=PROMPTS, overlap=5)
    Clip.objects.update(facts={"frames": 120, "fps": 24})
    people = {name: make_participation(comparison, name) for name in ("ann", "bea", "cid", "lefty", "hasty")}
    for name, participation in people.items():
        answer_all(participation, 1.0 if name == "hasty" else 14.0, always="left" if name == "lefty" else "")
    return people


def standings_of(crowd) -> dict[str, Standing]:
    comparison = crowd["ann"].comparison
    watch(comparison)
    return {name: Standing.objects.get(participation=each) for name, each in crowd.items()}


def test_one_who_always_answers_left_one_in_a_second_and_careful_ones_are_told_apart(crowd):
    found = standings_of(crowd)
    assert {name: set(each.fired) for name, each in found.items()} == {
        **{name: set() for name in ("ann", "bea", "cid")},
        "lefty": {"side", "line"},
        "hasty": {"haste"},
    }
    assert "chose the left on 100% of the pairs (91% to 100%)" in found["lefty"].reasons()
    assert found["hasty"].reasons() == ["answered 100% of the pairs before the clips were over (91% to 100%)"]


def test_evidence_names_the_pairs_to_look_at(crowd):
    hasty = standings_of(crowd)["hasty"]
    mine = {str(code) for code in crowd["hasty"].assignments.values_list("code", flat=True)}
    assert len(hasty.numbers["examples"]["haste"]) == 12
    assert set(hasty.numbers["examples"]["haste"]) <= mine


def test_each_aspect_has_one_number_with_its_interval(crowd):
    found = standings_of(crowd)
    keys = set(crowd["ann"].comparison.aspects.values_list("key", flat=True))
    for name in crowd:
        assert set(found[name].aspects()) == keys
    careful, lefty = found["ann"].aspects()["beauty"], found["lefty"].aspects()["beauty"]
    assert careful.low < careful.share < careful.high
    assert lefty.share < careful.share - 0.1


def test_a_rule_follows_what_the_organizer_sets_and_acts_once(crowd):
    comparison = crowd["ann"].comparison
    votes = Vote.objects.count()
    rules = {"haste": {"consequence": "exclude"}, "side": {"consequence": "pause"}, "line": {"consequence": "off"}}
    Comparison.objects.filter(pk=comparison.pk).update(quality_rules=rules)
    comparison.refresh_from_db()
    watch(comparison)
    excluded = Exclusion.objects.get()
    assert (excluded.participation, excluded.by, excluded.rule) == (crowd["hasty"], "rule", "haste")
    crowd["lefty"].refresh_from_db()
    assert crowd["lefty"].paused_at
    assert crowd["lefty"].paused_by == "rule: side"
    assert "line" not in Standing.objects.get(participation=crowd["lefty"]).fired
    excluded.lift("olga", "asked her: a fast line")
    Participation.objects.filter(pk=crowd["lefty"].pk).update(paused_at=None)
    watch(comparison)
    assert not Exclusion.objects.active(comparison).exists()
    assert not Participation.objects.exclude(paused_at=None).exists()
    assert Vote.objects.count() == votes


def test_more_goldens_are_asked_for_by_rule(crowd):
    comparison = crowd["ann"].comparison
    comparison.quality_rules = {"haste": {"consequence": "goldens"}}
    watch(comparison)
    assert list(Participation.objects.filter(more_goldens=True)) == [crowd["hasty"]]


def test_a_threshold_beyond_the_evidence_keeps_the_rule_silent(crowd):
    comparison = crowd["ann"].comparison
    comparison.quality_rules = {"haste": {"threshold": 0.95}, "side": {"least": PROMPTS + 1}}
    fired = {each.participation_id: each.fired for each in watch(comparison)}
    assert fired[crowd["hasty"].pk] == []
    assert "side" not in fired[crowd["lefty"].pk]


def test_looking_takes_a_fixed_number_of_queries(db, django_assert_num_queries):
    for prompts in (3, 9):
        comparison = make_comparison(prompts=prompts, overlap=3)
        for name in ("ann", "bea", "cid")[: prompts // 3]:
            answer_all(make_participation(comparison, name), 14.0)
        with django_assert_num_queries(10):
            watch(comparison)
        assert Standing.objects.filter(participation__comparison=comparison).count() == prompts // 3


def test_the_browsers_seconds_are_believed_no_further_than_the_servers_clock(comparison, alice):
    Clip.objects.update(facts={"frames": 96, "fps": 24})
    for _ in range(3):
        make_vote(alice)  # its viewing says 5 seconds
    evidence = evidence_of(comparison)[alice.pk]
    assert evidence.haste == Share(3, 3)
    assert evidence.seconds < 5


def test_skips_are_counted_of_all_pairs_met(comparison, alice):
    next_assignment(alice).skip("broken")
    for _ in range(2):
        make_vote(alice)
    assert evidence_of(comparison)[alice.pk].skips == Share(1, 3)


def test_imported_votes_without_sides_have_no_side_to_lean_to(comparison, alice):
    answer_all(alice, seconds=5.0, always="left")
    comparison.sides_known = False
    assert evidence_of(comparison)[alice.pk].left is None


def test_wilson_intervals_are_those_of_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for count, total in ((0, 7), (3, 11), (20, 20), (455, 700), (2.5, 9)):
        low, high = proportion.proportion_confint(count, total, method="wilson")
        assert (Share(count, total).low, Share(count, total).high) == pytest.approx((low, high), abs=1e-12)


def test_nearness_by_hand():
    # Pair 1: first, first, second. Pair 2: one vote. Pair 3: tie and second.
    pair, value = np.array([1, 1, 1, 2, 3, 3]), np.array([1, 1, -1, 1, 0, -1])
    found = nearness_to_others(pair, np.ones(6, dtype=int), value)
    assert found[[0, 1, 2, 4, 5]].tolist() == [0.5, 0.5, 0.0, 0.5, 0.5]
    assert np.isnan(found[3])
    assert nearness_to_others(pair, np.ones(6, dtype=int), -value) == pytest.approx(found, nan_ok=True)


def test_every_rule_says_in_words_what_it_saw(crowd):
    standing = standings_of(crowd)["lefty"]
    for key in RULES:
        if standing.share(key):
            assert "%" in standing.reason(key)


def test_known_answers_are_counted_by_control_and_by_aspect(comparison, alice):
    keys = list(comparison.aspects.values_list("key", flat=True))
    wrong = dict.fromkeys(keys, "tie") | {keys[0]: "first"}
    for number, clip in enumerate(comparison.clips()[:4]):
        control = Control.objects.create(
            participation=alice, kind="identical", twice=clip, swapped=False, state="submitted", version=1,
            lease_until=timezone.now(),
        )  # fmt: skip
        choices = wrong if number == 0 else dict.fromkeys(keys, "tie")
        ControlAnswer.objects.create(control=control, version=1, key=f"k{number}", fingerprint="", choices=choices)
    work = evidence_of(comparison)[alice.pk]
    assert (work.goldens.count, work.goldens.total) == (pytest.approx(4 - 1 / len(keys)), 4)
    assert work.golden_aspects == {key: Share(3 if key == keys[0] else 4, 4) for key in keys}
    assert work.repeats is None
    assert (
        Standing(numbers={"goldens": [2, 20], "middle": None}).reason("goldens").startswith("answered 10% of the known")
    )
