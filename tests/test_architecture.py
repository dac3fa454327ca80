"""The house as it was laid out: what the web process loads, how files are cut."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "diffusers", "transformers", "sklearn", "scipy", "pandas", "av")
ROOMS = ("evalapp", "generators", "metrics", "frontend", "tests", "benchmarks")
ENDINGS = (".py", ".js", ".css", ".html")
LONGEST = 400


def test_the_web_process_loads_nothing_heavy():
    program = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import evalapp.wsgi, evalapp.urls\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_generators_and_metrics_import_without_django():
    program = (
        "import sys, generators, generators.shapes, metrics, metrics.preference.winrate; print('django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def files():
    for room in ROOMS:
        yield from (
            path for path in (ROOT / room).rglob("*") if path.suffix in ENDINGS and "migrations" not in path.parts
        )


@pytest.mark.parametrize("path", sorted(files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_enough_to_be_read_at_once_and_named_for_what_it_holds(path):
    assert len(path.read_text().splitlines()) <= LONGEST
    assert path.name not in ("utils.py", "helpers.py", "common.py", "services.py") or path.parent.name == "tests"


def test_the_triggers_that_keep_votes_stand_in_the_database(db):
    from django.db import connection

    catalogue = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        found = {name for (name,) in cursor.fetchall()}
    kept = {f"{table}_insert_only{act}" for table in ("ballot", "vote") for act in ("", "_delete")}
    assert kept <= found
