"""Engines for tests: a PostgreSQL and a Redis of our own, started before a command and ended after it.

    python -m tests.services [--only-with postgres] pytest …

runs the command with TEST_POSTGRES_URL and TEST_REDIS_URL set to what could be started. Tests that need what is missing
are left out and say so, or the whole command is; where CI is set, nothing may be left out.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

POSTGRES, REDIS = "TEST_POSTGRES_URL", "TEST_REDIS_URL"


def postgres_url() -> str:
    return os.environ.get(POSTGRES, "")


def redis_url() -> str:
    return os.environ.get(REDIS, "")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _unprivileged(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def postgres_programs() -> Path | None:
    """Where initdb and postgres lie; distributions keep them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def postgres() -> Iterator[str]:
    """A server in a temporary folder, without durability: it lives as long as the tests."""
    programs = postgres_programs()
    if not programs:
        raise FileNotFoundError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data, port = f"{folder}/data", free_port()
        initdb = [str(programs / "initdb"), "-D", data, "-U", "visavis", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(_unprivileged(initdb), check=True, stdout=subprocess.DEVNULL)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        control = _unprivileged([str(programs / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log"])
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
        try:
            yield f"postgres://visavis@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True)


@contextmanager
def redis() -> Iterator[str]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if not program:
        raise FileNotFoundError("Redis is not installed (Debian: apt-get install redis-server)")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument("--only-with", choices=["postgres", "redis"], help="leave the command out where it is missing")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as engines:
        for variable, engine in ((POSTGRES, postgres), (REDIS, redis)):
            try:
                os.environ[variable] = engines.enter_context(engine())
            except FileNotFoundError as missing:
                print(f"Left out: tests that need it. {missing}", file=sys.stderr)
                if os.environ.get("CI"):
                    return 1
                if options.only_with == engine.__name__:
                    return 0
        return subprocess.run(options.command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
