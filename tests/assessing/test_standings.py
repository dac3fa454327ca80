"""The organizer's pages of assessors: standings in words, the pairs behind them, rules, pauses."""

import pytest
from django.urls import reverse

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.exclusions import pause
from evalapp.assessing.quality import RULES, Standing, watch
from evalapp.generation.models import Clip
from tests.factories import make_comparison, make_invitation, make_participation, make_vote


@pytest.fixture
def hasty(db):
    """An assessor whose ten answers came sooner than the clips are long."""
    participation = make_participation(make_comparison(prompts=12), "hasty")
    Clip.objects.update(facts={"frames": 120, "fps": 24})
    for _ in range(11):
        make_vote(participation)
    watch(participation.comparison)
    return participation


def test_the_table_tells_standing_and_reasons_in_a_fixed_number_of_queries(
    client, olga, hasty, django_assert_num_queries
):
    client.force_login(olga)
    page = reverse("assessors", args=[hasty.comparison.code])
    client.get(page)
    with django_assert_num_queries(9):
        text = client.get(page).text
    assert "answered 100% of the pairs before the clips were over" in text
    assert "watched" in text
    for name in ("ann", "bea"):
        make_participation(hasty.comparison, name)
    with django_assert_num_queries(9):
        assert "ann" in client.get(page).text


def test_the_assessors_page_links_the_pairs_and_each_shows_what_was_chosen(client, olga, hasty):
    client.force_login(olga)
    first = hasty.assignments.order_by("pk").first()
    text = client.get(reverse("assessor", args=[hasty.comparison.code, hasty.assessor.code])).text
    address = reverse("answer", args=[hasty.comparison.code, first.code])
    assert address in text
    assert "11 pairs answered" in text
    answer = client.get(address).text
    assert first.pair.prompt.text in answer
    assert answer.count("<td>Left</td>") == hasty.comparison.aspects.count()


def test_an_organizer_sets_the_rules_and_they_act_at_once(client, olga, hasty):
    client.force_login(olga)
    fields = {f"{key}-threshold": 50 for key in RULES}
    fields |= {f"{key}-least": 10 for key in RULES}
    fields |= {f"{key}-consequence": "off" for key in RULES}
    client.post(reverse("set-rules", args=[hasty.comparison.code]), fields | {"haste-threshold": 0})
    assert Standing.objects.get().fired == ["haste"]
    client.post(reverse("set-rules", args=[hasty.comparison.code]), fields)
    assert Standing.objects.get().fired == []
    client.post(reverse("set-rules", args=[hasty.comparison.code]), fields | {"haste-consequence": "exclude"})
    assert hasty.exclusions.get().rule == "haste"


def test_a_paused_assessor_gets_a_message_instead_of_a_pair_and_goes_on_later(client, olga, hasty):
    comparison = hasty.comparison
    pause(hasty, by="olga")
    link = make_invitation(comparison)
    link.participations.add(hasty)
    client.post(reverse("invitation", args=[link.token]))
    assert "A short stop" in client.get(reverse("assess", args=[comparison.code])).text
    assert next_assignment(hasty) is None
    client.force_login(olga)
    client.post(reverse("pause-assessor", args=[comparison.code, hasty.assessor.code]))
    assert next_assignment(hasty)


def test_what_an_assessor_holds_when_paused_can_still_be_answered(comparison, alice):
    held = next_assignment(alice)
    pause(alice, by="olga")
    assert next_assignment(alice) == held
