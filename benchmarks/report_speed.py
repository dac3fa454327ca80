"""A report of 1,000,000 votes: seconds to build its snapshot, by part, and to serve its pages. SQLite on disk.

    python -m benchmarks.report_speed [votes] [--keep FOLDER]

Votes are made up, imported through the same code as anyone's (four contenders, seven aspects, six votes on each pair,
60 assessors, prompts with one of eight tags) and reported as closed. With --keep the database stays in FOLDER and is
used again. Targets: snapshot 10 s, page 0.3 s, live filter 1 s. Libraries that a worker loads with its first report are
told apart.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

ASPECTS = ("preference", "movement", "beauty", "softness", "consistency", "defects", "relevance")
CONTENDERS, OVERLAP, ASSESSORS, TAGS = ("alder", "birch", "cedar", "dogwood"), 6, 60, 8
LIBRARIES = ("scipy.stats", "scipy.optimize", "sklearn.cluster", "sklearn.decomposition")
LIBRARIES += ("sklearn.feature_extraction.text", "sklearn.metrics", "sklearn.model_selection")

WORDS = (
    ["red", "green", "blue", "small", "giant", "old", "wooden", "golden", "striped", "quiet"],
    ["cat", "boat", "robot", "horse", "dancer", "tree", "train", "wave", "lantern", "child"],
    ["runs", "turns", "falls", "glows", "drifts", "jumps", "opens", "spins", "melts", "waits"],
    ["street", "forest", "harbour", "kitchen", "desert", "stage", "meadow", "station", "tunnel", "garden"],
)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("votes", nargs="?", type=int, default=1_000_000)
    reader.add_argument("--keep", type=Path)
    chosen = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="report-speed-") as folder:
        measure(chosen.votes, chosen.keep or Path(folder))


def measure(votes: int, folder: Path) -> None:
    """Build, time and print."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "evalapp.settings", "BROKER_URL": "memory://"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from evalapp.comparisons.models import Comparison
    from evalapp.reporting.models import Report

    comparison = Comparison.objects.first() or _imported(votes)
    Report.objects.filter(comparison=comparison).delete()
    _build(comparison)
    _serve(comparison)
    print(f"memory of this process: {_resident():.0f} MiB after the pages")
    _explore(comparison)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _imported(votes: int) -> Any:
    from evalapp.assessing.intake import import_votes
    from evalapp.catalog.models import PromptText

    prompts = max(1, votes // (6 * OVERLAP * len(ASPECTS)))
    texts = [PromptText(f"p{n}", _text(n), [f"tag {n % TAGS}"]) for n in range(prompts)]
    seconds, comparison = _timed(lambda: import_votes(_rows(prompts), "speed", texts))
    print(f"imported in {seconds:.0f} s")
    return comparison


def _text(number: int) -> str:
    """A prompt of words that others share, so that there are groups to be found."""
    like, who, does, where = (words[number // 10**place % 10] for place, words in enumerate(WORDS))
    return f"a {like} {who} {does} in a {where}"


def _rows(prompts: int) -> Iterator[dict[str, str]]:
    """Votes with effects of prompt and assessor, an overall preference that follows movement, a fifth of ties."""
    rng = np.random.default_rng(0)
    leaning = rng.normal(0, 0.35, ASSESSORS)
    for prompt in range(prompts):
        for first, second in combinations(range(len(CONTENDERS)), 2):
            scene = rng.normal(0.25 * (second - first), 0.7)
            for assessor in rng.choice(ASSESSORS, OVERLAP, replace=False):
                felt = scene + leaning[assessor] + rng.normal(0, 1, len(ASPECTS))
                felt[0] = (felt[0] + 2 * felt[1]) / 2
                left = CONTENDERS[first] if rng.random() < 0.5 else CONTENDERS[second]
                for aspect, value in zip(ASPECTS, felt.tolist(), strict=True):
                    yield {
                        "prompt_id": f"p{prompt}",
                        "assessor": f"assessor {assessor}",
                        "aspect": aspect,
                        "first": CONTENDERS[first],
                        "second": CONTENDERS[second],
                        "left": left,
                        "choice": "tie" if abs(value) < 0.3 else "first" if value > 0 else "second",
                    }


def _build(comparison: Any) -> None:
    from evalapp.reporting import build, reasons, sections
    from evalapp.reporting.table import table_of
    from metrics.preference.threads import one_thread

    print(f"libraries loaded, once in a worker's life: {_timed(_load)[0]:.1f} s")
    before = time.process_time()
    seconds, report = _timed(lambda: build.build(comparison))
    spent = time.process_time() - before
    print(f"snapshot: {seconds:.1f} s ({spent:.1f} s of processor time), {len(report.snapshot) / 1024:.0f} KiB")
    seconds, table = _timed(lambda: table_of(comparison))
    print(f"  votes read, {len(table):,}: {seconds:.2f} s")
    parts: dict[str, Callable[[], Any]] = {
        "results": lambda: sections.results(table, tests=True),
        "position_bias": lambda: sections.position_bias(table),
        "ranking": lambda: sections.rankings(table),
        "agreement": lambda: sections.agreement(table),
        "without_each_assessor": lambda: sections.without_each_assessor(table),
        "slices": lambda: reasons.slices(table, tests=True),
        "drivers": lambda: reasons.drivers(table),
        "sensitivity": lambda: reasons.sensitivity(table),
        "one_scale": lambda: reasons.one_scale(table, tests=True),
        "warnings": lambda: reasons.warnings(table),
    }
    with one_thread():  # as within a snapshot
        for name, part in parts.items():
            print(f"  {name}: {_timed(part)[0]:.2f} s")


def _load() -> None:
    for name in LIBRARIES:
        import_module(name)


def _serve(comparison: Any) -> None:
    """Medians of five, through the whole stack of middleware."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.filter(username="speed").first() or User.objects.create_superuser("speed"))
    page = reverse("report", args=[comparison.code])
    behind = reverse("report-pairs", args=[comparison.code])
    query = f"?first={CONTENDERS[0]}&second={CONTENDERS[1]}&aspect=preference"
    for name, address in (
        ("report", page),
        ("pairs", behind + query),
        ("pairs of wins", behind + query + "&choice=first"),
    ):
        times = []
        for _ in range(5):
            seconds, answer = _timed(lambda address=address: client.get(address))
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
            times.append(seconds)
        print(f"page {name}: {1000 * statistics.median(times):.0f} ms")


def _explore(comparison: Any) -> None:
    """Live filters, as a worker answers them; the vote table lies in its file since the report was built."""
    from django.core.cache import cache

    from evalapp.reporting.explore import explore
    from evalapp.reporting.filters import Filters

    someone = str(comparison.participations.select_related("assessor").first().assessor.code)
    for name, given in (
        ("one tag of eight", {"tag": ["tag 1"]}),
        ("four tags of eight", {"tag": [f"tag {n}" for n in range(4)]}),
        ("one assessor of sixty", {"assessor": [someone]}),
    ):
        filters = Filters.read(comparison, given)
        cache.clear()
        before = time.process_time()
        seconds, found = _timed(lambda filters=filters: explore(comparison, filters))
        spent = time.process_time() - before
        print(f"filter {name}, {found['counts']['votes']:,} votes: {seconds:.2f} s ({spent:.2f} s of processor time)")


def _resident() -> float:
    """MiB in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
