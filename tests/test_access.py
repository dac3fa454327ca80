"""Who may do what: every route of the site map × every role. A route without a row fails the test."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from evalapp.assessing.dispatch import next_assignment
from evalapp.comparisons.models import Comparison
from evalapp.generation.uploads import Upload
from evalapp.measuring.judging import start
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Delivery, Webhook
from evalapp.reporting.build import build
from evalapp.reporting.trust import build_trust
from tests.factories import (
    make_comparison,
    make_invitation,
    make_organizer,
    make_participation,
    make_researcher,
    make_vote,
)

ROLES = ("anonymous", "assessor", "stranger", "researcher", "organizer")  # stranger: an assessor of other comparisons
SIGN_IN = "to sign in"
THERE = "200"
NOT_THERE = "404"
FORBIDDEN = "403"
UNKNOWN = "401"  # of the API, which tells programs how to sign in
ON = "moved on"  # done, and sent to another page than signing in

# name: (method, outcome for each role); more than one outcome where it depends on the state of things, not on the role
ORGANIZERS = (SIGN_IN, SIGN_IN, SIGN_IN, FORBIDDEN, THERE)
ORGANIZERS_DO = (SIGN_IN, SIGN_IN, SIGN_IN, FORBIDDEN, ON)
SIGNED_IN = (SIGN_IN, SIGN_IN, SIGN_IN, THERE, THERE)
EVERYONE = (THERE,) * 5
ASSESSORS_OWN = (NOT_THERE, THERE, NOT_THERE, NOT_THERE, NOT_THERE)
API_SIGNED_IN = (UNKNOWN, UNKNOWN, UNKNOWN, THERE, THERE)
API_ORGANIZERS = (UNKNOWN, UNKNOWN, UNKNOWN, FORBIDDEN, THERE)
ACCESS = {
    "home": ("get", (ON,) * 5),
    "set_language": ("post", (ON,) * 5),
    "sign-in": ("get", EVERYONE),
    "sign-out": ("post", (SIGN_IN,) * 5),
    "comparisons": ("get", SIGNED_IN),
    "comparison": ("get", ORGANIZERS),
    "new-comparison": ("get", ORGANIZERS),
    "open": ("post", ORGANIZERS_DO),
    "pause": ("post", ORGANIZERS_DO),
    "close": ("post", ORGANIZERS_DO),
    "retry": ("post", ORGANIZERS_DO),
    "rendering": ("get", ORGANIZERS),
    "sheets": ("get", ORGANIZERS),
    "rendering-verb": ("post", ORGANIZERS_DO),
    "clip-sheet": ("get", ORGANIZERS),
    "prompt-sets": ("get", ORGANIZERS),
    "prompt-set": ("get", ORGANIZERS),
    "invite": ("post", ORGANIZERS_DO),
    "withdraw-invitation": ("post", ORGANIZERS_DO),
    "assessor": ("get", ORGANIZERS),
    "preview": ("get", ORGANIZERS),
    "assessors": ("get", ORGANIZERS),
    "answer": ("get", ORGANIZERS),
    "assessor-data": ("get", ORGANIZERS),
    "erase-assessor": ("post", ORGANIZERS_DO),
    "set-rules": ("post", ORGANIZERS_DO),
    "pause-assessor": ("post", ORGANIZERS_DO),
    "exclude-assessor": ("post", ORGANIZERS_DO),
    "lift-exclusion": ("post", ORGANIZERS_DO),
    "invitation": ("get", EVERYONE),
    "assess": ("get", ASSESSORS_OWN),
    "screen-check": ("get", ASSESSORS_OWN),
    "training": ("get", (NOT_THERE, ON, NOT_THERE, NOT_THERE, NOT_THERE)),
    "stop": ("post", (NOT_THERE, THERE, NOT_THERE, NOT_THERE, NOT_THERE)),
    "withdraw": ("get", ASSESSORS_OWN),
    "next-task": ("get", ASSESSORS_OWN),
    "task": ("get", ASSESSORS_OWN),
    "skip-task": ("post", (NOT_THERE, ON, NOT_THERE, NOT_THERE, NOT_THERE)),
    "task-media": ("get", ASSESSORS_OWN),
    "task-poster": ("get", ASSESSORS_OWN),
    "task-reference": ("get", (NOT_THERE,) * 5),  # where the prompt has no image
    "judging": ("get", ORGANIZERS),
    "stop-judge": ("post", ORGANIZERS_DO),
    "report": ("get", SIGNED_IN),
    "report-freshness": ("get", SIGNED_IN),
    "report-explore": ("get", SIGNED_IN),
    "league": ("get", SIGNED_IN),
    "judges-against-people": ("get", SIGNED_IN),
    "judges-file": ("get", SIGNED_IN),
    "judges-everywhere": ("get", SIGNED_IN),
    "judges-everywhere-file": ("get", SIGNED_IN),
    "report-file": ("get", SIGNED_IN),
    "report-pairs": ("get", SIGNED_IN),
    "clip-media": ("get", SIGNED_IN),
    "clip-poster": ("get", SIGNED_IN),
    "audit": ("get", ORGANIZERS),
    "webhooks": ("get", ORGANIZERS),
    "remove-webhook": ("post", ORGANIZERS_DO),
    "resend-delivery": ("post", ORGANIZERS_DO),
    "tokens": ("get", SIGNED_IN),
    "revoke-token": ("post", (SIGN_IN, SIGN_IN, SIGN_IN, NOT_THERE, ON)),  # the organizer's own
    "healthz": ("get", EVERYONE),
    "readyz": ("get", EVERYONE),
    "metrics": ("get", (NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, THERE)),
    "api-docs": ("get", SIGNED_IN),
    "api-schema": ("get", API_SIGNED_IN),
    "api-me": ("get", API_SIGNED_IN),
    "api-prompt-sets": ("get", API_SIGNED_IN),
    "api-prompt-set": ("get", API_SIGNED_IN),
    "api-clips": ("put", (UNKNOWN, UNKNOWN, UNKNOWN, FORBIDDEN, "400")),  # of no contender
    "api-upload": ("get", (UNKNOWN, UNKNOWN, UNKNOWN, FORBIDDEN, THERE)),
    "api-contenders": ("get", API_SIGNED_IN),
    "api-invitations": ("get", API_ORGANIZERS),
    "api-invitation": ("delete", (UNKNOWN, UNKNOWN, UNKNOWN, FORBIDDEN, "204")),
    "api-launch": ("post", (UNKNOWN, UNKNOWN, UNKNOWN, FORBIDDEN, "409")),  # it is launched already
    "api-retry": ("post", API_ORGANIZERS),
    "api-cancel-rendering": ("post", API_ORGANIZERS),
    "api-hold-rendering": ("post", API_ORGANIZERS),
    "api-release-rendering": ("post", API_ORGANIZERS),
    "api-comparisons": ("get", API_SIGNED_IN),
    "api-comparison": ("get", API_SIGNED_IN),
    "api-report": ("get", API_SIGNED_IN),
    "api-judges-against-people": ("get", API_SIGNED_IN),
    "api-votes": ("get", API_ORGANIZERS),
    "api-judges": ("get", API_ORGANIZERS),
    "api-judge-runs": ("get", API_ORGANIZERS),
    "api-judge-estimate": ("post", (UNKNOWN, UNKNOWN, UNKNOWN, FORBIDDEN, "400")),  # no judge is named
    "api-judge-run": ("delete", API_ORGANIZERS),
    "api-open": ("post", API_ORGANIZERS),
    "api-pause": ("post", API_ORGANIZERS),
    "api-close": ("post", API_ORGANIZERS),
    "api-nothing": ("get", (NOT_THERE,) * 5),
}
STARTS = {"open": "paused", "api-open": "paused", "api-retry": "rendering"}
WITHOUT_CODE = (
    *(
        "home",
        "set_language",
        "sign-in",
        "sign-out",
        "comparisons",
        "new-comparison",
        "league",
        "judges-everywhere",
        "prompt-sets",
        "tokens",
        "audit",
        "webhooks",
    ),
    *("healthz", "readyz", "metrics"),
    *("api-docs", "api-schema", "api-me", "api-prompt-sets", "api-contenders", "api-comparisons", "api-judges"),
)


def routes(patterns=None):
    """Names of all routes but the administration's, which guards itself; an unnamed route goes by its pattern."""
    for pattern in patterns or get_resolver().url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from routes(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and str(pattern.pattern) != "admin/login/":
            yield pattern.name or str(pattern.pattern)


def test_every_route_has_a_row():
    missing = set(routes()) - set(ACCESS)
    assert not missing, f"say in ACCESS who may use {', '.join(sorted(missing))}"


@pytest.fixture
def house(db):
    """A comparison with an answer, a pair in its assessor's hands and, where asked for, files and a report."""

    def furnish(name):
        comparison = make_comparison(prompts=2, media=any(part in name for part in ("media", "poster", "clip-sheet")))
        assessor, stranger = make_participation(comparison, "alice"), make_participation(make_comparison(), "bob")
        make_vote(assessor)
        invitation, task = make_invitation(comparison), next_assignment(assessor)
        if "report" in name:
            build(comparison)
        if name.startswith(("judges-", "api-judges-against")):
            build_trust(comparison if name.endswith(("people", "judges-file")) else None)
        if state := STARTS.get(name):
            Comparison.objects.filter(pk=comparison.pk).update(state=state)
            comparison.refresh_from_db()
        organizer = make_organizer()
        token, _ = ApiToken.objects.issue(organizer, "a program", ["read"], 1)
        return {
            "token": token,
            "comparison": comparison,
            "invitation": invitation,
            "task": task,
            "assessor": assessor,
            "stranger": stranger,
            "organizer": organizer,
            "researcher": make_researcher(),
        }

    return furnish


def address(name, house):
    comparison, task = house["comparison"].code, house["task"]
    if name in WITHOUT_CODE:
        return reverse(name)
    if name in ("remove-webhook", "resend-delivery"):
        webhook, _ = Webhook.objects.get_or_create(url="https://example.org/", events=[], created_by="olga")
        delivery, _ = Delivery.objects.get_or_create(webhook=webhook, event="report.built", body="{}")
        return reverse(name, args=[webhook.code if name == "remove-webhook" else delivery.code])
    if name == "revoke-token":
        return reverse(name, args=[house["token"].pk])
    if name == "api-upload":
        prompt = house["comparison"].prompt_set.prompts.first()
        upload = Upload.objects.get_or_create(contender="outside", prompt=prompt, size=1, created_by="olga")[0]
        return reverse(name, args=[upload.code])
    if name in ("prompt-set", "api-prompt-set", "api-clips"):
        return reverse(name, args=[house["comparison"].prompt_set.pk])
    if name == "api-invitation":
        return reverse(name, args=[house["invitation"].code])
    if name in ("stop-judge", "api-judge-run"):
        return reverse(name, args=[start(house["comparison"], "signal", {}).code])
    if name == "api-nothing":
        return "/api/elsewhere/"
    if name == "invitation":
        return reverse(name, args=[house["invitation"].token])
    if name == "withdraw-invitation":
        return reverse(name, args=[house["invitation"].code])
    if name == "answer":
        return reverse(name, args=[comparison, task.code])
    if name in ("assessor", "exclude-assessor", "lift-exclusion", "pause-assessor", "assessor-data", "erase-assessor"):
        return reverse(name, args=[comparison, house["assessor"].assessor.code])
    if name in ("task", "skip-task"):
        return reverse(name, args=[task.code])
    if name in ("task-media", "task-poster"):
        return reverse(name, args=[task.code, "left"])
    if name == "rendering-verb":
        return reverse(name, args=[comparison, "hold"])
    if name in ("clip-media", "clip-poster", "clip-sheet"):
        return reverse(name, args=[task.pair.first.folder])
    if name in ("report-file", "judges-file"):
        return reverse(name, args=[comparison, "json"])
    if name == "judges-everywhere-file":
        return reverse(name, args=["csv"])
    if name == "report-pairs":
        of = [contender.name for contender in house["comparison"].contenders.order_by("entry__position")]
        query = {"first": of[0], "second": of[1], "aspect": house["comparison"].aspects.first().key}
        return reverse(name, args=[comparison], query=query)
    return reverse(name, args=[comparison])


def browser(role, house):
    client = Client()
    if role in ("organizer", "researcher"):
        client.force_login(house[role])
    elif role != "anonymous":
        own = house[role]
        # Come in as an assessor does: by a link and the agreement to take part.
        link = make_invitation(own.comparison)
        link.participations.add(own)
        client.post(reverse("invitation", args=[link.token]))
        assert client.session.keys(), "the invitation did not start a session"
    return client


def outcome(response):
    if response.status_code in (302, 303):
        return SIGN_IN if response["Location"].startswith(reverse("sign-in")) else ON
    return str(response.status_code)


@pytest.mark.parametrize("name", ACCESS)
def test_each_role_gets_what_it_may_and_nothing_else(name, house):
    things = house(name)
    target = address(name, things)
    method, expected = ACCESS[name]
    fields = {"seats": "1", "reason": "undecided"} if method == "post" and not name.startswith("api-") else {}
    form = {"content_type": "application/json"} if name.startswith("api-") and method == "post" else {}
    found = {}
    for role in ROLES:
        with transaction.atomic():
            found[role] = outcome(getattr(browser(role, things), method)(target, fields, **form))
            transaction.set_rollback(True)
    assert found == dict(zip(ROLES, expected, strict=True))


@pytest.mark.parametrize("name", [name for name, (method, _) in ACCESS.items() if method == "post"])
def test_a_get_changes_nothing(name, house):
    things = house(name)
    before = things["comparison"].state
    response = browser("organizer", things).get(address(name, things))
    assert response.status_code in (302, 404, 405)
    things["comparison"].refresh_from_db()
    assert things["comparison"].state == before


@pytest.mark.parametrize("name", [name for name, (method, _) in ACCESS.items() if method == "post"])
def test_a_post_without_the_token_is_refused(name, house):
    things = house(name)
    client = Client(enforce_csrf_checks=True)
    client.force_login(things["organizer"])
    assert client.post(address(name, things), {}).status_code == 403


@pytest.mark.parametrize("name", [name for name, (method, _) in ACCESS.items() if method == "delete"])
def test_a_delete_without_the_token_is_refused(name, house):
    things = house(name)
    client = Client(enforce_csrf_checks=True)
    client.force_login(things["organizer"])
    assert client.delete(address(name, things)).status_code == 403
