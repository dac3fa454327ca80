"""Each night seals what was answered: what somebody alters afterwards is named, its fingerprint written anew or not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from evalapp.assessing.choices import turned_back
from evalapp.assessing.controls import ControlAnswer
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.intake import import_votes
from evalapp.assessing.models import Assignment, Ballot, Participation, Vote, fingerprint_of
from evalapp.assessing.withdrawal import erase
from evalapp.people.audit import AuditEntry, broken_links
from evalapp.reporting import promises, seals
from evalapp.reporting.promises import Verification
from evalapp.reporting.tasks import verify
from tests.factories import make_comparison, make_participation, make_vote

TABLES = ("vote", "ballot", "controlanswer")


@pytest.fixture
def house(db):
    """Answers to pairs and to controls, with a correction of either, by two programs; and a person."""
    comparison = make_comparison(prompts=4, overlap=3)
    comparison.identical_share = 0.5
    comparison.save()
    call_command("simulate_votes", comparison.name, assessors=2)
    aspects = comparison.aspects.all()
    for task in (ControlAnswer.objects.first().control, Ballot.objects.first().assignment):
        task.submit(dict.fromkeys(aspects, "left"), key=f"again {task.code}", viewing={})
    comparison.identical_share = 0
    comparison.save()
    make_vote(make_participation(comparison))
    return comparison


def changed(*statements):
    """By somebody with the database's password."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for trigger in (f"{table}_insert_only", f"{table}_insert_only_delete"):
                on = "" if connection.vendor == "sqlite" else f" ON evalapp_{table}"
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on}")
        for sql, values in statements:
            cursor.execute(sql, values)


def a_vote_with_its_fingerprint():
    """What stood on the screen, the choice and the fingerprint agree again."""
    ballot = Ballot.objects.order_by("pk").first()
    swapped = ballot.assignment.swapped
    sheet = dict.fromkeys(ballot.votes.values_list("aspect__key", flat=True), "same")
    return [
        ("UPDATE evalapp_vote SET choice = %s WHERE ballot_id = %s", [str(turned_back("same", swapped)), ballot.pk]),
        ("UPDATE evalapp_ballot SET fingerprint = %s WHERE id = %s", [fingerprint_of(sheet.items()), ballot.pk]),
    ]


def an_answer_of_somebody_else():
    alice = Participation.objects.get(assessor__name="alice")
    pairs = alice.assignments.values("pair")
    mine = Assignment.objects.filter(state="submitted").exclude(pair__in=pairs).exclude(participation=alice).first()
    return [("UPDATE evalapp_assignment SET participation_id = %s WHERE id = %s", [alice.pk, mine.pk])]


def the_clips_of_a_pair():
    pair = Ballot.objects.order_by("pk").first().assignment.pair
    turn = "UPDATE evalapp_pair SET first_id = %s, second_id = %s WHERE id = %s"
    return [(turn, [pair.second_id, pair.first_id, pair.pk])]


def a_correction_taken_out():
    ballot = Ballot.objects.get(key__startswith="again")
    return [
        ("DELETE FROM evalapp_vote WHERE ballot_id = %s", [ballot.pk]),
        ("DELETE FROM evalapp_ballot WHERE id = %s", [ballot.pk]),
        ("UPDATE evalapp_assignment SET version = 1 WHERE id = %s", [ballot.assignment_id]),
    ]


def found():
    return [*promises.answers(), *promises.controls(), *promises.exclusions(), *promises.places()]


@pytest.mark.parametrize(
    "change", [a_vote_with_its_fingerprint, an_answer_of_somebody_else, the_clips_of_a_pair, a_correction_taken_out]
)
def test_what_no_fingerprint_finds_breaks_the_seal(house, change):
    before = found()
    seals.seal()
    newest = Vote.objects.latest("pk").pk
    seals.seal()
    assert (before, list(seals.broken())) == ([], [])
    changed(*change())
    assert found() == [], "the seal alone finds it"
    (told,) = seals.broken()
    assert told.startswith(f"votes numbered 1 to {newest}: ")
    assert not list(broken_links())


