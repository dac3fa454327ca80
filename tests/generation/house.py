"""A house of its own in a folder, with real worker processes, and the faults that befall them.

Triggers in its database write down every claim and every accepted result, whatever the workers believe.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.services import wipe

ROOT = Path(__file__).resolve().parents[2]
LEASE = 2

PLAN = """
from evalapp.catalog.models import *
from evalapp.comparisons.launch import create, launch
from generators.recipe import identity
checkpoint, _ = Checkpoint.objects.get_or_create(name="shapes")
contenders = list(Contender.objects.all()) or [
    Contender.objects.register(
        f"contender {n}", checkpoint, "shapes", settings, identity("shapes", settings)
    )
    for n, settings in enumerate(({"frames": 48, "width": 640, "height": 384}, {"frames": 48, "boil": 0.5}))
]
prompts = [PromptText(f"p{n}", "a red ball bounces on grass, NAME") for n in range(PROMPTS)]
launch(create("NAME", PromptSet.objects.freeze("NAME", prompts), contenders))
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
WATCH_SQLITE = """
CREATE TABLE event (clip INTEGER, kind TEXT, attempt INTEGER, at REAL, worker TEXT);
CREATE TRIGGER claimed AFTER UPDATE ON evalapp_clip WHEN NEW.state = 'rendering' AND NEW.attempt > OLD.attempt BEGIN
  INSERT INTO event VALUES (NEW.id, 'claimed', NEW.attempt, (julianday('now') - 2440587.5) * 86400, NEW.worker); END;
CREATE TRIGGER accepted AFTER UPDATE ON evalapp_clip WHEN NEW.state = 'ready' BEGIN
  INSERT INTO event VALUES (NEW.id, 'accepted', NEW.attempt, (julianday('now') - 2440587.5) * 86400, NEW.worker); END;
"""
WATCH_POSTGRES = """
CREATE TABLE event (clip bigint, kind text, attempt int, at float8, worker text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.state = 'rendering' AND NEW.attempt > OLD.attempt THEN
    INSERT INTO event VALUES (NEW.id, 'claimed', NEW.attempt, extract(epoch FROM clock_timestamp()), NEW.worker);
  ELSIF NEW.state = 'ready' THEN
    INSERT INTO event VALUES (NEW.id, 'accepted', NEW.attempt, extract(epoch FROM clock_timestamp()), NEW.worker);
  END IF; RETURN NULL; END $$;
CREATE TRIGGER tell AFTER UPDATE ON evalapp_clip FOR EACH ROW EXECUTE FUNCTION tell();
"""
UNFENCED = """
from evalapp.generation.models import Clip
Clip._while_mine = lambda clip: Clip.objects.filter(pk=clip.pk)
"""
"""A worker whose results are taken whatever became of its lease: what the fence is there to stop."""
ENDLESS = "from django.conf import settings; settings.RENDER_LEASE_SECONDS = 10**6"
"""A worker whose leases never run out: nobody takes over what it leaves behind."""
DEAF = "from django.conf import settings; settings.RENDER_LOOK_SECONDS = 0"
"""A worker that waits for bells and never looks by itself."""
UP = """
import os
from pathlib import Path
from django.conf import settings
from evalapp.generation.looking import Looking
looks = Looking.look
def look(self, worker):
    (settings.VAR_DIR / f"up-{os.getpid()}").touch(exist_ok=True)
    Looking.look = looks
    looks(self, worker)
Looking.look = look
"""
"""A worker that leaves a file when it first looks for work: from then on it is up."""


