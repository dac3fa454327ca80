"""Setting a comparison up on the page."""

import pytest
from django.urls import reverse

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from tests.factories import make_comparison, make_contender, make_prompt_set


@pytest.fixture
def form(db):
    contenders = [make_contender(name) for name in ("a", "b", "c")]
    return {
        "name": "new",
        "contenders": [contender.pk for contender in contenders],
        "prompts": "a red ball\n\n  a blue square \n",
        "seeds": 2,
        "overlap": 4,
        "aspects": ["beauty", "preference"],
        "instructions": "look twice",
        "length_rule": "trim",
    }


def post(client, olga, form, **change):
    client.force_login(olga)
    return client.post(reverse("new-comparison"), form | change)


def test_the_form_launches_a_comparison(client, olga, form):
    assert post(client, olga, form).url == reverse("comparison", args=[Comparison.objects.get().code])
    comparison = Comparison.objects.get()
    assert comparison.state == Comparison.State.RENDERING
    assert [prompt.text for prompt in comparison.prompt_set.prompts.all()] == ["a red ball", "a blue square"]
    assert (comparison.seeds, comparison.overlap, comparison.instructions) == ([0, 1], 4, "look twice")
    assert comparison.length_rule == "trim"
    assert list(comparison.aspects.values_list("key", flat=True)) == ["beauty", "preference"]
    assert Clip.objects.count() == 3 * 2 * 2
    assert comparison.pairs.count() == 3 * 2 * 2


def test_planned_looks_and_a_margin_are_asked_for_in_the_form_and_off_by_default(client, olga, form):
    post(client, olga, form)
    post(client, olga, form, name="looked at", planned_looks="on", planned_votes="16", margin="0.05", overlap=8)
    plain, looked_at = Comparison.objects.order_by("pk")
    assert (plain.planned_looks, plain.planned_votes, plain.margin) == (0, None, None)
    assert (looked_at.planned_looks, looked_at.planned_votes, looked_at.margin) == (5, 16, 0.05)


def test_a_stored_prompt_set_can_be_chosen_instead(client, olga, form):
    stored = make_prompt_set(5)
    post(client, olga, form, prompts="", prompt_set=stored.pk)
    assert Comparison.objects.get().prompt_set == stored


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"contenders": []}, "This field is required"),
        ({"prompts": ""}, "Choose a prompt set or write prompts here"),
        ({"prompts": "x\ny\nx"}, "These prompts come twice: x"),
        ({"overlap": 0}, "greater than or equal to 1"),
        ({"aspects": ["taste"]}, "taste is not one of the available choices"),
        ({"name": "taken"}, "there is a comparison named &#x27;taken&#x27; already"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(client, olga, form, change, told):
    make_comparison(name="taken")
    before = Comparison.objects.count(), Clip.objects.count()
    response = post(client, olga, form, **change)
    assert response.status_code == 200
    assert told in response.content.decode()
    assert (Comparison.objects.count(), Clip.objects.count()) == before


def test_one_contender_alone_is_refused(client, olga, form):
    assert "two contenders or more" in post(client, olga, form, contenders=form["contenders"][:1]).content.decode()


def test_shares_caps_and_the_pass_mark_are_set_in_percent_and_nothing_is_mixed_in_where_left_empty(client, olga, form):
    post(client, olga, form)
    rules = {"golden_share": 10, "repeat_share": 5, "pass_mark": 80, "daily_cap": 200, "adaptive_overlap": "on"}
    post(client, olga, form, name="checked", **rules)
    plain, checked = Comparison.objects.order_by("pk")
    assert (plain.golden_share, plain.repeat_share, plain.session_minutes, plain.adaptive_overlap) == (0, 0, 25, False)
    assert (checked.golden_share, checked.repeat_share, checked.identical_share) == (0.1, 0.05, 0)
    assert (checked.pass_mark, checked.daily_cap, checked.adaptive_overlap) == (0.8, 200, True)


def test_more_than_half_of_the_work_is_refused_in_words(client, olga, form):
    refused = post(client, olga, form, golden_share=40, repeat_share=11)
    assert "half of the work at most" in refused.content.decode()
    assert not Comparison.objects.exists()
