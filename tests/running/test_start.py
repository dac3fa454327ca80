"""What the house refuses to start with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
START = [sys.executable, "-c", "import evalapp.settings"]
PUBLIC = {"SITE_URL": "https://example.org", "ALLOWED_HOSTS": "example.org"}


def started(tmp_path, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ("DEBUG", "SECRET_KEY")}
    return subprocess.run(START, env=clean | {"VAR_DIR": str(tmp_path)} | environment, capture_output=True, text=True)


def test_a_sound_configuration_starts(tmp_path):
    assert started(tmp_path, **PUBLIC).returncode == 0
    assert started(tmp_path, **PUBLIC | {"SITE_URL": "http://10.0.0.5", "IN_THE_CLEAR": "True"}).returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DEBUG": "True"}, "DEBUG=True shows settings"),
        ({"ALLOWED_HOSTS": "*"}, "list the names of this site"),
        ({"SECRET_KEY": "short"}, "shorter than 40 characters"),
        ({"SECRET_KEY": "a" * 50}, "can be guessed"),
        ({"SECRET_KEY": "django-insecure-0123456789abcdefghijklmnopqrstuv"}, "can be guessed"),
        ({"SECRET_KEY_FALLBACKS": "short"}, "one of SECRET_KEY_FALLBACKS"),
        ({"SITE_URL": "http://example.org"}, "would travel in the clear"),
        ({"SITE_URL": "example.org"}, "begin it with https://"),
        ({"METRICS_TOKEN": "guess"}, "METRICS_TOKEN is shorter than 20"),
    ],
)
def test_an_insecure_one_on_the_internet_does_not(tmp_path, change, said):
    refused = started(tmp_path, **PUBLIC | change)
    assert refused.returncode != 0
    assert said in refused.stderr


def test_a_command_before_migrate_says_so_in_a_sentence(tmp_path):
    done = commanded(tmp_path, ["invite", "something"])
    assert done.returncode == 1
    assert re.fullmatch(r"\d+ migrations are to be applied: run `manage\.py migrate` first\n", done.stderr)
    assert "Traceback" in commanded(tmp_path, ["invite", "something", "--traceback"]).stderr


def test_a_command_without_its_database_says_so_in_a_sentence(tmp_path):
    done = commanded(tmp_path, ["verify"], DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/house.sqlite3")
    assert (done.returncode, done.stderr) == (1, "the database does not answer: see DATABASE_URL\n")


def test_whoever_has_read_enough_of_a_command_gets_no_traceback(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    here = os.environ | {"VAR_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, HOUSE / "manage.py", "help"]
    done = subprocess.run(command, env=here, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def commanded(tmp_path, command, **environment):
    here = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    here |= {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "evalapp.settings"} | environment
    return subprocess.run(
        [sys.executable, HOUSE / "manage.py", *command],
        env=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
