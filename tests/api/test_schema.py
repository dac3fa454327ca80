"""What the schema says of bodies is what the API takes: neither more keys nor blank words."""

import re

import pytest

from evalapp.api.documents import schema
from evalapp.api.strict import HOUR, NO_NUL, WORDS

OPEN = {"settings", "options"}  # each generator's and judge's own


def objects(told, schemas, where=""):
    """Every object within a body, by where it stands."""
    told = schemas[told["$ref"].rsplit("/", 1)[-1]] if "$ref" in told else told
    for inner in told.get("allOf", []):
        yield from objects(inner, schemas, where)
    if told.get("type") == "array":
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
    assert len(found) > 40


def test_a_change_tells_what_it_needs():
    told = schema()
    asked = told["paths"]["/api/v1/members/{number}/"]["patch"]["requestBody"]["content"]["application/json"]
    (_, body), *_rest = objects(asked["schema"], told["components"]["schemas"])
    assert body["required"] == ["role"]


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
