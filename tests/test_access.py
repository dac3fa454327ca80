"""Every route grants each role what tests/access.py says, and no more. A route without a row fails the test."""

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from evalapp.assessing import addresses
from evalapp.assessing.controls import Golden
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.golden_orders import GoldenOrder
from evalapp.catalog.models import picture_path
from evalapp.catalog.pictures import Picture
from evalapp.comparisons.models import Comparison
from evalapp.comparisons.plans import Template
from evalapp.generation.files import write_files
from evalapp.generation.uploads import Upload
from evalapp.measuring.judges import TrainingRun
from evalapp.measuring.judging import start
from evalapp.measuring.models import MeasuringRun
from evalapp.people.members import invite
from evalapp.people.projects import Project, Role
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Delivery, Webhook
from evalapp.reporting.build import build
from evalapp.reporting.explore import explore
from evalapp.reporting.filters import Filters
from evalapp.reporting.league import build_league
from evalapp.reporting.trust import build_trust
from generators.video import read
from tests.access import ACCESS, MEMBERS, ON, ROLES, SIGN_IN, STARTS, WITHOUT_CODE
from tests.factories import (
    make_admin,
    make_comparison,
    make_invitation,
    make_member,
    make_organizer,
    make_participation,
    make_researcher,
    make_viewer,
    make_vote,
)

KEPT = """
    clip-sheet clip-media clip-poster clip-reference task-media prompt-image golden-copy golden-poster
""".split()  # noqa: SIM905
"""What a browser, and no proxy, may keep for a while: clips and images. All else stays in no cache."""


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


@pytest.fixture(scope="module")
def furnished(django_db_setup, django_db_blocker, tmp_path_factory):
    """One house for all tests: a comparison with an answer, a pair in its assessor's hands, files and a report."""
    media = tmp_path_factory.mktemp("media")
    with django_db_blocker.unblock(), override_settings(MEDIA_DIR=media), transaction.atomic():
        comparison = make_comparison(prompts=2, media=True)
        assessor, stranger = make_participation(comparison, "alice"), make_participation(make_comparison(), "bob")
        make_vote(assessor)
        things = {
            "media": media,
            "comparison": comparison,
            "project": comparison.project,
            "assessor": assessor,
            "stranger": stranger,
            "invitation": make_invitation(comparison),
            "task": next_assignment(assessor),
            "organizer": make_organizer(),
            "viewer": make_viewer(),
            "researcher": make_researcher(),
            "admin": make_admin(),
            "foreigner": make_member("fred", Role.ADMIN, Project.objects.create(name="elsewhere")),
            "invited": invite(comparison.project, Role.VIEWER, "", by="ada"),
        }
        things["token"], _ = ApiToken.objects.issue(things["organizer"], "a program", ["read"], 1)
        comparison.prompt_set.prompts.update(image="0" * 64)
        picture_path("0" * 64).parent.mkdir()
        picture_path("0" * 64).write_bytes(b"an image")
        clip = comparison.clips().first()
        copy = write_files(read(clip.master).frames, 10)
        known = {"prompt": clip.prompt, "first": clip, "damage": "blur", "answers": {"beauty": "first"}}
        things["golden"] = Golden.objects.create(
            comparison=comparison, folder=copy["folder"], facts=copy["facts"], **known
        )
        build(comparison)
        yield things
        transaction.set_rollback(True)


@pytest.fixture
def house(furnished, db, settings):
    """The house as that route needs it; what a test does to it is undone."""
    settings.MEDIA_DIR = furnished["media"]

    def furnish(name):
        comparison = furnished["comparison"]
        if state := STARTS.get(name):
            Comparison.objects.filter(pk=comparison.pk).update(state=state)
        comparison.refresh_from_db()
        if name.startswith(("judges-", "api-judges-")):
            build_trust(comparison.project if "everywhere" in name else comparison)
        if name == "api-league":
            build_league(comparison.project_id)
        if name == "api-exploration":
            explore(comparison, Filters.read(comparison, PEOPLE))
        return furnished

    return furnish


