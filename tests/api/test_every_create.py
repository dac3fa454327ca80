"""Every address that makes something, found in the schema: sent twice, done once; refused in a problem document."""

import json

import pytest

from evalapp.api.documents import schema
from evalapp.people.tokens import ApiToken
from tests.factories import make_comparison, make_participation

MAKES = sorted(path for path, told in schema()["paths"].items() if "201" in told.get("post", {}).get("responses", {}))
PUTS = sorted(path for path, told in schema()["paths"].items() if "put" in told)
ACTS = sorted(path for path, told in schema()["paths"].items() if "post" in told and path not in MAKES)


def test_the_lists_that_are_walked_are_those_of_the_house():
    assert {path.split("/")[-2] for path in MAKES} == {
        *("prompt-sets", "contenders", "comparisons", "invitations", "member-invitations", "judge-runs"),
        *("projects", "webhooks", "tokens", "goldens", "golden-orders", "templates"),
        "vote-imports",
    }
    assert {path.split("/")[-2] for path in PUTS} == {"clips", "images", "prompt-lists", "{code}"}, "safe to repeat"


@pytest.fixture
def send(client, ada):
    ada.is_superuser = True
    ada.save()
    _, secret = ApiToken.objects.issue(ada, "a program", ["organize", "read"], 2)
    comparison = make_comparison(name="walked", media=True)
    someone = make_participation(comparison)
    codes = {"projects": comparison.project.code, "comparisons": comparison.code}

    def call(path, body, key="k", method="post", kind="application/json"):
        code = codes.get(path.split("/")[3], comparison.code)
        target = (
            path.replace("{code}", str(code))
            .replace("{assessor}", str(someone.assessor.code))
            .replace("{number}", str(comparison.prompt_set_id))
        )
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
        return getattr(client, method)(target, body, content_type=kind, headers=headers)

    call.bodies = {
        "prompt-sets": {"name": "new", "prompts": [{"text": "a dog"}]},
        "contenders": {"name": "new", "recipe": {"generator": "shapes", "settings": {}}, "checkpoint": ""},
        "comparisons": {
            "name": "new",
            "contenders": list(comparison.contenders.values_list("name", flat=True)),
            "prompt_set": comparison.prompt_set_id,
        },
        "invitations": {"seats": 1},
        "member-invitations": {"role": "viewer"},
        "judge-runs": {"judge": "signal"},
        "goldens": {
            "known": [
                {
                    "prompt_id": comparison.prompt_set.prompts.first().key,
                    **dict(zip(("first", "second"), comparison.contenders.values_list("name", flat=True), strict=True)),
                    "aspect": "beauty",
                    "choice": "tie",
                }
            ]
        },
        "golden-orders": {"per_aspect": 1},
        "vote-imports": {
            "name": "new",
            "table": "prompt_id,assessor,aspect,first,second,choice\np1,ann,beauty,early,late,first",
        },
        "templates": {"name": "new", "comparison": str(comparison.code)},
        "projects": {"name": "new"},
        "webhooks": {"url": "https://example.org/"},
        "tokens": {"name": "new", "scopes": ["read"], "days": 1},
    }
    return call


@pytest.mark.parametrize("path", MAKES)
def test_what_is_sent_twice_is_made_once_and_another_body_is_refused(send, path):
    body = send.bodies[path.split("/")[-2]]
    first, again = send(path, body), send(path, body)
    assert (first.status_code, again.status_code) == (201, 201), first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    kept = first.json().keys() & again.json().keys()
    assert {first.json()[key] == again.json()[key] for key in kept} == {True}
    assert first.json().keys() - kept <= {"link", "secret"}
    other = send(path, body | {"name": "other"} if "name" in body else {**body, "note": "x"})
    assert (other.status_code, other.headers["Content-Type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("path", [*MAKES, *ACTS])
def test_nonsense_is_refused_in_a_problem_document(send, path):
    refused = send(path, json.dumps({"nonsense": 1}), key="n")
    if "requestBody" in schema()["paths"][path]["post"]:
        assert refused.status_code in (400, 409), refused.content
    if refused.status_code >= 400:
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status"} <= refused.json().keys()
