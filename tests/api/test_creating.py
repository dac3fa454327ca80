"""REST v1: what programs make, once each, however often they send it."""

import json

import pytest
from django.urls import reverse

from evalapp.assessing.models import Invitation
from evalapp.catalog.models import PromptSet
from evalapp.comparisons.models import Comparison
from evalapp.people.answers import StoredAnswer
from tests.factories import make_comparison, make_contender, make_prompt_set


@pytest.fixture
def post(client, olga):
    client.force_login(olga)

    def send(name, body, *args, key=""):
        headers = {"Idempotency-Key": key} if key else {}
        return client.post(reverse(name, args=args), json.dumps(body), content_type="application/json", headers=headers)

    return send


def plan(**changes):
    make_contender("early"), make_contender("late", settings={"a": 1})
    body = {"name": "nightly", "contenders": ["early", "late"], "prompt_set": make_prompt_set(2).pk, "overlap": 2}
    return body | changes


def test_a_comparison_is_made_and_launched_in_one_call(post, db, bells):
    answer = post("api-comparisons", plan())
    assert answer.status_code == 201, answer.content
    comparison = Comparison.objects.get(name="nightly")
    assert (comparison.state, comparison.pairs.count(), comparison.aspects.count()) == ("rendering", 2, 7)
    assert answer["Location"].endswith(f"/api/v1/comparisons/{comparison.code}/")


def test_a_draft_waits_for_its_launch(post, db, bells):
    code = post("api-comparisons", plan(launch=False, aspects=["preference"])).json()["code"]
    assert Comparison.objects.get(code=code).state == "draft"
    assert post("api-launch", {}, code).json()["state"] == "rendering"
    assert post("api-launch", {}, code).status_code == 409


def test_rules_are_set_and_wrong_ones_named(post, db, bells):
    rules = {"golden_share": 20, "least_seconds": 2.5, "full_viewing": True}
    code = post("api-comparisons", plan(rules=rules, planned_looks=5, margin=0.05)).json()["code"]
    made = Comparison.objects.get(code=code)
    assert (made.golden_share, made.least_seconds, made.full_viewing) == (0.2, 2.5, True)
    assert (made.planned_looks, made.margin) == (5, 0.05)
    for rules, named in (({"goldens": 1}, "goldens"), ({"golden_share": 200}, "golden_share")):
        refused = post("api-comparisons", plan(name="other", rules=rules))
        assert refused.status_code == 400
        assert named in refused.content.decode()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"contenders": ["early", "nobody"]}, "nobody"),
        ({"contenders": ["early"]}, "contenders"),
        ({"prompt_set": 10**9}, "prompt_set"),
        ({"overlaps": 3}, "overlaps"),
        ({"seeds": []}, "seeds"),
        ({"aspects": ["taste"]}, "taste"),
        ({"overlap": 0}, "overlap"),
    ],
)
def test_a_body_that_makes_no_sense_makes_nothing_and_is_named(post, db, change, named):
    answer = post("api-comparisons", plan(**change))
    assert answer.status_code == 400
    assert named in answer.content.decode()
    assert not Comparison.objects.exists()


def test_the_same_contender_twice_or_a_taken_name_is_a_conflict(post, db, bells):
    assert post("api-comparisons", plan(contenders=["early", "early"])).status_code == 409
    assert post("api-comparisons", plan()).status_code == 201
    assert "choose another name" in post("api-comparisons", plan()).json()["detail"]


def test_sent_twice_with_a_key_it_is_done_once(post, db, bells):
    body = plan()
    first, second = post("api-comparisons", body, key="k1"), post("api-comparisons", body, key="k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert Comparison.objects.count() == 1


def test_a_key_of_another_request_is_refused(post, db, bells):
    body = plan()
    post("api-comparisons", body, key="k1")
    assert post("api-comparisons", body | {"name": "other"}, key="k1").status_code == 422
    assert Comparison.objects.count() == 1


def test_a_refusal_is_not_kept_so_that_the_mended_request_may_go_again(post, db, bells):
    assert post("api-comparisons", plan(overlap=0), key="k1").status_code == 400
    assert not StoredAnswer.objects.exists()
    assert post("api-comparisons", plan(), key="k1").status_code == 201


def test_keys_belong_to_their_user(post, client, db, bells, admin_user):
    post("api-prompt-sets", {"name": "a", "prompts": [{"text": "a cat"}]}, key="k1")
    client.force_login(admin_user)
    assert post("api-prompt-sets", {"name": "b", "prompts": [{"text": "a dog"}]}, key="k1").status_code == 201
    assert PromptSet.objects.count() == 2


def test_a_prompt_set_is_frozen_and_found_again(post, client, db):
    body = {"name": "animals", "prompts": [{"text": "a cat", "tags": ["cat"]}, {"key": "dog", "text": "a dog"}]}
    first, again = post("api-prompt-sets", body).json(), post("api-prompt-sets", body).json()
    assert first == again
    stored = client.get(first["url"])
    assert [(prompt["key"], prompt["tags"]) for prompt in stored.json()["prompts"]] == [("p001", ["cat"]), ("dog", [])]
    unchanged = client.get(first["url"], headers={"If-None-Match": stored["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    body["prompts"][0]["text"] = "two cats"
    assert post("api-prompt-sets", body).json()["version"] == 2


def test_a_prompt_named_twice_is_refused(post, db):
    body = {"name": "twice", "prompts": [{"key": "a", "text": "x"}, {"key": "a", "text": "y"}]}
    assert "twice" in post("api-prompt-sets", body).content.decode()


def test_an_invitation_is_made_listed_and_withdrawn(post, client, db):
    comparison = make_comparison()
    made = post("api-invitations", {"seats": 5, "label": "panel"}, comparison.code)
    assert made.status_code == 201
    assert "/i/" in made.json()["link"]
    listed = client.get(reverse("api-invitations", args=[comparison.code])).json()["results"]
    assert [each["label"] for each in listed] == ["panel"]
    assert client.delete(made["Location"]).status_code == 204
    assert Invitation.objects.get().withdrawn
    Comparison.objects.update(state="closed")
    assert post("api-invitations", {}, comparison.code).status_code == 409


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "unknown setting 'framse': did you mean 'frames'?"),
        ("ru", "неизвестная настройка 'framse': имелось в виду 'frames'?"),
    ],
)
def test_a_refused_recipe_is_told_in_the_language_that_is_asked_for(client, olga, language, said):
    client.force_login(olga)
    body = json.dumps({"name": "a", "recipe": {"generator": "shapes", "settings": {"framse": 8}}})
    headers = {"Accept-Language": language}
    answer = client.post(reverse("api-contenders"), body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["errors"]["recipe"]) == (400, [said])
