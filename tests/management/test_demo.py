"""The demo as a person runs it: real processes, from nothing to a page to vote on, and no process left behind."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from evalapp.management.commands.demo import Command
from tests.generation.house import until
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Demo:
    def __init__(self, folder, *options):
        self.folder = folder
        environment = os.environ | {"VAR_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        for engine in ("DATABASE_URL", "BROKER_URL"):
            environment.pop(engine, None)
        self.log = folder.parent / "demo.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", str(free_port()), *options],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def opened(self):
        end = time.monotonic() + 150
        while "is open" not in (text := self.log.read_text()) or "Sign in" not in text:
            assert self.process.poll() is None, text
            assert time.monotonic() < end, text
            time.sleep(0.2)
        return re.findall(r"http://\S+", text)

    def children(self):
        """Processes whose environment names this demo's folder."""
        found = []
        for status in Path("/proc").glob("[0-9]*/environ"):
            try:
                if str(self.folder).encode() in status.read_bytes():
                    found.append(int(status.parent.name))
            except OSError:
                continue
        return [pid for pid in found if pid not in (os.getpid(), self.process.pid)]

    def stop(self, by=signal.SIGINT):
        self.process.send_signal(by)
        return self.process.wait(60)


def test_the_demo_from_nothing_to_a_page_to_vote_on_and_again(tmp_path):
    folder = tmp_path / "var"
    demo = Demo(folder, "--votes", "simulated")
    try:
        invitation, organizer, report = demo.opened()[-3:]
        assert "Which clip is better?" in urllib.request.urlopen(invitation).read().decode()
        for guarded in (organizer, report):
            assert "/sign-in/" in urllib.request.urlopen(guarded).url
        assert len(demo.children()) >= 3
        assert demo.stop() == 0
    finally:
        demo.process.kill()
    assert demo.children() == []
    assert (folder / "demo_password").stat().st_mode & 0o077 == 0

    counts = lambda: [  # noqa: E731
        sqlite3.connect(folder / "visavis.sqlite3").execute(f"SELECT count(*) FROM evalapp_{table}").fetchone()[0]
        for table in ("comparison", "clip", "pair", "ballot", "invitation")
    ]
    before = counts()
    assert before == [1, 24, 12, 72, 1]
    again = Demo(folder, "--votes", "simulated")
    try:
        again.opened()
        assert counts() == before
        # Killed without a chance to clean up, it still leaves nothing behind.
        again.stop(signal.SIGKILL)
        end = time.monotonic() + 15
        while again.children() and time.monotonic() < end:
            time.sleep(0.2)
        assert again.children() == []
    finally:
        again.process.kill()


def test_a_second_demo_in_the_same_folder_is_refused_in_words(tmp_path):
    folder = tmp_path / "var"
    first = Demo(folder)
    try:
        until((folder / "visavis.sqlite3").exists)  # which it makes once it holds the lock
        environment = os.environ | {"VAR_DIR": str(folder)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        second = subprocess.run(
            [sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert "a demo is running here already" in second.stderr
    finally:
        first.stop()


def test_a_demo_whose_worker_dies_stops_and_says_where_to_read_why(tmp_path):
    demo = Demo(tmp_path / "var")
    try:
        demo.opened()
        (worker,) = [pid for pid in demo.children() if b"worker\0-P" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(worker, signal.SIGKILL)
        assert demo.process.wait(60) == 1
    finally:
        demo.process.kill()
    said = " ".join(demo.log.read_text().split())
    assert "the worker process ended" in said
    assert "worker.log" in said
    assert demo.children() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_in_a_destructor_still_stops_the_demo():
    command = Command()
    command.children = []

    class Dropper:
        def __del__(self):
            command._interrupted()

    command.stopping = False
    command._watch()
    Dropper()
    with pytest.raises(KeyboardInterrupt):
        command._watch()
