"""The list of comparisons as a dashboard: pace, finish, rendering, who is at work, and what needs a look."""

from datetime import timedelta
from datetime import timezone as a_place

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from evalapp.generation.models import Clip
from evalapp.reporting import dashboard
from evalapp.reporting.alerts import paces
from evalapp.reporting.dashboard import side_by_day, side_drift
from tests.factories import make_comparison, make_participation, make_vote
from tests.reporting.test_alerts import stand


def voted(comparison, left, count):
    """So many answers in a row by a new assessor, on the left or on the right side."""
    someone = make_participation(comparison, f"assessor {left} {count}")
    for _ in range(count):
        make_vote(someone, "left" if left else "right")


def mixed(comparison, times):
    for number in range(2 * times):
        voted(comparison, bool(number % 2), 1)


@pytest.fixture
def looked_at(monkeypatch):
    monkeypatch.setattr(dashboard, "LEAST", 10)
    monkeypatch.setattr(dashboard, "LATEST", 40)


def test_a_side_bias_that_comes_up_is_told_and_one_that_was_always_there_or_none_is_not(db, looked_at):
    drifting, steady, even = (make_comparison(prompts=40, overlap=3) for _ in range(3))
    mixed(drifting, 5)
    assert side_drift(drifting) == [], "too few votes"
    mixed(drifting, 5)
    voted(drifting, True, 20)
    assert "left won 100% of the newest 20 decided votes, 50% before that" in side_drift(drifting)[0].said
    voted(steady, True, 40)
    assert side_drift(steady) == []
    mixed(even, 20)
    assert side_drift(even) == []


@pytest.fixture
def at_noon():
    """Of a place where it is noon now: no day ends while the test runs."""
    now = timezone.now()
    east = timedelta(hours=12) - timedelta(hours=now.hour, minutes=now.minute)
    with timezone.override(a_place(east)):
        yield


def test_each_day_has_its_share_of_the_left_side_with_its_interval(client, olga, at_noon):
    comparison = make_comparison(prompts=40, overlap=3)
    voted(comparison, True, 10)
    days = side_by_day(comparison)
    assert [(each.left.count, each.left.total, each.day) for each in days] == [(10, 10, timezone.localdate())]
    assert (days[0].y, days[0].top) == (0, 0)
    # Wilson's interval of 10 of 10: from 1 / (1 + z²/n) on
    assert days[0].bottom == pytest.approx(90 * (1 - 1 / (1 + 1.959964**2 / 10)), abs=0.05)
    client.force_login(olga)
    assert (
        "100 % left (72 to 100 %) of 10 decided votes" in client.get(reverse("comparison", args=[comparison.code])).text
    )
    voted(comparison, False, 10)
    cache.clear()
    assert side_by_day(comparison)[0].left.count == 10
    assert side_by_day(comparison)[0].left.total == 20


def test_pace_and_finish_follow_the_last_hours(comparison, alice):
    assert paces({comparison.pk: 10}) == {}
    for _ in range(2):
        make_vote(alice)
    alice.assignments.update(closed_at=timezone.now() - timedelta(hours=2))
    pace = paces({comparison.pk: 10})[comparison.pk]
    assert (pace.per_hour, pace.hours) == (pytest.approx(1, rel=0.01), pytest.approx(10, rel=0.01))
    alice.assignments.update(closed_at=timezone.now() - timedelta(hours=7))
    assert paces({comparison.pk: 10}) == {}


def test_organizers_see_the_whole_project_at_a_glance_and_readers_do_not(client, olga, vera, comparison, alice):
    other = make_comparison(state="rendering", name="more")
    make_vote(alice)
    stand(alice, [180, 200])
    Clip.objects.filter(pk__in=other.clips().values("pk")).update(state=Clip.State.FAILED)
    client.force_login(olga)
    page = client.get(reverse("comparisons")).text
    for told in (
        "answers per hour lately",
        "assessors at work",
        "clips wait for rendering",
        "Answers lean to a side: 90%",
    ):
        assert told in page
    assert "Clips fail: 6 of 6." in page
    client.force_login(vera)
    page = client.get(reverse("comparisons")).text
    assert "answers per hour lately" not in page
    assert "lean to a side" not in page
