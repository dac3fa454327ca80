"""REST v1: what it tells, whom, and how it says no."""

import json
import re

import pytest
from django.urls import reverse

from evalapp.reporting.models import Report
from tests.factories import make_comparison, make_vote


@pytest.fixture
def api(client, olga):
    client.force_login(olga)

    def call(name, comparison=None, post=None):
        address = reverse(name, args=[comparison.code] if comparison else [])
        if post is not None:
            return client.post(address, json.dumps(post), content_type="application/json")
        return client.get(address)

    return call


def problem(response):
    assert response["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body["type"] == "about:blank"
    return body


def test_comparisons_come_in_pages_newest_first(api, client, db):
    for number in range(53):
        make_comparison(name=f"comparison number {number}", state="draft")
    first = api("api-comparisons").json()
    assert len(first["results"]) == 50
    assert first["results"][0]["name"] == "comparison number 52"
    second = client.get(first["next"]).json()
    assert [each["name"] for each in second["results"]] == [f"comparison number {n}" for n in (2, 1, 0)]
    assert second["next"] is None


def test_a_comparison_tells_its_progress(api, comparison, alice):
    make_vote(alice)
    body = api("api-comparison", comparison).json()
    assert body["contenders"] == ["end-to-end", "frame-by-frame"]
    assert (body["clips"]["ready"], body["clips"]["failed"]) == (6, 0)
    assert (body["pairs"], body["places"], body["answers"], body["simulated_answers"]) == (3, 6, 1, 0)
    assert body["votes"] == comparison.aspects.count()
    assert {"key", "name", "question"} == set(body["aspects"][0])


def test_a_vote_says_who_stood_where_and_corrections_replace(api, comparison, alice):
    assignment, _ = make_vote(alice, choice="left")
    choices = dict.fromkeys(comparison.aspects.all(), "right")
    assignment.submit(choices, key="correction", viewing={})
    votes = api("api-votes", comparison).json()["results"]
    assert len(votes) == comparison.aspects.count()
    first, second = assignment.pair.first.contender.name, assignment.pair.second.contender.name
    assert {(vote["first"], vote["second"]) for vote in votes} == {(first, second)}
    assert {vote["left"] for vote in votes} == {second if assignment.swapped else first}
    assert {vote["choice"] for vote in votes} == {"first" if assignment.swapped else "second"}
    assert {vote["assessor"] for vote in votes} == {str(alice.assessor.code)}


def test_a_page_of_votes_takes_the_same_few_queries(api, comparison, alice, bob, django_assert_num_queries):
    for participation in (alice, alice, bob):
        make_vote(participation)
    api("api-votes", comparison)
    with django_assert_num_queries(9):  # four are of budgets
        api("api-votes", comparison)


def test_the_report_is_the_stored_snapshot_after_its_canary(api, comparison):
    assert "open its report page" in problem(api("api-report", comparison))["detail"]
    snapshot = '{"b":1,"a":[0.25]}'
    Report.objects.create(comparison=comparison, inputs="x" * 64, snapshot=snapshot)
    text = api("api-report", comparison).content.decode()
    assert re.sub(r'"canary":"visavis-canary-[0-9a-f]{20}",', "", text) == snapshot


def test_the_verbs_move_a_comparison_or_say_why_not(api, db):
    comparison = make_comparison(state="rendering")
    refusal = api("api-open", comparison, {})
    assert refusal.status_code == 409
    assert "clips are missing" in problem(refusal)["detail"]
    comparison.clips().update(state="ready")
    assert api("api-open", comparison, {}).json()["state"] == "open"
    assert api("api-pause", comparison, {}).json()["state"] == "paused"
    assert api("api-close", comparison, {}).json()["state"] == "closed"
    assert api("api-close", comparison, {}).status_code == 409


def test_a_body_that_makes_no_sense_is_named(api, comparison):
    assert "leave_out_missing" in problem(api("api-open", comparison, {"leave_out_missing": "perhaps"}))["errors"]


@pytest.mark.parametrize("body", ["[" * 100_000, '{"settings": ' * 101 + "1" + "}" * 101, " " * (5 * 2**20)])
@pytest.mark.parametrize("name", ["api-comparisons", "api-contenders"])
def test_a_body_too_deep_or_too_long_is_refused_and_breaks_nothing(api, client, name, body):
    refused = problem(client.post(reverse(name), body, content_type="application/json"))
    assert refused["status"] == 400
    assert "not read" in refused["detail"]


def test_errors_are_problem_documents(api, client, comparison):
    assert problem(client.get("/api/v2/"))["status"] == 404
    unknown = reverse("api-comparison", args=["00000000-0000-4000-8000-000000000000"])
    assert problem(client.get(unknown))["status"] == 404
    refused = problem(api("api-comparison", comparison, post={}))
    assert (refused["status"], refused["title"], refused["detail"]) == (
        405,
        "Method not allowed",
        'Method "POST" not allowed.',
    )
    broken = client.post(reverse("api-open", args=[comparison.code]), "{", content_type="application/json")
    assert problem(broken)["status"] == 400
    client.logout()
    refused = api("api-comparisons")
    assert problem(refused)["status"] == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")


def test_a_viewer_reads_no_votes_and_a_researcher_changes_nothing(api, client, rita, vera, comparison):
    client.force_login(vera)
    assert api("api-comparison", comparison).status_code == 200
    assert problem(api("api-votes", comparison))["status"] == 403
    client.force_login(rita)
    assert api("api-votes", comparison).status_code == 200
    assert problem(api("api-close", comparison, {}))["status"] == 403
    comparison.refresh_from_db()
    assert comparison.is_open
