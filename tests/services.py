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


class Postgres:
    """A server in a temporary folder, which can be killed and started again on its data.

    Without `durable` it forgets, when killed, what it has only just acknowledged: it lives as long as the tests.
    """

    def __init__(self, folder: str, durable: bool = False) -> None:
        programs = postgres_programs()
        if not programs:
            raise FileNotFoundError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        self.data, self.port = f"{folder}/data", free_port()
        self.url = f"postgres://visavis@127.0.0.1:{self.port}/postgres"
        initdb = [str(programs / "initdb"), "-D", self.data, "-U", "visavis", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(_unprivileged(initdb), check=True, stdout=subprocess.DEVNULL)
        self.options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        self.options += " -c fsync=off -c full_page_writes=off"  # the machine itself does not fall
        self.options += "" if durable else " -c synchronous_commit=off -c bgwriter_lru_maxpages=0"
        self.control = _unprivileged([str(programs / "pg_ctl"), "-D", self.data, "-w", "-l", f"{folder}/log"])
        self.start()

    def start(self) -> None:
        """After a kill it waits until the last of the old processes is gone."""
        for _ in range(60):
            command = [*self.control, "-o", self.options, "start"]
            if not subprocess.run(
                command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ).returncode:
                return
            time.sleep(0.5)
        raise RuntimeError(f"PostgreSQL does not start: see {self.data}/../log")

    def kill(self) -> None:
        """SIGKILL to the process that all others hang on."""
        os.kill(int(Path(self.data, "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def end(self) -> None:
        subprocess.run([*self.control, "-m", "immediate", "stop"], check=False, capture_output=True)


class Redis:
    """A server that keeps nothing on disk."""

    def __init__(self, *options: str) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if not program:
            raise FileNotFoundError("Redis is not installed (Debian: apt-get install redis-server)")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.command += options
        self.start()

    def start(self) -> None:
        self.server = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _answers(self.port, self.server, "")

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()

    end = kill


class RabbitMQ:
    """A broker in a temporary folder, on ports of its own; its Erlang node needs no port mapper of the machine's."""

    def __init__(self, folder: str) -> None:
        found = shutil.which("rabbitmq-server")
        program = found or shutil.which("rabbitmq-server", path="/usr/sbin:/usr/lib/rabbitmq/bin")
        if not program:
            raise FileNotFoundError("RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)")
        self.port, distribution = free_port(), free_port()
        self.url, self.output = f"amqp://guest:guest@127.0.0.1:{self.port}//", Path(folder, "output")
        Path(folder, "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\nloopback_users = none\ndisk_free_limit.absolute = 50MB\n"
            "log.console = false\n"
        )
        Path(folder, "enabled_plugins").write_text("[].\n")
        as_root = os.geteuid() == 0
        if as_root:
            for path in (folder, *map(str, Path(folder).iterdir())):
                shutil.chown(path, "rabbitmq", "rabbitmq")
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ")},
            "HOME": folder,
            "RABBITMQ_NODENAME": f"tests{self.port}@localhost",
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
        self.command = ["runuser", "-u", "rabbitmq", "--", str(real)] if as_root else [str(real)]
        self.start()

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.server = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.folder,
            )
        _answers(self.port, self.server, self.output)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    end = kill


def wipe(broker: str) -> None:
    """A broker's queues of bells are gone, with all that lay in them."""
    if broker.startswith("redis:"):
        import redis

        redis.Redis.from_url(broker).flushdb()
        return
    from kombu import Connection

    with Connection(broker) as connection:
        for queue in ("default", "cpu", "io"):
            with suppress(connection.channel_errors), connection.channel() as channel:
                channel.queue_delete(queue)


def _answers(port: int, server: "subprocess.Popen[bytes]", output: Path | str) -> None:
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            raise RuntimeError(f"{server.args} ended: {Path(output).read_text()[-2000:] if output else ''}")
        time.sleep(0.1)
    raise RuntimeError(f"{server.args} does not answer")


@contextmanager
def postgres_server(durable: bool = False) -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(folder, durable)
        try:
            yield server
        finally:
            server.end()


@contextmanager
def redis_server(*options: str) -> Iterator[Redis]:
    server = Redis(*options)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def rabbitmq_server() -> Iterator[RabbitMQ]:
    with tempfile.TemporaryDirectory() as folder:
        server = RabbitMQ(folder)
        try:
            yield server
        finally:
            server.end()


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
        brokers = {"rabbitmq": (RABBITMQ, rabbitmq_server)} if options.rabbitmq else {"redis": (REDIS, redis_server)}
        for name, (variable, engine) in {"postgres": (POSTGRES, postgres_server), **brokers}.items():
            try:
                os.environ[variable] = engines.enter_context(engine()).url
            except FileNotFoundError as missing:
                print(f"Left out: tests that need it. {missing}", file=sys.stderr)
                if os.environ.get("CI"):
                    return 1
                if options.only_with == name:
                    return 0
        return subprocess.run(options.command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
