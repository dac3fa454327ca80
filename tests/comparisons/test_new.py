"""Setting a comparison up on the page."""

import pytest
from django.urls import reverse

from evalapp.catalog.models import PromptSet
from evalapp.comparisons.models import Comparison
from evalapp.comparisons.plans import Template
from evalapp.generation.models import Clip
from evalapp.people.audit import AuditEntry
from metrics.preference.planning import assumed, precision, prompts_needed
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


def test_a_comparison_without_a_name_goes_by_its_contenders(client, olga, form):
    for number, expected in enumerate(("a against b against c", "a against b against c, 2"), 1):
        response = post(client, olga, form, name="", prompts=f"a cat\na dog\nprompt {number}")
        assert response.status_code == 302
        assert Comparison.objects.latest("pk").name == expected


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


def test_a_draft_is_kept_edited_and_launched(client, olga, form):
    post(client, olga, form, then="draft")
    draft = Comparison.objects.get()
    assert (draft.state, Clip.objects.count()) == ("draft", 0)
    edit = reverse("edit-comparison", args=[draft.code])
    shown = client.get(edit).context["form"]
    assert shown["overlap"].value() == 4
    assert shown["seeds"].value() == 2
    client.post(edit, form | {"overlap": 2, "prompts": "", "prompt_set": draft.prompt_set.pk, "then": "draft"})
    again = Comparison.objects.get()
    assert (again.code, again.overlap, again.state) == (draft.code, 2, "draft")
    verbs = AuditEntry.objects.filter(subject=f"comparison {again}").order_by("number")
    assert list(verbs.values_list("verb", flat=True)) == ["made the draft of", "edited the draft of"]
    told = AuditEntry.objects.get(verb="edited the draft of")
    assert (told.actor, told.subject, told.detail["before"]) == ("olga", f"comparison {again.name}", "")
    client.post(reverse("launch", args=[draft.code]))
    assert Comparison.objects.get().state == "rendering"
    assert AuditEntry.objects.get(verb="launched").detail["digest"] == told.detail["digest"]
    assert client.get(edit).url == reverse("comparison", args=[draft.code])
    client.post(edit, form | {"overlap": 9})
    assert Comparison.objects.get().overlap == 2


def test_a_copy_begins_as_what_it_copies(client, olga, form):
    post(client, olga, form, own_aspects="Lighting: Which light is better?", repeat_share=7, planned_looks="on")
    original = Comparison.objects.get()
    begin = reverse("new-comparison", query={"from": original.code})
    copied = {field.name: field.value() for field in client.get(begin).context["form"] if field.value() is not None}
    client.post(begin, {name: value for name, value in copied.items() if value is not False})
    copy = Comparison.objects.get(name="new, copy")
    same = ("prompt_set", "seeds", "overlap", "instructions", "length_rule", "repeat_share", "planned_looks")
    assert [getattr(copy, name) for name in same] == [getattr(original, name) for name in same]
    assert list(copy.aspects.values_list("key", "question")) == list(original.aspects.values_list("key", "question"))
    assert copy.aspects.filter(key="lighting").exists()
    told = AuditEntry.objects.get(verb="made the draft of", subject=f"comparison {copy}")
    assert (told.actor, told.detail["begun_from"], told.detail["digest"]) == ("olga", original.name, copy.digest)


def test_a_template_keeps_all_but_contenders_name_and_written_prompts(client, olga, form):
    post(client, olga, form, then="template", template_name="usual")
    assert not Comparison.objects.exists()
    shown = client.get(reverse("new-comparison", query={"template": Template.objects.get().pk})).context["form"]
    assert [shown[name].value() for name in ("overlap", "aspects", "instructions")] == [
        "4",
        ["beauty", "preference"],
        "look twice",
    ]
    assert [shown[name].value() for name in ("name", "contenders", "prompts")] == [None, None, None]
    post(client, olga, form, then="template", template_name="usual")
    told = AuditEntry.objects.order_by("number").values_list("actor", "verb", "subject")
    assert list(told) == [("olga", verb, "template usual") for verb in ("kept a template", "overwrote a template")]


