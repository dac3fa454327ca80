"""Faults at random moments while two real workers render: what is lost, what is accepted twice, how soon it goes on.

    python -m benchmarks.faults [faults] [--engine embedded|redis|rabbitmq] [--seed 0] [--controls]

Each of the 60 faults kills a worker (SIGKILL to its group; another is started) or freezes it for one and a half leases
(SIGSTOP, SIGCONT). Among them, four times each, the broker is wiped and, where it is a server, killed and started again
after some seconds, and PostgreSQL is killed with all its connections. Embedded: SQLite and a broker of files, neither
of which has a process of its own to kill.

Targets: 0 clips lost, 0 accepted twice, each interrupted clip taken up again within its lease + 10 s while a worker is
up. Faults come faster than workers start on a busy machine, so the wait is told in parts: until the lease ended, then
without any worker up (all dead, starting or frozen, or no database), with all threads of those that were up at work,
with a free one. Triggers in the database count, not the workers. With --controls the same faults befall a house with a
guard taken away: without the fence a result comes twice; without an end of leases, or without sweep and workers' own
looks, clips stay behind.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.generation.house import (
    DEAF,
    ENDLESS,
    LEASE,
    UNFENCED,
    UP,
    House,
    accepted_from_a_lost_lease,
    left_behind_by_a_killed_worker,
    left_behind_by_lost_bells,
    until,
)
from tests.services import Postgres, RabbitMQ, Redis, postgres_server, rabbitmq_server, redis_server

PROMPTS, FEW, THREADS = 24, 8, 2


class Engines:
    """A house of its own, with what can be killed under it."""

    def __init__(self, engine: str, stack: ExitStack) -> None:
        self.broker: Redis | RabbitMQ | None = None
        self.database: Postgres | None = None
        engines = {}
        if engine != "embedded":
            broker = {"redis": redis_server, "rabbitmq": rabbitmq_server}[engine]
            self.database, self.broker = (
                stack.enter_context(postgres_server(durable=True)),
                stack.enter_context(broker()),
            )
            engines = {"DATABASE_URL": self.database.url, "BROKER_URL": self.broker.url}
        folder = tempfile.mkdtemp(prefix="faults-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self.house = House(Path(folder), **engines)
        stack.callback(self.house.end)
        self.house.watch()
        self.outages: list[tuple[float, float]] = []
        """When the database was down."""

    def kill_broker(self, rng: random.Random) -> None:
        assert self.broker
        self.broker.kill()
        time.sleep(rng.uniform(2, 10))
        self.broker.start()

    def kill_database(self) -> None:
        assert self.database
        began = time.time()
        self.database.kill()
        time.sleep(2)
        self.database.start()
        self.outages.append((began, time.time()))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("faults", nargs="?", type=int, default=60)
    reader.add_argument("--engine", choices=["embedded", "redis", "rabbitmq"], default="embedded")
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--controls", action="store_true", help="only what the guards prevent")
    chosen = reader.parse_args()
    if chosen.controls:
        controls(chosen.engine)
        return
    with ExitStack() as stack:
        measure(Engines(chosen.engine, stack), chosen.engine, chosen.faults, random.Random(chosen.seed))


class Pool:
    """Two workers, and when each was up."""

    def __init__(self, house: House, outages: list[tuple[float, float]]) -> None:
        self.house, self.workers, self.outages = house, [house.start_worker(UP), house.start_worker(UP)], outages
        self.ended: dict[int, float] = {}
        self.frozen: list[tuple[int, float, float]] = []

    def kill(self, place: int) -> list[tuple[int, int, float, float]]:
        """What it had in hand: clip, attempt, end of the lease, time of the kill."""
        killed = self.workers[place]
        self.house.kill(killed)
        self.ended[killed.pid] = time.time()
        in_hand = [(*clip, self.ended[killed.pid]) for clip in self.house.rendering_by(killed.pid)]
        self.workers[place] = self.house.start_worker(UP)
        return in_hand

    def freeze(self, place: int) -> None:
        worker, began = self.workers[place], time.time()
        self.house.freeze(worker)
        time.sleep(1.5 * LEASE)
        self.house.thaw(worker)
        self.frozen.append((worker.pid, began, time.time()))

    def idle(self, moments: list[float]) -> list[int | None]:
        """At each moment, how many more clips could be begun; None where no worker was up at all."""
        free: list[int | None] = [None] * len(moments)
        for worker in self.house.workers:
            since, end = self.house.up_since(worker.pid), self.ended.get(worker.pid, float("inf"))
            asleep = [(began, until) for pid, began, until in self.frozen if pid == worker.pid]
            asleep += self.outages
            in_hand = self.house.in_hand(worker.pid)
            for place, moment in enumerate(moments):
                if since and since <= moment <= end and not any(began <= moment <= until for began, until in asleep):
                    clips = sum(began <= moment <= until for began, until in in_hand)
                    free[place] = (free[place] or 0) + max(0, THREADS - clips)
        return free


def measure(engines: Engines, name: str, faults: int, rng: random.Random) -> None:
    house = engines.house
    house.launch(PROMPTS, "batch 0")
    plan = ["kill", "freeze"] * (faults // 2) + ["wipe"] * 4
    plan += ["broker", "database"] * 4 if engines.broker else []
    rng.shuffle(plan)
    pool, done, interrupted, batches = Pool(house, engines.outages), Counter(plan), [], 1
    until(house.rendering)
    for fault in plan:
        if house.unfinished() < FEW:
            house.launch(PROMPTS, f"batch {batches}")
            batches += 1
        time.sleep(rng.uniform(0, 3))
        place = rng.randrange(2)
        if fault == "kill":
            interrupted += pool.kill(place)
        elif fault == "freeze":
            pool.freeze(place)
        elif fault == "wipe":
            house.wipe_broker()
        elif fault == "broker":
            engines.kill_broker(rng)
        else:
            engines.kill_database()
    until(lambda: not house.unfinished(), seconds=1800)
    clips = house.clips()
    waits = [_parts(pool, *clip) for clip in interrupted]
    told = [
        ("workers killed / frozen", f"{done['kill']} / {done['freeze']}", ""),
        ("broker wiped / killed", f"{done['wipe']} / {done['broker']}", ""),
        ("database killed", str(done["database"]), ""),
        ("clips", str(len(clips)), ""),
        ("lost", str(len(clips) - sum(clip["whole"] for clip in clips)), "0"),
        ("accepted twice", str(house.accepted_twice()), "0"),
        ("clips that kills interrupted", str(len(interrupted)), ""),
        ("attempts at a clip, at most", str(max(clip["attempt"] for clip in clips)), ""),
    ]
    parts = (
        "until the lease ended",
        "then without any worker up",
        "with all threads of workers at work",
        "with a free thread",
        "all but the time without a worker",
    )
    for part, seconds in zip(parts, zip(*waits, strict=True), strict=True):
        aim = f"{LEASE + 10} s at most" if part == parts[-1] else ""
        told.append((part, f"{statistics.median(seconds):.1f} s, at most {max(seconds):.1f} s", aim))
    print(f"{name}: lease {LEASE} s, target in brackets; the last five are medians and the longest")
    for what, found, target in told:
        print(f"  {what:<38} {found}" + (f"  [{target}]" if target else ""))


def _parts(
    pool: Pool, clip: int, attempt: int, lease_end: float, killed: float
) -> tuple[float, float, float, float, float]:
    """Seconds of the wait from the kill until the next attempt: until the lease ended, without a worker up, with all
    threads at work, with a free one; and the whole without the second."""
    again = pool.house.restart_of(clip, attempt)
    if again is None:
        raise SystemExit(f"clip {clip} was never taken up again after attempt {attempt}")
    begin = max(killed, min(lease_end, again))
    step = 0.05
    free = pool.idle([begin + step * number for number in range(round((again - begin) / step))])
    none, busy = (step * sum(each == what for each in free) for what in (None, 0))
    return begin - killed, none, busy, max(0.0, again - begin - none - busy), again - killed - none


def controls(name: str) -> None:
    print(f"{name}: with each guard, and without it")
    for what, scenario in {
        "accepted twice, results from lost leases; fence": (accepted_from_a_lost_lease, "", UNFENCED),
        "left behind by a killed worker; end of leases": (left_behind_by_a_killed_worker, "", ENDLESS),
        "left behind by lost bells; a worker's own looks": (left_behind_by_lost_bells, "", DEAF),
    }.items():
        happens, guarded, unguarded = scenario
        found = []
        for guard in (guarded, unguarded):
            with ExitStack() as stack:
                engines = Engines(name, stack)
                more = (engines.house.wipe_broker, guard, False) if happens is left_behind_by_lost_bells else (guard,)
                found.append(happens(engines.house, *more))
        print(f"  {what:<50} {found[0]}  and  {found[1]}")


if __name__ == "__main__":
    main()
