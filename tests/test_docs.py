"""What the documentation prints to be typed, typed: its commands run as they stand against a running server."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evalapp.assessing.simulate import simulate_votes
from evalapp.catalog.pictures import store_waiting as store_pictures
from evalapp.comparisons.models import Comparison
from evalapp.generation.uploads import store_waiting
from evalapp.people.tokens import ApiToken
from evalapp.reporting.build import build
from generators.video import write_rendition
from tests.factories import make_organizer

ROOT = Path(__file__).resolve().parents[1]
PAUSE = """#!/bin/sh
echo waits > "$PAUSES/asked"
read done < "$PAUSES/answered"
"""
"""In place of `sleep`: the command's wait is the worker's turn, so that nothing here hangs on time."""


def printed(page, heading):
    section = (ROOT / "docs" / page).read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", section, re.S))


def work():
    store_pictures()
    store_waiting()
    for comparison in Comparison.objects.filter(state="open"):
        if not comparison.participations.exists():
            simulate_votes(comparison, assessors=3)
        build(comparison)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.timeout(300)
def test_own_clips_become_a_report_by_the_curl_commands_of_the_page(live_server, tmp_path):
    _, secret = ApiToken.objects.issue(make_organizer(), "curl", ["organize", "read", "votes"], 1)
    for contender, shade in (("early", 60), ("late", 180)):
        (tmp_path / "clips" / contender).mkdir(parents=True)
        for n, prompt in enumerate(("cat", "dog")):
            frames = np.full((4, 32, 48, 3), shade + n, np.uint8)
            write_rendition(frames, 8, tmp_path / "clips" / contender / f"{prompt}.mp4")
    for pipe in ("asked", "answered"):
        os.mkfifo(tmp_path / pipe)
    (tmp_path / "sleep").write_text(PAUSE)
    (tmp_path / "sleep").chmod(0o755)
    known = {"VISAVIS_URL": live_server.url, "VISAVIS_TOKEN": secret, "PAUSES": str(tmp_path)}
    known |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "no_proxy": "*"}
    typed = printed("api.md", "Own clips to a report")
    with subprocess.Popen(
        ["bash", "-c", f"trap 'echo over > asked' EXIT\n{typed}"],
        cwd=tmp_path,
        env=known,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as shell:
        for _ in range(20):
            if (tmp_path / "asked").read_text() == "over\n":
                break
            work()
            (tmp_path / "answered").write_text("go on\n")
        else:
            shell.kill()
        said, complained = (each.decode() for each in shell.communicate())
    assert shell.returncode == 0, said + complained
    comparison = Comparison.objects.get()
    assert (comparison.name, comparison.state) == ("early against late", "closed")
    assert comparison.invitations.get().link in said
    assert '"verdicts"' in (tmp_path / "report.json").read_text()
    assert '"choice"' in (tmp_path / "votes.json").read_text()
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "report.parquet").read_bytes().startswith(b"PAR1")
