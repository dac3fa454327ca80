"""The administration: every table is there, quick and searchable; votes and reports are only looked at."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from evalapp.admin.names import NAMES
from evalapp.admin.tables import MOST, Big, UpToMany
from evalapp.assessing.controls import Control, ControlAnswer, Golden
from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.golden_orders import GoldenOrder
from evalapp.assessing.looks import Look
from evalapp.assessing.panels import PanelSeat
from evalapp.assessing.quality import watch
from evalapp.catalog.pictures import Picture
from evalapp.comparisons.plans import Template
from evalapp.generation.models import Queue, Window
from evalapp.generation.uploads import Upload
from evalapp.generation.workers import tell
from evalapp.measuring.judges import JudgeRun, JudgeVersion, TrainingRun, Verdict
from evalapp.measuring.models import Features, Measurement, MeasuringRun, SetMeasurement
from evalapp.people import audit
from evalapp.people.answers import StoredAnswer
from evalapp.people.budgets import Budget
from evalapp.people.members import invite
from evalapp.people.projects import Project, Role
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Delivery, Webhook
from evalapp.reporting.models import Report
from evalapp.reporting.promises import Verification
from tests.factories import make_comparison, make_invitation, make_organizer, make_participation, make_vote

MODELS = list(apps.get_app_config("evalapp").get_models())
ONLY_READ = (
    "ballot",
    "vote",
    "report",
    "measurement",
    "pair",
    "assignment",
    "recipe",
    "clip",
    "apitoken",
    "storedanswer",
    "exclusion",
    "standing",
    "look",
    "auditentry",
    "audithead",
    "webhook",
    "delivery",
    "features",
    "setmeasurement",
    "panelseat",
    "golden",
    "goldenorder",
    "control",
    "controlanswer",
    "spending",
    "verification",
)


@pytest.fixture
def root(client, db):
    client.force_login(User.objects.create_superuser("root", password="a long enough password"))
    return client


@pytest.fixture
def everything(db):
    """One or more rows in every table."""
    comparison = make_comparison()
    make_invitation(comparison)
    for name in ("alice", "bob"):
        make_vote(make_participation(comparison, name=name))
    Exclusion.objects.exclude_assessor(comparison.participations.first(), "always left", by="olga")
    watch(comparison)
    audit.record("tried", "everything")
    webhook = Webhook.objects.create(url="https://example.org/", created_by="olga")
    Delivery.objects.create(webhook=webhook, event="report.built", body="{}")
    queue, now = Queue.objects.create(hardware="gpu"), timezone.now()
    Window.objects.create(queue=queue, starts_at=now, ends_at=now + timedelta(hours=1))
    tell(["cpu"])
    first, second = comparison.contenders.all()
    aspect, counts = comparison.aspects.first(), {"votes": 20, "prompts": 20, "assessors": 5}
    numbers = {"boundary": 4.5, "level": 0.95, "win_rate": 0.5, "final": False}
    Look.objects.create(comparison=comparison, first=first, second=second, aspect=aspect, number=1, **counts, **numbers)
    someone = comparison.participations.first()
    PanelSeat.objects.create(comparison=comparison, participation=someone, participant="5f")
    clips, prompt = comparison.clips(), comparison.prompt_set.prompts.first()
    golden = Golden.objects.create(
        comparison=comparison, prompt=prompt, first=clips[0], second=clips[1], answers={aspect.key: "first"}
    )
    GoldenOrder.objects.create(comparison=comparison, per_aspect=4, asked_by="olga")
    control = Control.objects.create(
        participation=someone, kind="golden", golden=golden, swapped=False, lease_until=timezone.now()
    )
    ControlAnswer.objects.create(control=control, version=1, key="k", fingerprint="0" * 64, choices={})
    Verification.objects.create(night=now.date(), broken=1, sentences=["a pair"])
    Report.objects.create(comparison=comparison, inputs="0" * 64, snapshot="{}")
    organizer = make_organizer()
    invite(Project.objects.get(), Role.VIEWER, "vera", by="olga")
    ApiToken.objects.issue(organizer, "a program", ["read"], 1)
    Budget("someone", limit=1, seconds=60).spend()
    StoredAnswer.objects.create(user=organizer, key="k", request="0" * 64, status=201, body={})
    Template.objects.create(name="usual", created_by="olga")
    Upload.objects.create(contender="outside", prompt=prompt, sha256="0" * 64, size=1, created_by="olga")
    Picture.objects.create(sha256="0" * 64, size=1, created_by="olga")
    judge = JudgeVersion.objects.create(name="signal", version="1", version_hash="0", fingerprint="0", declared={})
    JudgeRun.objects.create(comparison=comparison, name="signal", judge=judge, queue="cpu")
    MeasuringRun.objects.create(comparison=comparison, metrics=["frozen"])
    TrainingRun.objects.create(comparison=comparison, name="own", comparisons=[str(comparison.code)])
    Verdict.objects.create(judge=judge, sha256="0" * 64, status="error", reason="unread")
    Measurement.objects.create(sha256="0" * 64, metric="frozen", version="1", value=0)
    Features.objects.create(sha256="0" * 64, extractor="builtin", reason="too small")
    contender = comparison.entries.first().contender
    SetMeasurement.objects.create(comparison=comparison, contender=contender, metric="fvd", inputs="0", result={})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_table_lists_searches_and_shows_a_row_in_few_queries(
    root, everything, model, django_assert_max_num_queries
):
    name = model._meta.model_name
    table = admin.site.get_model_admin(model)
    assert table.get_search_fields(None)
    assert not table.show_full_result_count
    root.get(reverse("account"))  # that somebody is there is written down once a minute
    with django_assert_max_num_queries(7):
        assert root.get(reverse(f"admin:evalapp_{name}_changelist")).status_code == 200
    assert root.get(reverse(f"admin:evalapp_{name}_changelist"), {"q": "a"}).status_code == 200
    assert root.get(reverse(f"admin:evalapp_{name}_change", args=[model.objects.first().pk])).status_code == 200


BIG = [model for model in MODELS if isinstance(admin.site.get_model_admin(model), Big)]


@pytest.mark.parametrize("model", BIG, ids=lambda model: model.__name__)
def test_a_table_of_millions_of_rows_is_never_read_sorted_or_counted_whole(root, everything, model):
    """Measured with 100,000 rows (docs/reliability.md): here the plan of each statement is looked at."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads tables of this size whole")
    table, address = model._meta.db_table, reverse(f"admin:evalapp_{model._meta.model_name}_changelist")
    for asked in ({}, {"q": "nonsense"}, {"p": 2}, {"o": "3"}):
        with CaptureQueriesContext(connection) as statements:
            root.get(address, asked)
        mine = [each["sql"] for each in statements if f'FROM "{table}"' in each["sql"]]
        assert mine or "q" in asked, "nothing was asked"  # what cannot be found is not sought
        for statement in mine:
            plan = [row[-1] for row in connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()]
            assert "DISTINCT" not in statement
            if "q" not in asked:
                assert not [line for line in plan if "TEMP B-TREE FOR ORDER" in line], (asked, statement, plan)
            if "COUNT(" in statement:
                assert f"LIMIT {MOST}" in statement
            elif "q" in asked:
                assert not [line for line in plan if line.startswith(f"SCAN {table}")], (asked, statement, plan)


