"""The house as it was laid out: what the web process loads, how files are cut."""

import re
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
        "import evalapp.wsgi, evalapp.urls, metrics.preference.planning as planning\n"
        "planning.precision(planning.assumed(), 20, 3, 10)\n"
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


def test_no_merge_was_left_half_done():
    """Templates and catalogues are no code: the marks would stand on a page."""
    catalogues = (ROOT / "frontend/locale").rglob("*.po")
    marks = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)
    texts = [*files(), *catalogues, *DOCUMENTS]
    assert len(texts) > 700
    assert [str(path.relative_to(ROOT)) for path in texts if marks.search(path.read_text())] == []


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_make_targets_in_a_document_lead_somewhere(path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_commands_named_in_the_readme_exist():
    table = re.findall(r"^\| (`.*?`) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`([a-z_]+)", row)}
    here = {path.stem for path in (ROOT / "evalapp/management/commands").glob("[a-z]*.py")}
    assert named
    assert named <= here


def pins(name):
    """package → version; a package listed with extras goes by its plain name."""
    lines = [line.strip() for line in (ROOT / "requirements" / name).read_text().splitlines()]
    pinned = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert all(re.fullmatch(r"[a-z0-9._\[\]-]+==[0-9][0-9a-z.]*", line) for line in pinned), pinned
    return {re.sub(r"\[.*\]", "", package): version for package, version in (line.split("==") for line in pinned)}


@pytest.mark.parametrize("name", ["base", "dev"])
def test_what_is_asked_for_is_what_is_pinned(name):
    asked, pinned = pins(f"{name}.in"), pins(f"{name}.txt")
    assert list(pinned) == sorted(pinned)
    for package, version in asked.items():
        assert pinned[package].removesuffix(".0") == version.removesuffix(".0")


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
    tables = ("ballot", "vote", "look", "controlanswer")
    kept = {f"{table}_insert_only{act}" for table in tables for act in ("", "_delete")}
    assert kept <= found