@pytest.mark.parametrize("column", ["choices", "screen", "fingerprint", "version"])
def test_an_answer_to_a_control_that_was_altered_is_named(house, column):
    answer = ControlAnswer.objects.order_by("pk").last()
    other = {"version": 9, "fingerprint": "0" * 64}.get(column, '{"preference": "right"}')
    assert list(promises.controls()) == []
    if column == "version":
        changed(("UPDATE evalapp_control SET version = %s WHERE id = %s", [other, answer.control_id]))
        assert any(f"control {answer.control.code}: " in told for told in promises.controls())
        return
    changed((f"UPDATE evalapp_controlanswer SET {column} = %s WHERE id = %s", [other, answer.pk]))
    assert list(promises.controls()) == [f"{answer}, to a control: is not what was sent"]


def test_an_answer_to_a_control_is_sealed_too(house):
    seals.seal()
    seals.seal()
    answer = ControlAnswer.objects.order_by("pk").last()
    changed(("UPDATE evalapp_controlanswer SET key = 'another' WHERE id = %s", [answer.pk]))
    assert list(promises.controls()) == []
    (told,) = seals.broken()
    assert told.startswith("answers to controls numbered 1 to ")


def test_an_answer_from_before_both_bad_was_asked_is_what_was_sent(house):
    """Then the screen was not kept, and the fingerprint was of the choices."""
    answer = ControlAnswer.objects.order_by("pk").last()
    old = fingerprint_of(answer.choices.items())
    changed(("UPDATE evalapp_controlanswer SET screen = '{}', fingerprint = %s WHERE id = %s", [old, answer.pk]))
    assert list(promises.controls()) == []


def test_nothing_that_the_house_does_breaks_a_seal(house):
    """Corrections, skips, erasure, votes from elsewhere; each night seals what came, a quiet one nothing."""
    alice = house.participations.get(assessor__name="alice")
    seals.seal()
    seals.seal()
    assert list(AuditEntry.objects.filter(verb="sealed").values_list("subject", flat=True)) == [
        *("answers to controls", "votes") * 2
    ]
    seals.seal()
    assert AuditEntry.objects.filter(verb="sealed").count() == 4, "nothing came"
    mine = alice.assignments.filter(state="submitted").first()
    mine.submit(dict.fromkeys(house.aspects.all(), "same"), key="corrected", viewing={})
    make_vote(alice)
    next_assignment(alice).skip("it does not play: at all")
    row = {"prompt_id": "p1", "assessor": "w1", "aspect": "preference", "first": "a", "second": "b", "choice": "a"}
    import_votes([row], "elsewhere")
    house.close()
    erase(alice.assessor)
    for _ in range(3):
        seals.seal()
        assert list(seals.broken()) == []
    votes = AuditEntry.objects.filter(verb="sealed", subject="votes").order_by("number")
    assert [(each.detail["after"], each.detail["to"]) for each in votes][2:] == [
        (votes[1].detail["to"], votes[1].detail["to"]),
        (votes[1].detail["to"], Vote.objects.latest("pk").pk),
    ]
    assert sum(each.detail["rows"] for each in votes) == Vote.objects.count()


def test_the_nightly_look_seals_and_finds(house, monkeypatch):
    night = datetime(2026, 3, 1, 4, tzinfo=UTC)
    monkeypatch.setattr(timezone, "localtime", lambda *_: night)
    monkeypatch.setattr(promises, "files", lambda *_: [])  # there are none
    for _ in range(2):
        verify()
        night += timedelta(days=1)
    assert list(Verification.objects.values_list("broken", flat=True)) == [0, 0]
    changed(*a_vote_with_its_fingerprint())
    verify()
    last = Verification.objects.latest()
    assert (last.broken, last.sentences[0].split(":")[0].split(" to ")[0]) == (1, "votes numbered 1")