def test_a_big_table_says_what_it_is_searched_by(root, everything):
    page = root.get(reverse("admin:evalapp_vote_changelist")).content.decode()
    assert "equal to: pk, ballot key, ballot assignment code" in page
    page = root.get(reverse("admin:evalapp_assignment_changelist"), headers={"accept-language": "ru"}).content.decode()
    assert "целиком: pk, code, participation assessor code; слова в: participation assessor name" in page


@pytest.mark.parametrize("model", BIG, ids=lambda model: model.__name__)
def test_a_big_table_offers_no_filter_that_no_index_serves(model):
    """A value that hardly any row has is sought in all of them otherwise."""
    begins = {
        index.fields[0].lstrip("-") if index.fields else getattr(index.expressions[0], "name", "")
        for index in model._meta.indexes
    }
    assert set(admin.site.get_model_admin(model).list_filter) <= begins


@pytest.mark.parametrize("name", ONLY_READ)
def test_what_is_only_read_cannot_be_added_changed_or_deleted(root, everything, name):
    row = apps.get_model("evalapp", name).objects.first()
    assert root.post(reverse(f"admin:evalapp_{name}_add")).status_code == 403
    assert root.post(reverse(f"admin:evalapp_{name}_change", args=[row.pk])).status_code == 403
    assert root.post(reverse(f"admin:evalapp_{name}_delete", args=[row.pk])).status_code == 403


