"""Alive, ready, measured."""

import socket
import sqlite3
from contextlib import closing

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.transaction import atomic
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import make_comparison, make_participation, make_vote


def values(response):
    told = text_string_to_metric_families(response.content.decode())
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in told
        for each in family.samples
    }


def test_alive_without_a_database(client):
    assert client.get("/healthz").content == b"ok"


def test_ready_with_its_database_and_not_without(client, db, monkeypatch):
    assert client.get("/readyz").json() == {"ready": True}
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: [(Migration("one", "evalapp"), False)])
    waiting = client.get("/readyz")
    assert (waiting.status_code, waiting.json()["why"]) == (503, "1 migrations are to be applied")

    def gone(*_):
        raise DatabaseError("no")

    monkeypatch.setattr(MigrationExecutor, "__init__", gone)
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", gone)
    client.cookies["sessionid"] = "of-somebody"
    silent = client.get("/readyz")
    assert (silent.status_code, silent.json()["why"]) == (503, "the database does not answer")
    assert client.get("/healthz").content == b"ok"


@pytest.mark.parametrize(("error", "status"), [(OperationalError("connection refused"), 503), (KeyError("x"), 500)])
def test_what_went_wrong_is_told_without_the_database(client, monkeypatch, error, status):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", broken)
    monkeypatch.setattr("evalapp.api.authentication.TokenAuthentication.authenticate", broken)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "of-somebody"
    page = client.get(reverse("comparisons"), headers={"Accept-Language": "ru"})
    assert (page.status_code, page.get("Retry-After")) == (status, "5" if status == 503 else None)
    assert "Здесь что-то пошло не так" in page.content.decode()
    assert page["X-Request-ID"][:8] in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    answer = client.get(reverse("api-me"))
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer["X-Request-ID"] in answer.json()["detail"]
    assert str(error) not in answer.content.decode() + page.content.decode()


def held_by_another(tmp_path):
    """Waits for what another connection holds, for no time at all."""
    if connection.vendor == "postgresql":
        other = connection.copy()
        try:
            with other.cursor() as cursor, atomic(), connection.cursor() as waiting:
                cursor.execute("BEGIN; LOCK TABLE evalapp_assessor")
                waiting.execute("LOCK TABLE evalapp_assessor NOWAIT")
        finally:
            other.close()
    file = tmp_path / "held.sqlite3"
    with closing(sqlite3.connect(file)) as holder, closing(sqlite3.connect(file, timeout=0)) as waiter:
        holder.execute("BEGIN EXCLUSIVE")
        with connection.wrap_database_errors:
            waiter.execute("BEGIN IMMEDIATE")


def asked(statement):
    def ask(_):
        with atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    return ask


@pytest.mark.parametrize(
    ("broken", "status", "title", "words"),
    [
        (asked("SELECT 1 FROM not_there"), 503, "older than this code: run `manage.py migrate`", "База данных старше"),
        (asked("SELECT not_there FROM evalapp_assessor"), 503, "`manage.py migrate`", "manage.py migrate"),
        (asked("INSERT INTO evalapp_assessor (not_there) VALUES (1)"), 503, "`manage.py migrate`", "manage.py migrate"),
        (held_by_another, 503, "The database is busy", "База данных занята"),
        (asked("SELECT FROM WHERE"), 500, "Server error", "Это не ваша вина"),
    ],
)
def test_a_database_that_answers_is_not_told_to_be_silent(
    client, db, monkeypatch, tmp_path, broken, status, title, words
):
    for place in (
        "django.contrib.sessions.backends.db.SessionStore.load",
        "evalapp.api.authentication.TokenAuthentication.authenticate",
    ):
        monkeypatch.setattr(place, lambda *_, **__: broken(tmp_path))
    client.raise_request_exception = False
    client.cookies["sessionid"] = "of-somebody"
    page, answer = client.get(reverse("comparisons"), headers={"Accept-Language": "ru"}), client.get(reverse("api-me"))
    assert (page.status_code, answer.status_code) == (status, status)
    assert title in answer.json()["title"]
    assert words in page.content.decode()
    assert "не отвечает" not in page.content.decode()


def test_not_ready_where_no_clip_can_be_read_and_ready_without_what_votes_can_do_without(
    client, db, settings, tmp_path
):
    (tmp_path / "file").write_text("")
    settings.MEDIA_DIR = tmp_path / "file"
    unread = client.get("/readyz")
    assert (unread.status_code, "the media folder cannot be read" in unread.json()["why"]) == (503, True)
    settings.MEDIA_DIR = tmp_path
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        assert client.get("/readyz").json() == {"ready": True}
    settings.MEDIA_ENDPOINT = "http://127.0.0.1:1"
    found = client.get("/readyz")
    assert (found.status_code, found.json()) == (200, {"ready": True, "without": ["the broker", "the bucket"]})


def test_metrics_tell_votes_queues_and_latency(client, admin_user):
    comparison = make_comparison()
    make_vote(make_participation(comparison, "alice"))
    make_comparison(state="rendering", prompts=4, names=("x", "y"))
    client.force_login(admin_user)
    client.get(reverse("comparisons"))
    told = values(client.get("/metrics"))
    assert told["visavis_votes",] == comparison.aspects.count()
    assert told["visavis_answers",] == 1
    assert told["visavis_clips", "queued"] == 8
    assert told["visavis_clips", "ready"] == 6
    assert told["visavis_queue_clips", "cpu", "queued"] == 8
    assert ("visavis_queue_clips", "cpu", "ready") not in told
    assert told["visavis_comparisons", "open"] == 1
    assert told["visavis_request_seconds_count", "GET", "comparisons", "200"] >= 1


def test_metrics_are_for_staff_and_the_token_alone(client, db, settings, rita):
    settings.METRICS_TOKEN = "a-token-for-prometheus"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheus"}).status_code == 200
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
