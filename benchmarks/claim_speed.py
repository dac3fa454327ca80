"""How long a worker waits for its next clip with 1,000 and with 1,000,000 clips queued.

    python -m benchmarks.claim_speed [clips]                                                  SQLite on disk
    python -m tests.services --only-with postgres python -m benchmarks.claim_speed [clips]    PostgreSQL

Two databases hold two contenders' clips, one 1,000 and one the larger number. By turns, so that a busy machine hurts
both alike, 200 clips of each are claimed cold and 200 warm (the worker has one contender's weights loaded), each
finished after it, so that the queue has a head of finished rows as in real work. Target: p95 at the larger number
within 1.5 times that at 1,000. Printed by the clock and in processor time, of this thread and on PostgreSQL of its
server process too, which other work on the machine moves less; and the pages that PostgreSQL's looks of a claim touch.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.targets import against

SMALL, CLAIMS, ROUNDS = 1_000, 40, 5
Taken = tuple[float, float]
"""Seconds by the clock, and of processor time."""


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="claim-speed-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "evalapp.settings", "BROKER_URL": "memory://"}
        if url := os.environ.get("TEST_POSTGRES_URL"):
            os.environ["DATABASE_URL"] = url
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        names = {size: _database(size, folder) for size in (SMALL, large)}
        print(f"{connection.vendor}, {ROUNDS * CLAIMS} claims each, in milliseconds")
        weights = ""
        for size, name in names.items():
            _use(name)
            call_command("migrate", verbosity=0)
            weights = _queue(size)
        taken: dict[tuple[int, str], list[Taken]] = {}
        for _ in range(ROUNDS):
            for size, name in names.items():
                _use(name)
                for kind, warm in (("cold", []), ("warm", [weights])):
                    _claims(warm, 2)  # the connection, and plans that are made once
                    taken.setdefault((size, kind), []).extend(_claims(warm, CLAIMS))
        for which, clock in enumerate(("by the clock", "processor time")):
            worst = 0.0
            for kind in ("cold", "warm"):
                p95 = {}
                for size in names:
                    each = sorted(seconds[which] for seconds in taken[size, kind])
                    p95[size] = each[int(0.95 * len(each))]
                    middle = 1000 * statistics.median(each)
                    print(f"  {clock}, {kind}, {size:>9,} queued: p50 {middle:6.2f}  p95 {1000 * p95[size]:6.2f}")
                worst = max(worst, p95[large] / p95[SMALL])
            against(f"p95 {clock} at {large:,} over that at {SMALL:,}, at worst", worst, most=1.5)
        if connection.vendor == "postgresql":
            for size, name in names.items():
                _use(name)
                print(f"  pages touched at {size:,}: " + "; ".join(_pages([weights])))


def _database(size: int, folder: str) -> str:
    """The name of a database of its own: a file, or one made on the server that DATABASE_URL names."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"{folder}/{size}.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE claim_speed_{size}_{os.getpid()}")
    return f"claim_speed_{size}_{os.getpid()}"


def _use(name: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def _catalogue() -> tuple[list[Any], Any]:
    from evalapp.catalog.models import Checkpoint, Contender, PromptSet, PromptText, digest

    checkpoint = Checkpoint.objects.create(name="none")
    contenders = [
        Contender.objects.register(name, checkpoint, "shapes", {}, digest(name), weights=digest(name)) for name in "ab"
    ]
    return contenders, PromptSet.objects.freeze("one", [PromptText("p", "a ball")]).prompts.get()


def _queue(size: int) -> str:
    """As many clips waiting as asked for, made inside the database; returns what the first contender's weights are."""
    from django.db import connection

    contenders, prompt = _catalogue()
    started = time.monotonic()
    lite = connection.vendor == "sqlite"
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {0}) SELECT {1} FROM n"
        if lite
        else "SELECT {1} FROM generate_series(0, {0} - 1) AS n(i)"
    )
    values = {
        **{"prompt_id": prompt.pk, "seed": "i", "kind": "'video'", "state": "'queued'", "hardware": "'cpu'"},
        **{"priority": 0, "turn": "i", "attempt": 0, "attempt_limit": 3, "worker": "''", "reason": "''"},
        **{"folder": "lower(hex(randomblob(16)))" if lite else "gen_random_uuid()", "sha256": "''"},
        **{"rendition_sha256": "''", "facts": "'{}'", "created_at": "CURRENT_TIMESTAMP"},
    }
    with connection.cursor() as cursor:
        for contender in contenders:
            row = values | {"contender_id": contender.pk, "weights": f"'{contender.weights}'"}
            rows = numbers.format(size // 2, ", ".join(map(str, row.values())))
            cursor.execute(f"INSERT INTO evalapp_clip ({', '.join(row)}) {rows}")
        cursor.execute("ANALYZE")
    print(f"  {size:,} clips queued in {time.monotonic() - started:.0f} s")
    return str(contenders[0].weights)


def _claims(warm: list[str], claims: int) -> list[Taken]:
    from evalapp.generation.models import Clip

    server, taken = _server(), []
    for _ in range(claims):
        started, worked = time.perf_counter(), time.thread_time() + _ran(server)
        clip = Clip.objects.claim_next("bench", ["cpu"], warm)
        taken.append((time.perf_counter() - started, time.thread_time() + _ran(server) - worked))
        assert clip
        clip.finish()
    return taken


def _server() -> Path | None:
    """Where Linux tells of the server process of this connection, if it runs on this machine."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        told = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    return told if told.is_file() else None


def _ran(server: Path | None) -> float:
    """Seconds that it has been on a processor."""
    return int(server.read_text().split()[0]) / 1e9 if server else 0.0


def _pages(warm: list[str]) -> list[str]:
    """The statements of a claim that read clips, each with its plan's nodes and the pages that it touched."""
    from django.db import connection, transaction

    from evalapp.generation.models import Clip

    asked: list[tuple[str, Any]] = []

    def noted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(noted):
        Clip.objects.claim_next("bench", ["cpu"], warm)
    told = []
    for sql, params in asked:
        if "evalapp_clip" not in sql:
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
            found = cursor.fetchone()[0]
            plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
            transaction.set_rollback(True)
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        told.append(f"{sql.split()[0]} {' < '.join(_nodes(plan))}: {pages}")
    return told


def _nodes(plan: dict[str, Any]) -> list[str]:
    name = f"{plan['Node Type']} {plan.get('Index Name', '')}".strip()
    return [name, *(inner for part in plan.get("Plans", ()) for inner in _nodes(part))]


if __name__ == "__main__":
    main()
