"""Before the work: screen check, training with explanations, qualification by a pass mark."""

import json

import pytest
from django.urls import reverse

from evalapp.assessing import training
from evalapp.assessing.controls import Control
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Ballot
from tests.assessing.test_goldens import make_golden
from tests.assessing.test_pages import JSON, answers, sign_in
from tests.factories import make_comparison, make_participation

FIT = {"width": 1366, "height": 768, "rate": 60, "frames": 48, "dropped": 0}


def taught(training_pairs=2, tests=2, **columns):
    comparison = make_comparison(prompts=training_pairs + tests + 1)
    for name, value in columns.items():
        setattr(comparison, name, value)
    comparison.save()
    for number in range(training_pairs):
        make_golden(comparison, "training", number, explanation=f"because {number}")
    for number in range(training_pairs, training_pairs + tests):
        make_golden(comparison, "qualification", number)
    return comparison


@pytest.fixture
def hers(client, db):
    """Opens alice's browser in a comparison and returns her participation."""

    def begin(comparison):
        participation = make_participation(comparison)
        sign_in(client, participation)
        return participation

    return begin


def page(client, participation):
    return client.get(reverse("assess", args=[participation.comparison.code]), follow=True)


def answer(client, participation, right=True):
    """Answer the example on the screen on its known aspect rightly or wrongly."""
    control = training.stage(participation).control
    beauty = control.on_screen(control.right_answers()["beauty"])
    other = "right" if beauty == "left" else "left"
    form = answers(participation, "same", **{"choice-beauty": beauty if right else other})
    reply = client.post(reverse("task", args=[control.code]), form, **JSON)
    assert reply.status_code == 200, reply.content
    return control


def go_on(client, participation):
    now = training.stage(participation)
    url = reverse("training", args=[participation.comparison.code])
    return client.post(url, {"example": now.control.code} if now.control else {}, follow=True)


def test_the_way_leads_from_examples_explained_at_once_through_a_test_to_the_work(client, hers):
    alice = hers(taught())
    first = page(client, alice).content.decode()
    assert "2 examples come first" in first
    assert "2 test pairs, without explanation: 75 of 100" in first
    for number in (1, 2):
        shown = go_on(client, alice).content.decode()
        assert "Example: the answer is explained" in shown
        answer(client, alice, right=number == 1)
        told = page(client, alice).content.decode()
        assert f"Example {number} of 2: what was right" in told
        assert "because" in told
        assert ("✓" in told, "✗" in told) == (number == 1, number == 2)
    shown = go_on(client, alice).content.decode()
    for _ in range(2):
        assert "Test pair: answer with care" in shown
        answer(client, alice)
        shown = page(client, alice).content.decode()
        assert "what was right" not in shown
    alice.refresh_from_db()
    assert alice.qualified_at
    assert "Test pair" not in shown
    assert str(next_assignment(alice).code) in shown
    assert not Ballot.objects.exists()
    assert training.score(alice) == (2, 2)


def test_who_fails_is_thanked_and_gets_no_work(client, hers):
    alice = hers(taught(training_pairs=0, tests=4, pass_mark=0.75))
    go_on(client, alice)
    for right in (True, True, False, False):
        answer(client, alice, right)
    assert "Thank you for trying" in page(client, alice).content.decode()
    alice.refresh_from_db()
    assert (alice.qualified_at, bool(alice.screened_out_at)) == (None, True)
    assert training.score(alice) == (2, 4)
    nothing = client.get(reverse("next-task", args=[alice.comparison.code]))
    assert nothing.status_code == 204
    assert not alice.assignments.exists()


def test_the_pass_mark_itself_is_enough(client, hers):
    alice = hers(taught(training_pairs=0, tests=4, pass_mark=0.75))
    go_on(client, alice)
    for right in (True, True, False, True):
        answer(client, alice, right)
    assert training.stage(alice) is None


def test_a_skipped_test_pair_has_no_right_answer(client, hers):
    alice = hers(taught(training_pairs=0, tests=1))
    go_on(client, alice)
    control = training.stage(alice).control
    client.post(reverse("skip-task", args=[control.code]), {"reason": "undecided"})
    assert training.stage(alice).name == "screened_out"


def test_an_example_is_answered_once(client, hers):
    alice = hers(taught())
    go_on(client, alice)
    control = answer(client, alice)
    again = client.post(reverse("task", args=[control.code]), answers(alice, "left"), **JSON)
    assert again.status_code == 409
    assert "answered already" in again.json()["error"]


def test_examples_come_in_an_order_of_each_assessors_own_with_sides_balanced(db):
    comparison = taught(training_pairs=8, tests=0)
    orders = []
    for name in ("alice", "bob", "carol"):
        participation = make_participation(comparison, name=name)
        training.begin(participation)
        while (now := training.stage(participation)) and now.control:
            choices = dict.fromkeys(comparison.aspects.all(), "left")
            now.control.submit(choices, key=now.control.code.hex, viewing={})
            training.acknowledge(participation)
        controls = Control.objects.filter(participation=participation).order_by("pk")
        orders.append(tuple(controls.values_list("golden", flat=True)))
        assert sum(controls.values_list("swapped", flat=True)) == 4
    assert len(set(orders)) == 3
    assert len({frozenset(order) for order in orders}) == 1


def test_who_works_already_is_not_sent_to_training_added_later(client, hers):
    alice = hers(make_comparison())
    page(client, alice)
    make_golden(alice.comparison, "training")
    assert training.stage(alice).name == "intro"
    alice.refresh_from_db()
    assert training.stage(alice) is None


def test_a_fit_screen_is_noted_and_the_work_begins(client, hers):
    alice = hers(taught(0, 0, screen_check=True))
    assert "Your screen" in page(client, alice).content.decode()
    there = client.post(reverse("screen-check", args=[alice.comparison.code]), {"facts": json.dumps(FIT)})
    assert there.status_code == 302
    alice.refresh_from_db()
    assert alice.screen == FIT
    assert "data-task" in page(client, alice).content.decode()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"width": 390}, "The window is narrow"),
        ({"rate": 30}, "fewer than 50 pictures a second"),
        ({"dropped": 10}, "did not play smoothly"),
    ],
)
def test_a_poor_screen_is_told_plainly_and_not_refused(client, hers, facts, said):
    alice = hers(taught(0, 0, screen_check=True))
    told = client.post(reverse("screen-check", args=[alice.comparison.code]), {"facts": json.dumps(FIT | facts)})
    assert (told.status_code, said in told.content.decode()) == (200, True)
    assert "data-task" in page(client, alice).content.decode()


def test_a_screen_below_the_organizers_least_width_is_refused_until_it_is_wider(client, hers):
    alice = hers(taught(0, 0, screen_check=True, least_width=1200))
    url = reverse("screen-check", args=[alice.comparison.code])
    refused = client.post(url, {"facts": json.dumps(FIT | {"width": 1199})})
    assert (refused.status_code, "at least 1200 pixels" in refused.content.decode()) == (422, True)
    assert "Your screen" in page(client, alice).content.decode()
    assert client.post(url, {"facts": json.dumps(FIT)}).status_code == 302


@pytest.mark.parametrize(
    "facts", ["[1]", "no", '{"width": "wide"}', '{"speed": 1}', '{"width": 1e9}', '{"width": NaN}']
)
def test_measurements_that_cannot_be_read_are_refused(client, hers, facts):
    alice = hers(taught(0, 0, screen_check=True))
    assert client.post(reverse("screen-check", args=[alice.comparison.code]), {"facts": facts}).status_code == 422
    alice.refresh_from_db()
    assert alice.screen == {}