@pytest.mark.parametrize("line", ["Lighting", "Lighting:", "Beauty: Which?", ": Which?"])
def test_an_aspect_of_ones_own_needs_a_name_and_a_question(client, olga, form, line):
    page = post(client, olga, form, own_aspects=line)
    assert page.context["form"].errors["own_aspects"]
    assert not Comparison.objects.exists()


def test_the_forecast_is_the_planners(client, olga, form):
    client.force_login(olga)
    asked = form | {"prompts": "\n".join(f"prompt {n}" for n in range(50)), "assume-assessors": 12, "assume-effect": 8}
    told = client.post(reverse("foresee"), asked).context["forecast"]
    planned = precision(assumed(), 50, 4, 12, effect=0.08, seconds_per_vote=45, pairings=3, seeds=2)
    assert (told.half_width, told.votes, told.hours) == (100 * planned.half_width, planned.votes, planned.hours)
    assert told.power == round(100 * planned.power)
    assert (told.pairs, told.clips, told.machine_hours) == (300, 300, None)


def test_where_a_difference_will_be_missed_the_forecast_says_what_helps_and_when_prompts_cannot(client, olga, form):
    client.force_login(olga)
    asked = form | {"prompts": "\n".join(f"prompt {n}" for n in range(50)), "overlap": 3, "seeds": 1}

    def missed(**change):
        told = client.post(reverse("foresee"), asked | change).context["forecast"].warnings
        return next((each for each in told if "likely to be missed" in each), "")

    need = prompts_needed(assumed(), 3, 40, power=0.8, effect=0.1)
    assert missed(**{"assume-assessors": 40}).endswith(f"To find it 80 times of 100 takes {need.prompts} prompts.")
    need = prompts_needed(assumed(), 3, 10, power=0.8, effect=0.05)
    assert need.prompts is None
    told = missed(**{"assume-assessors": 10, "assume-effect": 5})
    assert told.endswith(f"More prompts cannot help: it takes {need.assessors} assessors in all.")
    assert not missed(**{"assume-assessors": 40, "assume-effect": 30})


def test_machine_hours_come_from_measured_clips(client, olga, form):
    post(client, olga, form)
    Clip.objects.update(seconds=30)
    Clip.objects.filter(contender__name="a").update(state="ready")
    Clip.objects.filter(contender__name="b", seed=0).update(state="ready")
    asked = form | {"contenders": form["contenders"][:2], "prompts": "", "prompt_set": PromptSet.objects.get().pk}
    told = client.post(reverse("foresee"), asked | {"assume-machine": 6, "assume-pay": 20}).context["forecast"]
    assert (told.clips, told.machine_hours) == (2, pytest.approx(60 / 3600))
    assert told.cost == pytest.approx(6 * told.machine_hours + 20 * told.hours)


def test_the_forecast_says_what_it_lacks(client, olga, form):
    client.force_login(olga)

    def said(**change):
        return client.post(reverse("foresee"), form | change).context["lacking"]

    assert said(contenders=[]) == "Choose two contenders or more."
    assert said(prompts="", seeds="") == "Choose a prompt set or write prompts."
    assert "more assessors than there are" in said(overlap=11)
    assert said(prompts="only one", seeds=5).startswith("One prompt says nothing of others")


def test_seeds_do_not_make_up_for_prompts(client, olga, form):
    client.force_login(olga)
    asked = form | {"prompts": "\n".join(f"prompt {n}" for n in range(12))}
    one, three = (client.post(reverse("foresee"), asked | {"seeds": n}).context["forecast"] for n in (1, 3))
    assert "Below 20 prompts a report claims nothing." in three.warnings
    assert any(warning.startswith("Seeds of one prompt are taken to come out alike") for warning in three.warnings)
    few = precision(assumed(), 36, 4, 10)  # as if each seed were a prompt
    assert 100 * few.half_width < three.half_width < one.half_width
    assert (one.votes, three.votes) == (12 * 3 * 4, 36 * 3 * 4)