def test_a_launched_comparison_is_not_deleted_and_its_plan_not_changed(root, everything):
    comparison = apps.get_model("evalapp", "comparison").objects.get()
    assert root.post(reverse("admin:evalapp_comparison_delete", args=[comparison.pk])).status_code == 403
    fields = {"name": "renamed", "instructions": "", "lease_minutes": "30", "overlap": "9", "state": "draft"}
    answer = root.post(reverse("admin:evalapp_comparison_change", args=[comparison.pk]), fields)
    assert answer.status_code == 302, answer.context["errors"]
    comparison.refresh_from_db()
    assert (comparison.name, comparison.overlap, comparison.state) == ("renamed", 2, "open")


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True, "is_active": False}])
def test_none_but_superusers_come_in_whatever_permissions_they_hold(client, olga, rights):
    User.objects.filter(pk=olga.pk).update(**rights)
    olga.user_permissions.add(*Permission.objects.all())
    client.force_login(olga)
    before = list(User.objects.values())
    for address in (reverse("admin:index"), reverse("admin:auth_user_change", args=[olga.pk])):
        for ask in (client.get, client.post):
            refused = ask(address, {"is_superuser": "on", "user_permissions": ["1"], "username": "root"})
            assert refused.status_code == 302
            assert refused.url.startswith(reverse("sign-in")) or "/admin/login/" in refused.url
    for before_one, after in zip(before, User.objects.values(), strict=True):
        assert before_one | {"last_login": None} == after | {"last_login": None}


def test_no_table_shows_secrets_of_the_second_step_or_of_the_openid_provider():
    """django-allauth's own tables would."""
    assert not [model for model in admin.site._registry if model._meta.app_label in ("account", "mfa", "socialaccount")]


def test_every_table_has_names_of_its_own_in_both_languages(root, db):
    tables = {str(model._meta.model_name): model._meta for model in MODELS}
    assert set(NAMES) == set(tables)
    for language, letters in (("en", "[а-я]"), ("ru", "[a-z]")):
        with translation.override(language):
            told = [str(name) for meta in tables.values() for name in (meta.verbose_name, meta.verbose_name_plural)]
            assert [name for name in told if re.search(letters, name)] == []
            many = [str(meta.verbose_name_plural) for meta in tables.values()]
            assert len(set(many)) == len(many)
    page = root.get(reverse("admin:index"), headers={"accept-language": "ru"}).content.decode()
    assert "Управление Visavis" in page
    assert "Наборы промптов" in page
    assert "ntrys" not in root.get(reverse("admin:index")).content.decode()


def test_a_count_that_stops_early_says_so(root, everything, monkeypatch):
    address, said = reverse("admin:evalapp_vote_changelist"), "The count stops at"
    assert said not in root.get(address).content.decode()
    monkeypatch.setattr(UpToMany, "most", 3)
    assert f"{said} 3: what lies behind is found by searching." in root.get(address).content.decode()
