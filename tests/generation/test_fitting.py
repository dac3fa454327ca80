"""A worker whose code is newer than the database renders nothing and says so; an older one goes on."""

import logging

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from evalapp.generation import fitting, tasks
from evalapp.generation.models import Clip
from evalapp.lasting import Lasting
from tests.factories import make_clip


@pytest.fixture
def migrations(transactional_db, monkeypatch):
    monkeypatch.setattr(fitting, "_fitting", set())
    monkeypatch.setattr(fitting, "_behind", Lasting())
    recorder = MigrationRecorder(connection)
    before = set(recorder.applied_migrations())
    yield recorder
    for name in set(recorder.applied_migrations()) - before:  # no transaction takes it back
        recorder.record_unapplied(*name)


def test_a_worker_newer_than_the_database_renders_nothing_until_it_is_migrated(migrations, caplog):
    make_clip("queued")
    newest = max(name for app, name in migrations.applied_migrations() if app == "evalapp")
    migrations.record_unapplied("evalapp", newest)
    with caplog.at_level(logging.ERROR):
        tasks.render_waiting("cpu")
        tasks.render_waiting("cpu")
    assert Clip.objects.get().state == "queued"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert f"newer than the database, which lacks evalapp.{newest}" in said[0]
    migrations.record_applied("evalapp", newest)
    tasks.render_waiting("cpu")
    tasks._mine.writer.wait()
    assert Clip.objects.get().state == "ready"


def test_a_worker_older_than_the_database_goes_on(migrations):
    make_clip("queued")
    migrations.record_applied("evalapp", "9999_of_a_later_version")
    assert fitting.lacking() == []
    tasks.render_waiting("cpu")
    tasks._mine.writer.wait()
    assert Clip.objects.get().state == "ready"