OF_PROJECTS = """
    project members member-invitations audit webhooks dashboard templates forecast league judges-everywhere
""".split()  # noqa: SIM905
OF_PROMPT_SETS = ("prompt-set", "prompt-sample", "own-clips", "prompts-alike", "prompt-set-looks", "clips")
OF_ASSESSORS = """
    assessor exclude-assessor lift-exclusion pause-assessor resume-assessor assessor-data erase-assessor exclude readmit
""".split()  # noqa: SIM905


PEOPLE = {"voters": ["people"]}


def address(name, house):
    comparison, task = house["comparison"].code, house["task"]
    if name in WITHOUT_CODE:
        return reverse(name)
    if name in ("remove-webhook", "resend-delivery", "api-webhook", "api-deliveries", "api-resend"):
        webhook, _ = Webhook.objects.get_or_create(url="https://example.org/", events=[], created_by="olga")
        delivery, _ = Delivery.objects.get_or_create(webhook=webhook, event="report.built", body="{}")
        return reverse(name, args=[delivery.code if "resend" in name else webhook.code])
    if name.startswith("openid_connect"):
        return reverse(name, args=["oidc"])
    if name in ("enter-project", *(f"api-{of}" for of in OF_PROJECTS)):
        return reverse(name, args=[house["comparison"].project.code])
    if name in ("set-role", "remove-member", "api-member"):
        return reverse(name, args=[house["viewer"].memberships.get().pk])
    if name in ("withdraw-member", "api-member-invitation"):
        return reverse(name, args=[house["invited"][0].code])
    if name == "join":
        return reverse(name, args=[house["invited"][1]])
    if name == "api-token":
        return reverse(name, args=[ApiToken.objects.issue(house["admin"], "ci", ["read"], 1, house["project"])[0].pk])
    if name == "revoke-token":
        return reverse(name, args=[house["token"].pk])
    if name == "api-upload":
        prompt = house["comparison"].prompt_set.prompts.first()
        upload = Upload.objects.get_or_create(contender="outside", prompt=prompt, size=1, created_by="olga")[0]
        return reverse(name, args=[upload.code])
    if name == "api-image":
        project = house["comparison"].project
        return reverse(name, args=[Picture.objects.get_or_create(project=project, size=1, created_by="olga")[0].code])
    if name in ("remove-template", "api-template"):
        return reverse(name, args=[Template.objects.keep(house["project"].pk, "nightly", {}, "olga").pk])
    if name == "api-exploration":
        return reverse(name, args=[comparison], query=PEOPLE)
    if name == "prompt-image":
        return reverse(name, args=[house["comparison"].prompt_set.pk, "0" * 64])
    if name.removeprefix("api-") in (
        "prompt-set",
        "prompt-sample",
        "own-clips",
        "prompts-alike",
        "prompt-set-looks",
        "clips",
    ):
        return reverse(name, args=[house["comparison"].prompt_set.pk])
    if name == "api-invitation":
        return reverse(name, args=[house["invitation"].code])
    if name in ("stop-judge", "api-judge-run"):
        return reverse(name, args=[start(house["comparison"], "signal", {}).code])
    if name in ("stop-measuring", "api-measuring-run"):
        return reverse(
            name, args=[MeasuringRun.objects.create(comparison=house["comparison"], metrics=["frozen"]).code]
        )
    if name in ("stop-training", "api-judge-training", "trained-judge"):
        state = "done" if name == "trained-judge" else "queued"
        run = TrainingRun(comparison=house["comparison"], comparisons=[str(comparison)], state=state)
        run.name = f"own-{run.code}"[:50]
        run.save()
        return reverse(name, args=[run.code])
    if name == "judge-version":
        run = house["comparison"].judge_runs.exclude(judge=None).first() or start(house["comparison"], "signal", {})
        return reverse(name, args=[comparison, run.judge_id])
    if name == "api-nothing":
        return "/api/elsewhere/"
    if name == "invitation":
        return reverse(name, args=[house["invitation"].token])
    if name == "withdraw-invitation":
        return reverse(name, args=[house["invitation"].code])
    if name == "answer":
        return reverse(name, args=[comparison, task.code])
    if name == "api-golden-order":
        return reverse(
            name, args=[comparison, GoldenOrder.objects.create(comparison=house["comparison"], per_aspect=1).pk]
        )
    if name in ("golden-copy", "golden-poster", "withdraw-golden", "api-golden"):
        return reverse(name, args=[comparison, house["golden"].pk])
    if name.removeprefix("api-") in OF_ASSESSORS:
        return reverse(name, args=[comparison, house["assessor"].assessor.code])
    if name in ("task", "skip-task"):
        return reverse(name, args=[task.code])
    if name == "task-media":
        return addresses.address(task.code, "left", 30)
    if name in ("try-contender", "recipe-file", "api-contender", "api-try-contender"):
        return reverse(name, args=[house["comparison"].contenders.first().pk, "json"][: 1 + (name == "recipe-file")])
    if name == "register-contender":
        return reverse(name, args=["shapes"])
    if name in ("contenders", "queues"):
        return reverse(name)
    if name in ("set-queue", "pause-queue", "resume-queue", "api-queue"):
        return reverse(name, args=["cpu"])
    if name == "rendering-verb":
        return reverse(name, args=[comparison, "hold"])
    if name in ("clip-media", "clip-poster", "clip-reference", "clip-sheet"):
        return reverse(name, args=[task.pair.first.folder])
    if name in ("report-file", "judges-file", "api-report-file"):
        return reverse(name, args=[comparison, "json"])
    if name == "judges-everywhere-file":
        return reverse(name, args=["csv"])
    if name in ("report-pairs", "api-pairs"):
        of = [contender.name for contender in house["comparison"].contenders.order_by("entry__position")]
        query = {"first": of[0], "second": of[1], "aspect": house["comparison"].aspects.first().key}
        return reverse(name, args=[comparison], query=query)
    return reverse(name, args=[comparison])


