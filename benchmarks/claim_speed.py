"""How long a worker waits for its next clip with 1,000 and with 1,000,000 clips queued.

    python -m benchmarks.claim_speed [clips]                    SQLite on disk
    DATABASE_URL=postgres://… python -m benchmarks.claim_speed  PostgreSQL (an empty database)

Two contenders' clips are queued; 500 are claimed cold and 500 warm (the worker has one contender's weights loaded),
each finished after it, so that the queue has a head of finished rows as in real work. Target: p95 at the larger number
within 1.5 times that at 1,000, measured in the same run.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

SMALL, CLAIMS, ROUNDS = 1_000, 100, 5


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="claim-speed-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "evalapp.settings", "BROKER_URL": "memory://"}
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        print(f"{connection.vendor}, p50 and p95 of {ROUNDS * CLAIMS} claims each, in milliseconds")
        contenders, prompt = _catalogue()
        seconds: dict[tuple[int, str], list[float]] = {}
        for size in (SMALL, large):
            _queue(contenders, prompt, size)
            for _ in range(ROUNDS):
                for kind, warm in (("cold", []), ("warm", [contenders[0].weights])):
                    seconds.setdefault((size, kind), []).extend(_claims(warm))
        worst = 0.0
        for kind in ("cold", "warm"):
            p95 = {}
            for size in (SMALL, large):
                taken = sorted(seconds[size, kind])
                p95[size] = taken[int(0.95 * len(taken))]
                print(f"  {kind}, {size:>9,} queued: {1000 * statistics.median(taken):6.2f}  {1000 * p95[size]:6.2f}")
            worst = max(worst, p95[large] / p95[SMALL])
        print(f"p95 at {large:,} over p95 at {SMALL:,}: {worst:.2f} at worst (target: at most 1.5)")


def _catalogue() -> tuple[list[Any], Any]:
    from evalapp.catalog.models import Checkpoint, Contender, PromptSet, PromptText, digest

    checkpoint = Checkpoint.objects.create(name="none")
    contenders = [
        Contender.objects.register(name, checkpoint, "shapes", {}, digest(name), weights=digest(name)) for name in "ab"
    ]
    return contenders, PromptSet.objects.freeze("one", [PromptText("p", "a ball")]).prompts.get()


def _queue(contenders: list[Any], prompt: Any, size: int) -> None:
    """As many clips waiting as asked for; those of an earlier round are gone."""
    from django.db import connection

    from evalapp.generation.models import Clip

    Clip.objects.all().delete()
    started = time.monotonic()

    def clips() -> Iterator[Clip]:
        for turn in range(size // 2):
            for contender in contenders:
                yield Clip(contender=contender, prompt=prompt, seed=turn, turn=turn, weights=contender.weights)

    Clip.objects.bulk_create(clips(), batch_size=5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"  {size:,} clips queued in {time.monotonic() - started:.0f} s")


def _claims(warm: list[str]) -> list[float]:
    from evalapp.generation.models import Clip

    taken = []
    for _ in range(CLAIMS):
        started = time.perf_counter()
        clip = Clip.objects.claim_next("bench", ["cpu"], warm)
        taken.append(time.perf_counter() - started)
        assert clip
        clip.finish()
    return taken


if __name__ == "__main__":
    main()
