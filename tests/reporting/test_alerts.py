"""Alerts and the forecast on the organizer's page of a comparison."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from evalapp.assessing.quality import Standing
from evalapp.people import audit
from evalapp.people.harvest import REACHED
from evalapp.reporting.alerts import alerts, hours_left
from evalapp.reporting.promises import Verification
from tests.factories import make_vote


def stand(participation, side, fired=()):
    Standing.objects.create(
        participation=participation, numbers={"side": side}, fired=list(fired), computed_at=timezone.now()
    )


def test_a_failing_contender_a_watched_assessor_and_a_lean_are_told(comparison, alice, bob, client, olga):
    stand(alice, [180, 200], ["side"])
    stand(bob, [100, 200])
    told = alerts(comparison, [("good", 9, 1), ("bad", 5, 5)])
    failures = reverse("comparison", args=[comparison.code]) + "#failures"
    assessors = reverse("assessors", args=[comparison.code])
    assert [(each.said, each.page) for each in told] == [
        ("bad fails: 5 of 10 clips.", failures),
        ("1 assessor is watched.", assessors),
        ("Answers lean to a side: 70% of the pairs mostly to the left (65% to 74%).", assessors),
    ]
    client.force_login(olga)
    bob.paused_at = timezone.now()
    bob.save()
    assert f'<a href="{assessors}">1 assessor is paused.</a>' in client.get(reverse("comparisons")).text
    page = client.get(reverse("comparison", args=[comparison.code])).text
    assert f'<a href="{assessors}">1 assessor is watched.</a>' in page


def test_an_alert_leads_to_a_place_that_is_there(comparison, client, olga):
    comparison.clips().update(state="failed", reason="no memory")
    client.force_login(olga)
    page, place = alerts(comparison, [("bad", 0, 9)])[0].page.split("#")
    assert f'id="{place}"' in client.get(page).text


def test_broken_promises_lead_superusers_alone_to_the_administration(comparison, client, olga):
    now = timezone.now()
    Verification.objects.create(night=now.date(), broken=1, finished_at=now)
    audit.record(REACHED, "clips", project=comparison.project_id, whose="crawler")
    link = f'href="{reverse("admin:evalapp_verification_changelist")}"'
    client.force_login(olga)
    page = client.get(reverse("comparisons")).text
    assert "found 1 broken promise" in page
    assert link not in page
    spent = f'<a href="{reverse("audit")}?kind=budgets">crawler spent'
    assert spent in page
    assert "crawler" in client.get(reverse("audit"), {"kind": "budgets"}).text
    User.objects.filter(pk=olga.pk).update(is_superuser=True)
    assert link in client.get(reverse("comparisons")).text


def test_nothing_is_told_where_all_is_well(comparison, alice, django_assert_num_queries):
    stand(alice, [52, 100])
    with django_assert_num_queries(1):
        assert alerts(comparison, [("good", 10, 0)]) == []


def test_the_forecast_follows_the_pace_of_the_last_hours(comparison, alice):
    assert hours_left(comparison, 10) is None
    for _ in range(2):
        make_vote(alice)
    alice.assignments.update(closed_at=timezone.now() - timedelta(hours=2))
    assert hours_left(comparison, 10) == pytest.approx(10, rel=0.01)
    assert hours_left(comparison, 0) is None
