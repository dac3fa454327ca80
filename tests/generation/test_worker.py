"""Real worker processes, killed at the worst moment: nothing is lost and nothing is done wrong."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg
import pytest

from tests.services import postgres_url, redis_url

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PLAN = """
from evalapp.catalog.models import *
from evalapp.comparisons.launch import create, launch
from generators.recipe import identity
checkpoint = Checkpoint.objects.create(name="shapes")
contenders = [
    Contender.objects.register(
        f"contender {n}", checkpoint, "shapes", settings, identity("shapes", settings)
    )
    for n, settings in enumerate(({"frames": 48, "width": 640, "height": 384}, {"frames": 48, "boil": 0.5}))
]
prompts = [PromptText(f"p{n}", "a red ball bounces on grass") for n in range(6)]
launch(create("killed", PromptSet.objects.freeze("set", prompts), contenders))
"""
CLIPS = """
import json
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
print(json.dumps([
    {"state": clip.state, "attempt": clip.attempt, "reason": clip.reason, "whole": clip.state == "ready"
     and sha256_of(clip.master) == clip.sha256 and sha256_of(clip.rendition) == clip.rendition_sha256}
    for clip in Clip.objects.all()
]))
"""


class House:
    """A house of its own: database, broker and media in a temporary folder."""

    def __init__(self, folder: Path, **engines: str) -> None:
        self.environment = os.environ | {"VAR_DIR": str(folder), "RENDER_LEASE_SECONDS": "2"} | engines
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)
        self.log = (folder / "worker.log").open("wb")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.run("migrate", "-v0")

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def clips(self) -> list[dict]:
        return json.loads(self.run("shell", "-v0", "-c", CLIPS))

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "evalapp", "worker", "-P", "threads", "-c", "2", "-B"]
        command += ["-Q", "default,cpu", "-l", "warning"]
        worker = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        self.log.close()


def until(what, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.fixture(params=["embedded", "grown"])
def house(request, tmp_path):
    engines = {"DATABASE_URL": "", "BROKER_URL": ""}
    if request.param == "grown":
        if not (postgres_url() and redis_url()):
            pytest.skip("PostgreSQL or Redis is not running: `make test` starts them")
        name = f"worker_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        engines = {"DATABASE_URL": postgres_url().rsplit("/", 1)[0] + f"/{name}", "BROKER_URL": redis_url()}
    house = House(tmp_path, **{key: value for key, value in engines.items() if value})
    for key, value in engines.items():
        if not value:
            house.environment.pop(key, None)
    yield house
    house.end()


def test_a_worker_killed_in_the_middle_of_a_clip_costs_nothing(house):
    house.run("shell", "-v0", "-c", PLAN)
    first = house.start_worker()
    until(lambda: any(clip["state"] == "rendering" for clip in house.clips()))
    os.killpg(first.pid, signal.SIGKILL)
    interrupted = [clip for clip in house.clips() if clip["state"] == "rendering"]
    assert interrupted, "the worker was to be killed while it rendered"
    house.start_worker()
    clips = until(lambda: all(clip["state"] == "ready" for clip in house.clips()) and house.clips())
    assert len(clips) == 12
    assert all(clip["whole"] for clip in clips)
    assert max(clip["attempt"] for clip in clips) == 2