def browser(role, house):
    client = Client()
    if role in (*MEMBERS, "foreigner"):
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
    fields = (
        {"seats": "1", "reason": "undecided", "role": "1"} if method == "post" and not name.startswith("api-") else {}
    )
    form = {"content_type": "application/json"} if name.startswith("api-") and method == "post" else {}
    found = {}
    for role in ROLES:
        with transaction.atomic():
            response = getattr(browser(role, things), method)(target, fields, **form)
            found[role] = outcome(response)
            kept = name in KEPT and response.status_code == 200
            assert ("private, max-age" if kept else "no-store") in response["Cache-Control"], role
            transaction.set_rollback(True)
    assert found == dict(zip(ROLES, expected, strict=True))


@pytest.mark.parametrize("name", [name for name, (method, _) in ACCESS.items() if method == "post"])
def test_a_get_changes_nothing(name, house):
    things = house(name)
    before = things["comparison"].state
    response = browser("admin", things).get(address(name, things))
    assert response.status_code in (302, 404, 405)
    things["comparison"].refresh_from_db()
    assert things["comparison"].state == before


@pytest.mark.parametrize("name", [name for name, (method, _) in ACCESS.items() if method == "post"])
def test_a_post_without_the_token_is_refused(name, house):
    things = house(name)
    client = Client(enforce_csrf_checks=True)
    client.force_login(things["admin"])
    assert client.post(address(name, things), {}).status_code == 403


@pytest.mark.parametrize("name", [name for name, (method, _) in ACCESS.items() if method == "delete"])
def test_a_delete_without_the_token_is_refused(name, house):
    things = house(name)
    client = Client(enforce_csrf_checks=True)
    client.force_login(things["admin"])
    assert client.delete(address(name, things)).status_code == 403
