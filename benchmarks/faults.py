"""Faults at random moments while two real workers render: what is lost, what is accepted twice, how soon it goes on.

    python -m benchmarks.faults [faults] [--grown] [--seed 0]

Each fault kills a worker (SIGKILL to its group; another is started) or freezes it for one and a half leases (SIGSTOP,
SIGCONT); every twelfth also wipes the broker. With --grown the engines are PostgreSQL and Redis of its own, and both
are killed and started again once. Targets: 0 clips lost, 0 accepted twice, each interrupted clip taken up again within
its lease + 10 s. Triggers in the database count, not the workers. The negative control is a test:
tests/generation/test_worker.py::test_without_the_fence_it_would_be.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.generation.house import LEASE, House, until
from tests.services import _unprivileged, free_port, postgres, postgres_programs


class Redis:
    """A server that can be killed and started again at the same place."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if not program:
            raise SystemExit("Redis is not installed (Debian: apt-get install redis-server)")
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()

    def wipe(self) -> None:
        import redis

        redis.Redis(port=self.port).flushall()


@contextmanager
def redis_of_its_own() -> Iterator[Redis]:
    server = Redis()
    try:
        yield server
    finally:
        server.kill()


def kill_database(url: str) -> None:
    """SIGKILL to the postmaster, and start it again on its own data."""
    with psycopg.connect(url, autocommit=True) as connection:
        data = str(connection.execute("SHOW data_directory").fetchall()[0][0])
    pid, options = (
        int((Path(data) / "postmaster.pid").read_text().split()[0]),
        Path(data, "postmaster.opts").read_text(),
    )
    os.kill(pid, signal.SIGKILL)
    time.sleep(2)
    arguments = options.split(" ", 1)[1].replace('"', "").strip()
    control = _unprivileged([str(postgres_programs() / "pg_ctl"), "-D", data, "-w", "-l", f"{data}/../log"])
    subprocess.run([*control, "-o", arguments, "start"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("faults", nargs="?", type=int, default=60)
    reader.add_argument("--grown", action="store_true")
    reader.add_argument("--seed", type=int, default=0)
    chosen = reader.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        broker, url = None, ""
        if chosen.grown:
            url, broker = stack.enter_context(postgres()), stack.enter_context(redis_of_its_own())
        house = House(folder, DATABASE_URL=url, BROKER_URL=broker.url if broker else "")
        stack.callback(house.end)
        house.watch()
        measure(house, broker, chosen.faults, random.Random(chosen.seed))


def measure(house: House, broker: Redis | None, faults: int, rng: random.Random) -> None:
    house.launch(prompts=2 + faults // 2)
    total = house.unfinished()
    workers, done, interrupted = [house.start_worker(), house.start_worker()], {"kill": 0, "freeze": 0}, []
    wiped = 0
    until(house.rendering)
    for number in range(faults):
        time.sleep(rng.uniform(0, 3))
        if not house.unfinished():
            break
        place, kind = rng.randrange(2), rng.choice(("kill", "freeze"))
        done[kind] += 1
        if kind == "kill":
            house.kill(workers[place])
            interrupted += [(*clip, time.time()) for clip in house.rendering_by(workers[place].pid)]
            workers[place] = house.start_worker()
        else:
            house.freeze(workers[place])
            time.sleep(1.5 * LEASE)
            house.thaw(workers[place])
        if number % 12 == 11:
            broker.wipe() if broker else house.wipe_broker()
            wiped += 1
        if broker and number == faults // 3:
            broker.kill()
            time.sleep(3)
            broker.start()
            print("  broker killed and started again")
        if broker and number == 2 * faults // 3:
            kill_database(house.environment["DATABASE_URL"])
            print("  database killed and started again")
    until(lambda: not house.unfinished(), seconds=1800)
    clips = house.clips()
    waits = [house.restart_of(clip, attempt) for clip, attempt, _ in interrupted]
    late = [again - killed for again, (_, _, killed) in zip(waits, interrupted, strict=True) if again]
    print(f"{total} clips; {done['kill']} kills, {done['freeze']} freezes, broker wiped {wiped} times")
    print(f"  lost: {total - sum(clip['whole'] for clip in clips)} (target 0)")
    print(f"  accepted twice: {house.accepted_twice()} (target 0)")
    if late:
        print(f"  {len(late)} interrupted clips taken up again after {max(late):.1f} s at most (target {LEASE + 10})")
    print(f"  attempts at a clip: {max(clip['attempt'] for clip in clips)} at most")


if __name__ == "__main__":
    main()
