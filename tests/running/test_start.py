"""What the house refuses to start with."""

import os
import subprocess
import sys

import pytest

START = [sys.executable, "-c", "import evalapp.settings"]
PUBLIC = {"SITE_URL": "https://example.org", "ALLOWED_HOSTS": "example.org"}


def started(tmp_path, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ("DEBUG", "SECRET_KEY")}
    return subprocess.run(START, env=clean | {"VAR_DIR": str(tmp_path)} | environment, capture_output=True, text=True)


def test_a_sound_configuration_starts(tmp_path):
    assert started(tmp_path, **PUBLIC).returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DEBUG": "True"}, "DEBUG=True shows settings"),
        ({"ALLOWED_HOSTS": "*"}, "list the names of this site"),
        ({"SECRET_KEY": "short"}, "shorter than 40 characters"),
    ],
)
def test_an_insecure_one_on_the_internet_does_not(tmp_path, change, said):
    refused = started(tmp_path, **PUBLIC | change)
    assert refused.returncode != 0
    assert said in refused.stderr
