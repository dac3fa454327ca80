"""Every address of the API, found in its list of URLs: limited in pace, read with an ETag, changed by nobody who is
behind."""

import re
from functools import wraps

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.response import Response

from evalapp.api.authentication import Pace
from evalapp.api.base import Problems
from evalapp.api.documents import schema
from evalapp.api.urls import urlpatterns
from tests.test_access import address, furnished, house  # noqa: F401

METHODS = ("get", "post", "put", "patch", "delete")
VIEWS = {pattern.name: pattern.callback.cls for pattern in urlpatterns if hasattr(pattern.callback, "cls")}
del VIEWS["api-nothing"]
ASKED = [(name, method) for name, view in VIEWS.items() for method in METHODS if hasattr(view, method)]
JSON = "application/json"


@pytest.fixture(scope="module")
def told():
    """The parameters that the schema tells of, by address and method."""
    addresses = {
        "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern)): pattern.name for pattern in urlpatterns
    }
    known = {
        (addresses[path], method): {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        for path, methods in schema()["paths"].items()
        for method, operation in methods.items()
    }
    assert sum("cursor" in found for found in known.values()) > 15
    return known | {("api-schema", "get"): set()}


@pytest.fixture
def ask(house, client):  # noqa: F811
    """A call of an address by an admin of its project, who also runs the house."""
    for built in ("api-judges-against-people", "api-judges-everywhere", "api-league", "api-exploration"):
        people = house(built)
    User.objects.filter(pk=people["admin"].pk).update(is_superuser=True)
    client.force_login(people["admin"])
    places: dict[str, str] = {}

    def call(name, method, query="", **headers):
        given = {"headers": {key.replace("_", "-"): value for key, value in headers.items()}}
        body = {} if method == "get" else {"data": "{}", "content_type": JSON}
        place = places.get(name) or places.setdefault(name, address(name, people))
        where, _, asked = place.partition("?")
        return getattr(client, method)(f"{where}?{query or asked}", **body, **given)

    return call


def refused(answer, status):
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.content
    return True


def test_the_walk_meets_every_view():
    assert len(VIEWS) > 30
    assert {view for view in VIEWS.values() if not issubclass(view, Problems)} == set()


@pytest.mark.parametrize(("name", "method"), ASKED)
def test_every_address_is_limited_in_pace(ask, monkeypatch, name, method):
    """All calls of one asker count, whatever they ask."""
    monkeypatch.setattr(Pace, "limit", 1)
    assert ask("api-me", "get").status_code == 200
    too_fast = ask(name, method)
    assert refused(too_fast, 429)
    assert 0 < int(too_fast.headers["Retry-After"]) <= 61


@pytest.mark.parametrize("name", [name for name, method in ASKED if method == "get"])
def test_whatever_is_read_bears_an_etag_and_is_not_sent_again(ask, monkeypatch, name):
    now = timezone.now()  # answers per hour are told, and a slow machine takes its time
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    read = ask(name, "get")
    assert read.status_code == 200, read.content
    for known in (read.headers["ETag"], f'"another", {read.headers["ETag"]}', "*"):
        again = ask(name, "get", If_None_Match=known)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", read.headers["ETag"])
    assert ask(name, "get", If_None_Match='"another"').content == read.content


@pytest.mark.parametrize(("name", "method"), [asked for asked in ASKED if asked[1] != "get"])
def test_who_has_read_something_else_changes_nothing(ask, monkeypatch, name, method):
    monkeypatch.setattr(VIEWS[name], method, lambda *asked, **named: pytest.fail("it was done"))
    assert refused(ask(name, method, If_Match='"of another day"'), 412)


@pytest.mark.parametrize(("name", "method"), ASKED)
def test_a_parameter_that_nobody_reads_is_refused(ask, monkeypatch, name, method):
    """A filter misspelt left everything in, and said nothing."""
    monkeypatch.setattr(VIEWS[name], method, wraps(getattr(VIEWS[name], method))(lambda *a, **b: pytest.fail("done")))
    for misspelt in ("porject", "page_size", "project__name"):
        answer = ask(name, method, query=f"{misspelt}=x")
        assert refused(answer, 400)
        assert list(answer.json()["errors"]) == [misspelt]


@pytest.mark.parametrize(("name", "method"), ASKED)
def test_what_is_read_is_what_the_schema_tells(ask, monkeypatch, told, name, method):
    """Each parameter of the schema is read, that of pages too; `format` is read everywhere and not told of."""
    done = []
    act = wraps(getattr(VIEWS[name], method))(lambda *asked, **named: done.append(named) or Response())
    monkeypatch.setattr(VIEWS[name], method, act)
    for each in told[name, method] | {"format"}:
        assert ask(name, method, query=f"{each}=json").status_code == 200, each
        assert done.pop() is not None
    assert not done


def test_whoever_misspells_a_filter_is_told_the_nearest(ask):
    (said,) = ask("api-comparisons", "get", query="porject=x").json()["errors"]["porject"]
    assert said == "is not known here; did you mean project?"
    (said,) = ask("api-pairs", "get", query="only_tags=x").json()["errors"]["only_tags"]
    assert said == "is not known here; did you mean only_tag?"
    (said,) = ask("api-me", "get", query="whose=x").json()["errors"]["whose"]
    assert said == "is not known here: no parameter is"
