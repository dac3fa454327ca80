"""Leaving an assessor's votes out: named, dated, reversible, and nothing deleted."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from evalapp.assessing.exclusions import AlreadyExcluded, Exclusion
from evalapp.assessing.models import Vote
from tests.factories import make_comparison, make_participation, make_vote


@pytest.fixture
def her_page(comparison, alice):
    make_vote(alice)
    return lambda name: reverse(name, args=[comparison.code, alice.assessor.code])


def test_an_exclusion_is_named_dated_and_reversible_and_keeps_every_vote(comparison, alice, bob):
    make_vote(alice)
    votes = Vote.objects.count()
    first = Exclusion.objects.exclude_assessor(alice, "answers in a second", by="olga")
    assert list(Exclusion.objects.active(comparison)) == [first]
    with pytest.raises(AlreadyExcluded):
        Exclusion.objects.exclude_assessor(alice, "again", by="olga")
    assert first.lift("olga", "she had a fast connection")
    assert not first.lift("oleg", "twice")
    second = Exclusion.objects.exclude_assessor(alice, "always left", by="rule", rule="side")
    assert list(Exclusion.objects.active(comparison)) == [second]
    assert Exclusion.objects.of(comparison).count() == 2
    assert first.lifted_by == "olga"
    assert first.lifted_at >= first.at.replace(microsecond=0)
    assert Vote.objects.count() == votes


def test_an_exclusion_holds_in_its_own_comparison_alone(comparison, alice):
    other = make_comparison()
    Exclusion.objects.exclude_assessor(make_participation(other, "carol"), "bot", by="olga")
    assert not Exclusion.objects.active(comparison).exists()


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"lifted_by": "olga"}])
def test_the_database_refuses_an_exclusion_without_reason_or_half_lifted(alice, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Exclusion.objects.create(**({"participation": alice, "reason": "bot", "by": "olga"} | wrong))


def test_an_organizer_excludes_and_lifts_with_a_reason_that_stays_on_the_page(client, olga, alice, her_page):
    client.force_login(olga)
    assert "These votes count." in client.get(her_page("assessor")).text
    client.post(her_page("exclude-assessor"), {"reason": "  "})
    assert not Exclusion.objects.exists()
    client.post(her_page("exclude-assessor"), {"reason": "always <left>"})
    exclusion = Exclusion.objects.get(participation=alice, by="olga", lifted_at=None)
    page = client.get(her_page("assessor")).text
    assert "always &lt;left&gt;" in page
    assert client.post(her_page("exclude-assessor"), {"reason": "once more"}).status_code == 302
    assert Exclusion.objects.count() == 1
    client.post(her_page("lift-exclusion"), {"reason": ""})
    assert Exclusion.objects.filter(lifted_at=None).exists()
    client.post(her_page("lift-exclusion"), {"reason": "a mistake"})
    exclusion.refresh_from_db()
    assert (exclusion.lifted_by, exclusion.lifted_why) == ("olga", "a mistake")
    assert "a mistake" in client.get(her_page("assessor")).text
