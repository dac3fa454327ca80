"""REST v1: planning: drafts anew, copies, templates, the forecast; what is watched while it runs."""

import pytest
from django.urls import reverse

from evalapp.assessing.simulate import simulate_votes
from evalapp.catalog.models import PromptSet, PromptText
from evalapp.comparisons.launch import plan_digest
from evalapp.comparisons.models import Comparison
from evalapp.comparisons.plans import Template
from evalapp.reporting.pilots import pilot_of
from metrics.preference.planning import precision
from tests.factories import make_comparison, make_vote


@pytest.fixture
def draft(db):
    return make_comparison(name="a draft", state="draft")


def test_the_plan_of_a_comparison_makes_the_same_again(call, comparison):
    Comparison.objects.filter(pk=comparison.pk).update(least_seconds=4, golden_share=0.1, margin=0.05)
    plan = call("get", "api-plan", comparison.code).json()
    made = call("post", "api-comparisons", body=plan | {"name": "again", "launch": False})
    assert made.status_code == 201, made.content
    again = Comparison.objects.get(name="again")
    comparison.refresh_from_db()
    assert plan_digest(again) == plan_digest(comparison)
    assert (again.least_seconds, again.golden_share) == (4, 0.1)


def test_a_draft_is_planned_anew_under_its_code_and_what_runs_is_not(call, draft):
    own = [{"name": "Light", "question": "Which light is better?"}]
    plan = call("get", "api-plan", draft.code).json() | {"overlap": 7, "aspects": [], "own_aspects": own}
    told = call("put", "api-comparison", draft.code, body=plan | {"launch": False})
    assert (told.status_code, told.json()["code"], told.json()["overlap"]) == (200, str(draft.code), 7)
    now = Comparison.objects.get(code=draft.code)
    assert (list(now.aspects.values_list("key", flat=True)), now.state) == (["light"], "draft")
    assert call("put", "api-comparison", draft.code, body=plan).json()["state"] == "rendering"
    assert call("put", "api-comparison", draft.code, body=plan).status_code == 409


def test_an_aspect_of_ones_own_may_not_be_called_like_another(call, draft):
    plan = call("get", "api-plan", draft.code).json() | {"own_aspects": [{"name": "Beauty", "question": "Which?"}]}
    assert list(call("put", "api-comparison", draft.code, body=plan).json()["errors"]) == ["own_aspects"]


def test_a_template_is_kept_from_a_comparison_and_starts_another(call, comparison):
    project, names = comparison.project.code, list(comparison.contenders.values_list("name", flat=True))
    assert call("post", "api-templates", project, body={"name": "t", "comparison": str(comparison.code)}).json()["plan"]
    assert "contenders" not in Template.objects.get().plan
    (kept,) = call("get", "api-templates", project).json()["results"]
    made = call("post", "api-comparisons", body=kept["plan"] | {"name": "second", "contenders": names})
    assert (made.status_code, made.json()["overlap"]) == (201, comparison.overlap)


def test_the_forecast_is_the_pages(call, client, comparison):
    asked = {"contenders": list(comparison.contenders.values_list("name", flat=True)), "overlap": 4, "pay": 20}
    asked["prompt_set"] = comparison.prompt_set_id
    told = call("post", "api-forecast", comparison.project.code, body=asked).json()
    assert (told["prompts"], told["pairs"], told["votes"]) == (3, 3, 12)
    assert told["cost"] == pytest.approx(20 * told["hours"])
    shown = {"contenders": list(comparison.contenders.values_list("pk", flat=True)), "overlap": 4, "seeds": 1}
    page = client.post(reverse("foresee"), shown | {"prompt_set": comparison.prompt_set_id})
    assert page.status_code in (200, 302)
    many = call("post", "api-forecast", comparison.project.code, body=asked | {"assessors": 3})
    assert (many.status_code, "more assessors" in many.json()["detail"]) == (409, True)


def test_two_versions_of_a_prompt_set_are_held_against_each_other(call, olga):
    cat = "a grey cat jumps over the high garden wall at night"
    before = PromptSet.objects.freeze("pets", [PromptText("a", cat), PromptText("b", "a dog")])
    after = PromptSet.objects.freeze("pets", [PromptText("a", cat), PromptText("c", cat.replace("the", "a"))])
    told = call("get", "api-prompt-set-looks", after.pk).json()
    assert (told["against"], [each["key"] for each in told["changes"]]) == (before.pk, ["b", "c"])
    assert [(each["first"], each["second"]) for each in told["near"]] == [("a", "c")]
    assert call("get", "api-prompt-set-looks", after.pk, against=after.pk).status_code == 400
    assert call("post", "api-prompt-sample", after.pk, body={"count": 2}).status_code == 409
    assert call("post", "api-prompt-sample", after.pk, body={"count": 1}).json()["name"] == "pets, 1 of 2"


def test_the_dashboard_and_a_comparisons_alerts_are_those_of_the_pages(call, comparison, alice):
    make_vote(alice)
    comparison.clips().filter(contender__name="end-to-end").update(state="failed", reason="no memory")
    seen = call("get", "api-dashboard", comparison.project.code).json()
    assert [(row["name"], row["answers"], row["clips"]["failed"]) for row in seen["comparisons"]] == [
        (comparison.name, 1, 3)
    ]
    page = reverse("comparison", args=[comparison.code]) + "#failures"
    assert {"comparison": str(comparison.code), "said": "Clips fail: 3 of 6.", "page": page} in seen["alerts"]
    told = call("get", "api-progress", comparison.code).json()
    assert (told["alerts"], told["failures"][0]["reason"]) == (["end-to-end fails: 3 of 3 clips."], "no memory")
    assert sum(hour["answers"] for hour in told["hours"]) == 1


def test_a_contender_tells_its_recipe_and_is_tried(call, comparison):
    (first, *_) = call("get", "api-contenders").json()["results"]
    told = call("get", "api-contender", first["id"]).json()
    assert (told["name"], told["generator"]) == (first["name"], "shapes")
    assert isinstance(told["settings"], dict)
    assert call("post", "api-try-contender", first["id"]).status_code in (202, 409)


def test_the_api_forecasts_by_a_pilot_too(call):
    pilot = make_comparison(contenders=3, prompts=8, overlap=3)
    simulate_votes(pilot, 4)
    pilot.close()
    names = list(pilot.contenders.values_list("name", flat=True)[:2])
    body = {"contenders": names, "prompt_set": pilot.prompt_set_id, "pilot": str(pilot.code)}
    told = call("post", "api-forecast", pilot.project.code, body=body | {"pairing": ["frame-by-frame", "third"]}).json()
    found = pilot_of(pilot, ("frame-by-frame", "third"))
    assert told["pilot"]["pairing"] == ["frame-by-frame", "third"]
    assert (told["pilot"]["votes"], told["pilot"]["prompt"]) == (found.votes, found.components.prompt)
    assert told["half_width"] == pytest.approx(100 * precision(found.components, 8, 3, 10).half_width)
    assert call("post", "api-forecast", pilot.project.code, body=body | {"pairing": ["x", "y"]}).status_code == 409
    other = body | {"pilot": str(make_comparison().code)}
    assert call("post", "api-forecast", pilot.project.code, body=other).status_code == 400
