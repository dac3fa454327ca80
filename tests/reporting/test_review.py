"""Review order: who and what to look at first, on the page of judges."""

import pytest
from django.urls import reverse

from evalapp.assessing.dispatch import next_assignment
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.measuring.models import Measurement
from evalapp.measuring.runs import PROTOCOL
from evalapp.reporting import review, tasks
from evalapp.reporting.review import build_review
from tests.factories import make_comparison, make_participation
from tests.reporting.test_trust import FAVOURITE, with_files

PREFERENCE = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


@pytest.fixture
def reviewed(db):
    """Six people on ten prompts: five go by sharpness, the sixth by the opposite. The favourite is the sharper one,
    but for every fourth prompt."""
    comparison = with_files(make_comparison(prompts=10, overlap=6, aspects=PREFERENCE))

    def sharpness(clip):
        return 0.2 + 0.5 * ((clip.contender.name == FAVOURITE) == (clip.prompt.position % 4 != 0))

    for clip in comparison.clips().select_related("contender", "prompt"):
        values = {"sharpness": sharpness(clip) + clip.pk % 7 / 100, "boiling": float(clip.pk % 5)}
        for metric, value in values.items():
            Measurement.objects.create(sha256=clip.sha256, metric=metric, version=PROTOCOL, value=value)
    for number in range(6):
        participation = make_participation(comparison, f"person {number}")
        while assignment := next_assignment(participation):
            pair = assignment.pair
            ahead = (sharpness(pair.first) > sharpness(pair.second)) == (number != 5)
            side = "left" if ahead != assignment.swapped else "right"
            choices = dict.fromkeys(comparison.aspects.all(), side)
            assignment.submit(choices, key=assignment.code.hex, viewing={})
    return comparison


def test_who_votes_against_everyone_stands_first(
    client, olga, reviewed, bells, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(review, "MOST_TRAININGS", 60)
    strange = str(reviewed.participations.order_by("pk").last().assessor.code)
    client.force_login(olga)
    address = reverse("judges-against-people", args=[reviewed.code])
    tasks.build_judges(reviewed.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert "being worked out" in client.get(address).content.decode()
    assert bells.count("evalapp.reporting.tasks.build_review") == 1
    tasks.build_review(reviewed.pk)
    found = build_review(reviewed)
    assert found["reason"] == ""
    assert (found["used"], found["simulated_votes"], len(found["assessors"])) == (60, 0, 6)
    for order in ("assessors", "trained"):
        assert found[order][0]["assessor"] == strange, order
        assert found[order][0]["value"] < min(each["value"] for each in found[order][1:])
    assert {each["assessor"] for each in found["votes"]} == {strange}
    assert sum(each["value"] for each in found["assessors"]) == pytest.approx(found["total"], abs=1e-4)
    (row,) = found["moves"]
    # Without the sixth the favourite wins 7 of 10 prompts; with them (7 × 5 + 3 × 1) of 60.
    assert (row["assessors"][0]["code"], row["assessors"][0]["without"]) == (strange, 0.7)
    assert row["assessors"][0]["moved"] == pytest.approx(0.7 - 38 / 60, abs=1e-6)
    assert strange[:8] in client.get(address).content.decode().split('id="review"')[1]


def test_without_measures_or_votes_it_says_what_it_takes(client, rita, db):
    comparison = make_comparison(prompts=2)
    client.force_login(rita)
    assert "0 votes on 0 prompts have measured clips" in build_review(comparison)["reason"]
    text = client.get(reverse("judges-against-people", args=[comparison.code])).content.decode()
    assert f"manage.py measure {comparison.code}" in text
