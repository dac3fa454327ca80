"""The organizer's page of queues: pause, quiet hours, windows; a resting queue starts nothing, and says so."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evalapp.generation.models import Clip, Queue
from evalapp.generation.queues import read_windows
from evalapp.people.audit import AuditEntry
from tests.factories import make_clip, make_comparison

HOUR = timedelta(hours=1)


@pytest.fixture
def organizer(client, olga):
    client.force_login(olga)
    return client


def window(start, end):
    now = timezone.now()
    return f"{(now + start * HOUR).isoformat()}, {(now + end * HOUR).isoformat()}, 120"


def save(client, **given):
    return client.post(reverse("set-queue", args=["cpu"]), given)


def test_a_paused_queue_starts_nothing_until_it_goes_on(organizer, bells):
    make_clip("queued")
    organizer.post(reverse("pause-queue", args=["cpu"]))
    assert "rests" in organizer.get(reverse("queues")).content.decode()
    assert Clip.objects.claim_next("one") is None
    organizer.post(reverse("resume-queue", args=["cpu"]))
    assert Clip.objects.claim_next("one") is not None


def test_while_a_window_lies_ahead_a_queue_works_in_windows_only(organizer):
    comparison = make_comparison(state="rendering", prompts=1)
    ahead, now, past = window(1, 3), window(-1, 1), window(-3, -1)
    save(organizer, windows=f"start,end,grams\n{past}\n{ahead}")
    assert Queue.resting() == ["cpu"]
    assert Clip.objects.claim_next("one") is None
    page = organizer.get(reverse("rendering", args=[comparison.code])).content.decode()
    assert "waits for its next window" in page
    save(organizer, windows=f"{now}\n{ahead}")
    assert Queue.resting() == []
    assert "It works from" in organizer.get(reverse("queues")).content.decode()
    save(organizer, windows=past)  # the table says nothing more
    assert Queue.resting() == []
    assert Clip.objects.claim_next("one") is not None


def test_voting_goes_on_while_every_queue_rests(organizer, db):
    from evalapp.assessing.dispatch import next_assignment
    from tests.factories import make_participation

    Queue.objects.create(hardware="cpu", paused=True)
    assert next_assignment(make_participation(make_comparison(prompts=1)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"quiet_from": "22:00"}, "give both, or neither"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "give both, or neither"),
        ({"windows": "tomorrow, later"}, "line 1: write it as 2026-03-01T11:00"),
        ({"windows": "2026-03-01T15:00, 2026-03-01T11:00"}, "line 1: it ends before it starts"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(organizer, given, words):
    Queue.objects.create(hardware="cpu")
    refused = save(organizer, **given)
    assert (refused.status_code, words in refused.content.decode()) == (422, True)
    assert Queue.objects.get().quiet_from is None
    assert not Queue.objects.get().windows.exists()


def test_a_time_without_an_offset_is_the_houses(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    (one,) = read_windows("2026-07-01T12:00, 2026-07-01T14:00")
    assert one.starts_at.utcoffset() == 2 * HOUR
    assert one.grams_per_kwh is None


def test_quiet_hours_come_back_as_they_were_given_and_are_audited(organizer):
    save(organizer, quiet_from="22:00", quiet_until="06:00", windows="2099-03-01T11:00, 2099-03-01T15:00, 80")
    page = organizer.get(reverse("queues")).content.decode()
    assert 'value="22:00' in page
    assert "2099-03-01T11:00, 2099-03-01T15:00, 80" in page
    assert AuditEntry.objects.filter(verb="set the hours of the queue").exists()
