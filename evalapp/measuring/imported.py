"""Values of measures that were reckoned elsewhere, a number per contender: published FID or FVD, another team's tool.

They stand among the measures of sets, under their own names and marked as imported, and are held against people as ours
are. Several rows of one contender and metric are runs: their mean is shown with their standard deviation.
"""

import hashlib
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from django.db import transaction

from evalapp.comparisons.models import Comparison
from evalapp.measuring.models import SetMeasurement
from evalapp.people import audit

REQUIRED = ("metric", "value", "better", "clips")
DIRECTIONS = {"lower": False, "higher": True}
IMPORTED = "imported "
LONGEST = 40


class ValuesRefused(ValueError):
    """Nothing was stored; `problems` names every row that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Told:
    """One row: what it says of the metric must be the same in all rows of that metric."""

    value: float
    clips: int
    higher_is_better: bool
    unit: str
    protocol: str


def import_values(comparison: Comparison, rows: Iterable[dict[str, Any]], source: str) -> int:
    """Store a value per contender and metric; what the comparison had of these metrics by import is replaced.

    Columns: contender (or system), metric, value, better (lower or higher), clips (how many are behind the value); if
    known: reference, unit, protocol. Returns how many values. Raises ValuesRefused.
    """
    contenders = dict(comparison.entries.values_list("contender__name", "contender_id"))
    found: dict[tuple[str, str], dict[str, list[Told]]] = defaultdict(lambda: defaultdict(list))
    problems = []
    for number, row in enumerate(rows, 2):
        name = row.get("contender") or row.get("system") or ""
        if problem := _wrong(row, name, contenders):
            problems.append(f"row {number}: {problem}")
            continue
        told = Told(
            float(row["value"]),
            int(row["clips"]),
            DIRECTIONS[row["better"]],
            row.get("unit") or "distance",
            row.get("protocol") or "",
        )
        mine = found[row["metric"].strip(), row.get("reference") or ""]
        for other in next(iter(mine.values()), []):
            if (other.higher_is_better, other.unit, other.protocol) != (
                told.higher_is_better,
                told.unit,
                told.protocol,
            ):
                problems.append(f"row {number}: better, unit or protocol of {row['metric']} differ from earlier rows")
                break
        mine[name].append(told)
    if not found and not problems:
        problems.append("the file has no rows")
    if problems:
        raise ValuesRefused(problems)
    with transaction.atomic():
        for (metric, reference), values in found.items():
            SetMeasurement.objects.filter(comparison=comparison, metric=IMPORTED + metric, reference=reference).delete()
            for name, runs in values.items():
                SetMeasurement.objects.create(
                    comparison=comparison,
                    contender_id=contenders[name],
                    metric=IMPORTED + metric,
                    reference=reference,
                    protocol=runs[0].protocol or f"not stated by {source}",
                    inputs=hashlib.sha256(repr(runs).encode()).hexdigest(),
                    result=_result(metric, runs, source),
                )
        names = sorted({metric for metric, _ in found})
        audit.record("imported measures of", comparison, metrics=names, reference=source)
    return sum(map(len, found.values()))


def _wrong(row: dict[str, Any], name: str, contenders: dict[str, int]) -> str:
    """What is wrong with a row, or nothing."""
    if lacking := [column for column in REQUIRED if not (row.get(column) or "").strip()]:
        return f"has no {', '.join(lacking)}"
    if name not in contenders:
        near = get_close_matches(name, contenders, n=3, cutoff=0.4) or sorted(contenders)
        return f"contender {name!r} is not in this comparison; it has {', '.join(near)}"
    if len(row["metric"].strip()) > LONGEST:
        return f"the metric's name is longer than {LONGEST} characters"
    if row["better"] not in DIRECTIONS:
        return f"better is {row['better']!r}: write lower or higher"
    try:
        if not math.isfinite(float(row["value"])):
            raise ValueError
    except ValueError:
        return f"value {row['value']!r} is not a number"
    if not row["clips"].isascii() or not row["clips"].isdigit() or not int(row["clips"]):
        return f"clips {row['clips']!r}: write how many clips are behind the value"
    return ""


def _result(metric: str, runs: list[Told], source: str) -> dict[str, Any]:
    values = [run.value for run in runs]
    return {
        "value": statistics.fmean(values),
        **dict.fromkeys(("low", "high", "plain", "floor")),
        "spread": statistics.stdev(values) if len(values) > 1 else None,
        "runs": len(values),
        "rows": runs[0].clips,
        "clips": runs[0].clips,
        "missing": 0,
        "reference_rows": None,
        "reference_clips": None,
        "reason": "",
        "imported": {
            "title": metric,
            "unit": runs[0].unit,
            "higher_is_better": runs[0].higher_is_better,
            "label": f"imported from {source}, not measured here; beside the votes and not among them",
        },
    }
