"""What asking a pointwise judge costs beside its own time: answers by contenders, and a re-run that knows everything.

    python -m benchmarks.judge_cache [clips]                    SQLite on disk
    DATABASE_URL=postgres://… python -m benchmarks.judge_cache  PostgreSQL (an empty database)

The judge answers at once, so what is measured is the database's work. Targets: n contenders cost n times the prompts'
answers, not the pairs'; a re-run over 10,000 clips that were judged takes less than 2 s.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from metrics import JUDGES
from metrics.judges.interface import Declaration, Outcome, Shown

CONTENDERS = (2, 4, 8)
MOST_SECONDS = 2.0


class NoOptions(BaseModel):
    pass


class Instant:
    """Scores every clip 0 at once."""

    Options = NoOptions

    def __init__(self, options: NoOptions, weights: Path) -> None:
        pass

    @property
    def declaration(self) -> Declaration:
        return Declaration(name="instant", version="1", mode="pointwise", natives=("score",), aspects={}, max_batch=100)

    def probe(self) -> list[str]:
        return []

    def load(self) -> None:
        pass

    def score(self, clips: Sequence[Shown]) -> list[Outcome]:
        return [Outcome("ok", {"score": 0.0}) for _ in clips]


def main() -> int:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    JUDGES["instant"] = "benchmarks.judge_cache:Instant"
    with tempfile.TemporaryDirectory(prefix="judge-cache-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "evalapp.settings", "BROKER_URL": "memory://"}
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        print(f"{connection.vendor}")
        linear = all(_asked(number, prompts=50) == number * 50 for number in CONTENDERS)
        quick = _rerun(clips)
        return 0 if linear and quick else 1


def _comparison(contenders: int, prompts: int):  # type: ignore[no-untyped-def]
    """With a stored checksum for every clip and no file: the judge does not look."""
    from evalapp.catalog.models import Checkpoint, Contender, PromptSet, PromptText, digest
    from evalapp.comparisons.launch import create, launch
    from evalapp.generation.models import Clip

    checkpoint, _ = Checkpoint.objects.get_or_create(name="none")
    chosen = [
        Contender.objects.register(f"{contenders}-{n}", checkpoint, "shapes", {"n": n}, digest([contenders, n]))
        for n in range(contenders)
    ]
    texts = [PromptText(f"p{n}", f"prompt {n}") for n in range(prompts)]
    comparison = create(f"{contenders} contenders", PromptSet.objects.freeze(f"of {prompts}", texts), chosen)
    launch(comparison)
    rows = list(comparison.clips())
    for clip in rows:
        clip.state, clip.sha256 = Clip.State.READY, f"{clip.pk:064}"
    Clip.objects.bulk_update(rows, ["state", "sha256"], batch_size=500)
    return comparison


def _asked(contenders: int, prompts: int) -> int:
    from evalapp.measuring.judging import start, work

    comparison = _comparison(contenders, prompts)
    run = start(comparison, "instant", {})
    work(run)
    print(f"{contenders} contenders, {prompts} prompts, {comparison.pairs.count()} pairs: {run.asked} answers")
    return int(run.asked)


def _rerun(clips: int) -> bool:
    from evalapp.measuring.judging import start, work

    comparison = _comparison(5, clips // 5)
    began = time.perf_counter()
    work(start(comparison, "instant", {}))
    first = time.perf_counter() - began
    began = time.perf_counter()
    run = start(comparison, "instant", {})
    work(run)
    again = time.perf_counter() - began
    print(f"{clips} clips, {comparison.pairs.count()} pairs: asked in {first:.2f} s, known again in {again:.2f} s")
    assert (run.cached, run.asked) == (clips, 0)
    print(f"the re-run under {MOST_SECONDS:g} s: {'yes' if again < MOST_SECONDS else 'NO'}")
    return again < MOST_SECONDS


if __name__ == "__main__":
    sys.exit(main())
