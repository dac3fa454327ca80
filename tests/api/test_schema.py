"""What the schema says of bodies is what the API takes: neither more keys nor blank words."""

import re
from pathlib import Path

import pytest
from django.urls import reverse
from jsonschema import Draft202012Validator

import generators
from evalapp.api.documents import schema
from evalapp.api.strict import HOUR, NO_NUL, WORDS
from metrics import JUDGES, resolve

OPEN = {
    *("extra", "graph", "places", "guider_options", "component_dtype", "options"),  # of recipes, handed on as they are
    *("aspects", "questions"),  # of judges, by the comparison's own aspects
}


def objects(told, schemas, where=""):
    """Every object within a body, by where it stands."""
    told = schemas[told["$ref"].rsplit("/", 1)[-1]] if "$ref" in told else told
    for inner in [each for kind in ("allOf", "oneOf", "anyOf") for each in told.get(kind, [])]:
        yield from objects(inner, schemas, where)
    if told.get("type") == "array" and "items" in told:
        yield from objects(told["items"], schemas, f"{where}[]")
    if told.get("type") == "object":
        yield where, told
        for name, field in told.get("properties", {}).items():
            yield from objects(field, schemas, f"{where}.{name}")


def test_every_body_refuses_keys_that_nobody_reads():
    told = schema()
    found = [
        (f"{method} {path}{where}", body)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        if (media := operation.get("requestBody", {}).get("content", {}).get("application/json"))
        for where, body in objects(media["schema"], told["components"]["schemas"])
    ]
    lax = [where for where, body in found if body.get("additionalProperties") is not False]
    assert {where.rsplit(".", 1)[-1] for where in lax} == OPEN, lax
    assert all(where.count(".") > 1 for where in lax), lax  # settings and options themselves are told
    assert len(found) > 100


@pytest.fixture(scope="module")
def takes():
    """Whether a body is one that the schema tells of."""
    told = schema()

    def fits(body, given):
        return Draft202012Validator({"$ref": f"#/components/schemas/{body}", **told}).is_valid(given)

    return fits


def test_a_recipes_settings_are_told_by_its_generator(takes, call):
    """What the schema refuses, and takes, the API does."""
    assert takes("RecipeRequest", {"generator": "diffusers", "settings": {"source": {"folder": "x"}}})
    for number, (generator, settings, right) in enumerate(
        [
            ("shapes", {}, True),
            ("shapes", {"width": 64, "height": 64}, True),
            ("shapes", {"width": "wide"}, False),
            ("shapes", {"source": {"folder": "x"}}, False),
            ("diffusers", {}, False),
            ("difusers", {}, False),
        ]
    ):
        recipe = {"generator": generator, "settings": settings}
        body = {"name": f"number {number}", "recipe": recipe}
        assert takes("NewContenderRequest", body) == right, recipe
        assert call("post", "api-contenders", body=body).status_code == (201 if right else 400), recipe


def test_a_judges_options_are_told_by_its_name(takes):
    for name in JUDGES:
        options = resolve(JUDGES[name]).Options
        needed = [each for each, field in options.model_fields.items() if field.is_required()]
        if not needed:
            assert takes("NewRunRequest", {"judge": name}), name
        assert not takes("NewRunRequest", {"judge": name, "options": {"nobody": "reads it"}}), name
        for each, field in options.model_fields.items():
            if field.annotation is Path:
                assert not takes("NewRunRequest", {"judge": name, "options": {each: "/etc/passwd"}}), name
    assert takes("NewRunRequest", {"judge": "replay", "options": {"judge": "ours"}})
    assert not takes("NewRunRequest", {"judge": "replay"})
    assert not takes("NewRunRequest", {"judge": "nobody"})


def test_every_generator_and_judge_is_told_of_once():
    told = schema()["components"]["schemas"]
    for body, key, names in (("RecipeRequest", "generator", generators.names()), ("NewRunRequest", "judge", JUDGES)):
        found = [name for each in told[body]["oneOf"] for name in each["properties"][key]["enum"]]
        assert sorted(found) == sorted(names)


def test_a_change_tells_what_it_needs():
    told = schema()
    asked = told["paths"]["/api/v1/members/{number}/"]["patch"]["requestBody"]["content"]["application/json"]
    (_, body), *_rest = objects(asked["schema"], told["components"]["schemas"])
    assert body["required"] == ["role"]


def test_people_read_the_names_and_types_of_a_body_that_is_one_of_several(client, olga):
    client.force_login(olga)
    operations = client.get(reverse("api-docs")).context["operations"]
    (asked,) = [each for each in operations if each["method"] == "POST" and each["path"].endswith("/judge-estimate/")]
    kinds = {field["name"]: field["type"] for field in asked["body"]}
    assert kinds.pop("judge").split(", ")[0].startswith("one of ")
    assert kinds == {"options": "object", "upload": "object", "most_cost": "double", "most_calls": "integer"}


@pytest.mark.parametrize("name", ["", " ", "\n\t", "a\0b", "\0"])
def test_blank_words_and_nul_are_told_of_and_refused(call, name):
    """The name of a prompt set may not be blank, that of a sample may."""
    told = schema()["components"]["schemas"]
    for body, pattern in (("NewPromptSetRequest", WORDS), ("SampleRequest", NO_NUL)):
        assert told[body]["properties"]["name"]["pattern"] == pattern
    assert not re.search(WORDS, name)
    made = call("post", "api-prompt-sets", body={"name": name, "prompts": [{"text": "a cat"}]})
    assert (made.status_code, list(made.json()["errors"])) == (400, ["name"])
    kept = call("post", "api-prompt-sets", body={"name": "cats", "prompts": [{"text": "a cat"}, {"text": "a dog"}]})
    sample = call("post", "api-prompt-sample", kept.json()["id"], body={"name": name, "count": 1})
    assert sample.status_code == (202 if re.search(NO_NUL, name) else 400)


@pytest.mark.parametrize(("hour", "status"), [("07:06", 200), ("07:06:17.5", 200), ("07:06:17Z", 400), ("24:00", 400)])
def test_a_queues_hours_are_the_houses(call, hour, status):
    """One with a zone was taken, and the zone left out."""
    answer = call("patch", "api-queue", "cpu", body={"quiet_from": hour, "quiet_until": "09:00"})
    assert answer.status_code == status
    assert (status == 200) == bool(re.search(HOUR, hour))
    if status == 200:
        assert re.search(HOUR, answer.json()["quiet_from"])
    else:
        assert "without a zone" in str(answer.json()["errors"]["quiet_from"])
