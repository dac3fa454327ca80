"""Child processes that never outlive the command that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

PR_SET_PDEATHSIG = 1


class Child:
    """A child process in a group of its own, its output in a log file; on Linux it dies even if we are killed."""

    def __init__(self, name: str, command: list[str], dies_by: signal.Signals = signal.SIGTERM) -> None:
        self.name = name
        self.log = settings.VAR_DIR / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=_dying_with_parent(dies_by),
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """To its whole group, if any of that is left."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def last_words(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def end(children: Iterable[Child], patience: float = 5) -> None:
    """Ask all of them to stop; after `patience` seconds, kill what is left of their groups."""
    children = list(children)
    until = time.monotonic() + patience
    for child in children:
        child.send(signal.SIGTERM)
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0, until - time.monotonic()))
    for child in children:
        child.send(signal.SIGKILL)
        child.process.wait()


def _dying_with_parent(by: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def worker() -> Child:
    """A Celery worker for all queues, killed rather than asked when we die: leases make that safe."""
    command = ["celery", "-A", "evalapp", "worker", "-P", "threads", "-c", "2", "-Q", "default,cpu,io", "-l", "info"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Child("worker", command, dies_by=signal.SIGKILL)


def beat() -> Child:
    run = Path(settings.VAR_DIR) / "run"
    run.mkdir(exist_ok=True)
    (run / "beat.pid").unlink(missing_ok=True)
    command = ["celery", "-A", "evalapp", "beat", "-s", str(run / "beat"), "--pidfile", str(run / "beat.pid")]
    return Child("beat", command, dies_by=signal.SIGKILL)


def web(port: int) -> Child:
    command = ["gunicorn", "evalapp.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
    return Child("web", [*command, "--graceful-timeout", "2", "--access-logfile", "-"])
