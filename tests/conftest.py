"""Fixtures: a media folder of the test's own, bells that are counted instead of rung, and the usual people."""

import os
import shutil
import uuid
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

# Slow machines are no reason to fail: speed is measured in benchmarks/.
hypothesis_settings.register_profile("house", hypothesis_settings(), deadline=None)
hypothesis_settings.load_profile("house")
ENGINES = ("embedded", "redis", "rabbitmq")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--postgres", action="store_true", help="run the database tests on PostgreSQL")


def pytest_collection_modifyitems(config, items):
    """On PostgreSQL only what asks for a database: the rest ran already."""
    if config.getoption("--postgres"):
        asked = {"db", "transactional_db", "live_server"}
        asks = [i for i in items if i.get_closest_marker("django_db") or asked & set(i.fixturenames)]
        config.hook.pytest_deselected(items=list(set(items) - set(asks)))
        items[:] = asks


def pytest_make_parametrize_id(val, argname):
    """Bytes (an archive holds the hour) would give a test another name in each worker: pytest-xdist refuses that."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Emptying tables after a test must pass the triggers that keep votes: SQLite's flush deletes rows."""
    from django.db import connection

    operations = type(connection.ops)
    plain = operations.sql_flush
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"

    def sql_flush(self, *args, **kwargs):
        with self.connection.cursor() as cursor:
            kept = cursor.execute(triggers).fetchall()
        dropped = [f"DROP TRIGGER {name}" for name, _ in kept]
        return [*dropped, *plain(self, *args, **kwargs), *(sql for _, sql in kept)]

    if connection.vendor == "sqlite":
        operations.sql_flush = sql_flush
    yield
    operations.sql_flush = plain


@pytest.fixture(autouse=True)
def media_of_its_own(settings, tmp_path):
    settings.MEDIA_DIR = tmp_path / "media"


@pytest.fixture(autouse=True)
def nothing_remembered(settings):
    """The guard against guessed passwords counts in a cache, which would lock the next test out; the language of the
    last page that was asked for stays active in its thread."""
    from django.core.cache import caches
    from django.utils import translation

    translation.deactivate()

    for name in settings.CACHES:
        caches[name].clear()


@pytest.fixture(autouse=True)
def in_english():
    """A page asked for in Russian leaves its language to the thread, which in a house takes that of its next page."""
    from django.utils import translation

    translation.activate("en")


@pytest.fixture(autouse=True)
def bells(monkeypatch):
    """Names of the tasks that were rung; nothing answers them."""
    from celery.app.task import Task

    rung: list[str] = []
    monkeypatch.setattr(Task, "apply_async", lambda self, *args, **kwargs: rung.append(self.name))
    return rung


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in ENGINES])
def engines(request):
    """The settings of a house on its own database and broker: on each of the three engines in turn."""
    if request.param == "embedded":
        yield {}
        return
    import psycopg

    from tests import services

    broker = services.redis_url() if request.param == "redis" else services.rabbitmq_url()
    if not (services.postgres_url() and broker):
        pytest.skip("PostgreSQL, or the broker, is not running: `make test` and `make grown` start them")
    if request.param == "redis":  # processes of xdist beside each other have one server
        process = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        broker = f"{broker.rpartition('/')[0]}/{process}"
    services.wipe(broker)
    name = f"house_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(services.postgres_url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": services.postgres_url().rpartition("/")[0] + f"/{name}", "BROKER_URL": broker}
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def house(engines, tmp_path):
    """A house with real worker processes, on each of the three engines in turn."""
    from tests.generation.house import House

    house = House(tmp_path, **engines)
    house.watch()
    yield house
    house.end()


@pytest.fixture
def comparison(db):
    from tests.factories import make_comparison

    return make_comparison()


@pytest.fixture
def alice(comparison):
    from tests.factories import make_participation

    return make_participation(comparison, name="alice")


@pytest.fixture
def bob(comparison):
    from tests.factories import make_participation

    return make_participation(comparison, name="bob")


@pytest.fixture
def olga(db):
    from tests.factories import make_organizer

    return make_organizer()


@pytest.fixture
def ada(db):
    from tests.factories import make_admin

    return make_admin()


@pytest.fixture
def vera(db):
    from tests.factories import make_viewer

    return make_viewer()


@pytest.fixture
def rita(db):
    from tests.factories import make_researcher

    return make_researcher()


@pytest.fixture(scope="session")
def shared_data():
    """Real prompts, clips and ratings, where they lie beside the project."""
    if not DATA.is_dir():
        pytest.skip("the folder of real data is absent")
    return DATA


@pytest.fixture(scope="session")
def chromium():
    """The system's own browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "Chromium is not installed (Debian: apt-get install chromium)"
        )
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()
