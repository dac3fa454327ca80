"""Engines for tests: a PostgreSQL and a Redis of our own, started before a command and ended after it.

    python -m tests.services [--only-with postgres] [--rabbitmq] pytest …

runs the command with TEST_POSTGRES_URL and TEST_REDIS_URL (TEST_RABBITMQ_URL, if asked) set to what could be started.
Tests that need what is missing are left out and say so, or the whole command is; where CI is set, nothing may be.
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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

POSTGRES, REDIS, RABBITMQ = "TEST_POSTGRES_URL", "TEST_REDIS_URL", "TEST_RABBITMQ_URL"


def postgres_url() -> str:
    return os.environ.get(POSTGRES, "")


def redis_url() -> str:
    return os.environ.get(REDIS, "")


def rabbitmq_url() -> str:
    return os.environ.get(RABBITMQ, "")


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


@contextmanager
def rabbitmq() -> Iterator[str]:
    """A broker in a temporary folder, on ports of its own; its Erlang node needs no port mapper of the machine's."""
    program = shutil.which("rabbitmq-server") or shutil.which("rabbitmq-server", path="/usr/sbin:/usr/lib/rabbitmq/bin")
    if not program:
        raise FileNotFoundError("RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)")
    with tempfile.TemporaryDirectory() as folder:
        port, distribution = free_port(), free_port()
        Path(folder, "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{port}\nloopback_users = none\ndisk_free_limit.absolute = 50MB\n"
            "log.console = false\n"
        )
        Path(folder, "enabled_plugins").write_text("[].\n")
        as_root = os.geteuid() == 0
        if as_root:
            for path in (folder, *map(str, Path(folder).iterdir())):
                shutil.chown(path, "rabbitmq", "rabbitmq")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ")},
            "HOME": folder,
            "RABBITMQ_NODENAME": f"tests{port}@localhost",
            "RABBITMQ_BASE": folder,
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_SCHEMA_DIR": f"{folder}/schema",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/schema",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-setcookie tests",
        }
        own = Path(program).resolve().parent / "rabbitmq-server"
        real = next(iter(sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))), own)
        command = ["runuser", "-u", "rabbitmq", "--", str(real)] if as_root else [str(real)]
        with Path(folder, "output").open("wb") as output:
            server = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True, cwd=folder
            )
        try:
            for _ in range(1200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if server.poll() is not None:
                    raise RuntimeError(f"RabbitMQ ended: {Path(folder, 'output').read_text()[-2000:]}")
                time.sleep(0.1)
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument(
        "--only-with", choices=["postgres", "redis", "rabbitmq"], help="leave the command out where it is missing"
    )
    parser.add_argument("--rabbitmq", action="store_true", help="RabbitMQ instead of Redis")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as engines:
        broker = (RABBITMQ, rabbitmq) if options.rabbitmq else (REDIS, redis)
        for variable, engine in ((POSTGRES, postgres), broker):
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