class House:
    """Database, broker and media in a temporary folder, or the engines given."""

    def __init__(self, folder: Path, **engines: str) -> None:
        self.folder = folder
        self.environment = os.environ | {"VAR_DIR": str(folder), "RENDER_LEASE_SECONDS": str(LEASE)}
        for name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "BROKER_URL"):
            self.environment.pop(name, None)
        self.environment |= {"RENDER_ATTEMPTS": "20"} | {key: value for key, value in engines.items() if value}
        self.log = (folder / "worker.log").open("wb")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.run("migrate", "-v0")

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def launch(self, prompts: int = 6, name: str = "killed") -> None:
        self.run("shell", "-v0", "-c", PLAN.replace("PROMPTS", str(prompts)).replace("NAME", name))

    def clips(self) -> list[dict]:
        return json.loads(self.run("shell", "-v0", "-c", CLIPS))

    def start_worker(self, before: str = "", beat: bool = True, threads: int = 2) -> subprocess.Popen[bytes]:
        """A worker; `before` is a program that it runs first."""
        program = f"import django; django.setup()\n{before}\nfrom evalapp.celery import app\n"
        options = [
            "worker",
            "-P",
            "threads",
            "-c",
            str(threads),
            *(["-B"] if beat else []),
            "-Q",
            "default,cpu",
            "-l",
            "warning",
        ]
        options += ["-n", f"worker{len(self.workers)}@here"]
        worker = subprocess.Popen(
            [sys.executable, "-c", f"{program}app.worker_main({options!r})"],
            cwd=ROOT,
            env=self.environment | {"DJANGO_SETTINGS_MODULE": "evalapp.settings"},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        self.log.close()

    # What happened, from the database itself

    def sql(self, statement: str) -> list[tuple]:
        if url := self.environment.get("DATABASE_URL"):
            with psycopg.connect(url, autocommit=True) as connection:
                found = connection.execute(statement)
                return found.fetchall() if found.description else []
        import sqlite3

        with sqlite3.connect(self.folder / "visavis.sqlite3", timeout=20) as connection:
            if "TRIGGER" in statement:
                connection.executescript(statement)
                return []
            return connection.execute(statement).fetchall()

    def watch(self) -> None:
        self.sql(WATCH_POSTGRES if self.environment.get("DATABASE_URL") else WATCH_SQLITE)

    def rendering(self) -> list[tuple]:
        """Clips now rendering, with their attempts."""
        return self.sql("SELECT id, attempt FROM evalapp_clip WHERE state = 'rendering'")

    def rendering_by(self, pid: int) -> list[tuple]:
        """A worker's clips, their attempts, and until when it holds them (Unix time, by the database's clock)."""
        ends = "extract(epoch FROM lease_until)::float8"
        if not self.environment.get("DATABASE_URL"):
            ends = "(julianday(lease_until) - 2440587.5) * 86400"
        of_worker = f"state = 'rendering' AND worker = '{self.named(pid)}'"
        return self.sql(f"SELECT id, attempt, {ends} FROM evalapp_clip WHERE {of_worker}")

    def named(self, pid: int) -> str:
        return f"{socket.gethostname()}:{pid}"

    def in_hand(self, pid: int) -> list[tuple[float, float]]:
        """From when until when a worker had each of its clips in hand, whatever became of it."""
        again = "e.clip = c.clip AND (e.kind = 'accepted' AND e.attempt = c.attempt OR e.attempt > c.attempt)"
        until = f"SELECT COALESCE(MIN(e.at), 1e12) FROM event e WHERE {again}"
        return self.sql(
            f"SELECT c.at, ({until}) FROM event c WHERE c.kind = 'claimed' AND c.worker = '{self.named(pid)}'"
        )

    def up_since(self, pid: int) -> float | None:
        """When a worker that was started with UP first looked for work."""
        told = self.folder / f"up-{pid}"
        return told.stat().st_mtime if told.exists() else None

    def unfinished(self) -> int:
        return self.sql("SELECT COUNT(*) FROM evalapp_clip WHERE state <> 'ready'")[0][0]

    def accepted_twice(self) -> int:
        statement = "SELECT clip FROM event WHERE kind = 'accepted' GROUP BY clip HAVING COUNT(*) > 1"
        return len(self.sql(statement))

    def restart_of(self, clip: int, attempt: int) -> float | None:
        """When the next attempt at a clip began, in seconds of Unix time."""
        statement = f"SELECT MIN(at) FROM event WHERE kind = 'claimed' AND clip = {clip} AND attempt > {attempt}"
        return self.sql(statement)[0][0]

    # Faults

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def freeze(self, worker: subprocess.Popen[bytes]) -> None:
        """The worker stands still; not while it writes, since whoever needs what it locked would wait for it."""
        while True:
            os.killpg(worker.pid, signal.SIGSTOP)
            time.sleep(0.05)
            if self._writable():
                return
            os.killpg(worker.pid, signal.SIGCONT)
            time.sleep(0.05)

    def freeze_at_work(self, worker: subprocess.Popen[bytes]) -> list[tuple]:
        """The worker stands still with clips in hand: those, their attempts and until when it holds them."""

        def caught() -> list[tuple]:
            self.freeze(worker)
            if not (held := self.rendering_by(worker.pid)):
                self.thaw(worker)
            return held

        return until(caught)

    def thaw(self, worker: subprocess.Popen[bytes]) -> None:
        """It goes on as if nothing had been."""
        os.killpg(worker.pid, signal.SIGCONT)

    def _writable(self) -> bool:
        if self.environment.get("DATABASE_URL"):
            others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            return not self.sql(f"SELECT 1 FROM pg_stat_activity WHERE {others} AND state <> 'idle'")
        import sqlite3

        with suppress(sqlite3.OperationalError):
            connection = sqlite3.connect(self.folder / "visavis.sqlite3", timeout=1, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            connection.close()
            return True
        return False

    def wipe_broker(self) -> None:
        """The broker loses every message."""
        if url := self.environment.get("BROKER_URL"):
            wipe(url)
            return
        for message in (self.folder / "broker" / "messages").iterdir():
            with suppress(OSError):
                message.unlink()


# Faults, and the same with one guard taken away. Each tells what the guard is there to prevent.


def accepted_from_a_lost_lease(house: House, before: str = "") -> int:
    """One worker stands still while another takes its clip over, and then delivers: clips accepted twice."""
    house.launch(prompts=2)
    slow = house.start_worker(before, beat=False)
    held = house.freeze_at_work(slow)
    time.sleep(1.5 * LEASE)
    house.start_worker()
    until(lambda: not house.unfinished())
    assert all(house.restart_of(clip, attempt) for clip, attempt, _ in held)
    house.thaw(slow)
    until(lambda: b"thrown away" in (house.folder / "worker.log").read_bytes() or house.accepted_twice())
    return house.accepted_twice()


def left_behind_by_lost_bells(house: House, wipe: Callable[[], None], before: str = DEAF, sweep: bool = True) -> int:
    """The broker loses every bell before a worker comes: clips that still wait."""
    house.launch(prompts=2)
    wipe()
    house.start_worker(before, beat=sweep)
    return _left_behind(house, for_good=bool(before) and not sweep)


def left_behind_by_a_killed_worker(house: House, before: str = "") -> int:
    """A worker is killed while it renders, and another one comes: clips that still wait."""
    house.launch(prompts=2)
    first = house.start_worker(before, beat=False)
    house.freeze_at_work(first)
    house.kill(first)
    house.start_worker()
    return _left_behind(house, for_good=bool(before))


def _left_behind(house: House, for_good: bool) -> int:
    """Clips unfinished: in the end, or at the time by which the house promises to have taken each up again."""
    with suppress(AssertionError):
        until(lambda: not house.unfinished(), 2 * (LEASE + 10) if for_good else 240)
    return house.unfinished()


def until(what, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")
