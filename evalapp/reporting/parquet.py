"""Results, pairs and votes as Parquet, typed columns for data frames. The same rows give the same bytes.

Nothing is loaded until a file is asked for: the web process serves pages without it.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

import pyarrow
import pyarrow.parquet

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Choice, Vote
from evalapp.comparisons.models import Comparison
from evalapp.reporting.filters import EVERYTHING, Filters

ROWS = 100_000
"""In one group: what is in memory at a time."""
TEXT = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
NUMBER, SHARE, FLAG = pyarrow.int64(), pyarrow.float64(), pyarrow.bool_()
RESULTS = pyarrow.schema(
    [(name, pyarrow.string()) for name in ("first", "second", "aspect")]
    + [(name, NUMBER) for name in ("votes", "wins", "ties", "both_bad", "losses", "prompts", "assessors")]
    + [(name, SHARE) for name in ("win_rate", "interval_low", "interval_high")]
    + [(name, SHARE) for name in ("interval_same_assessors_low", "interval_same_assessors_high")]
    + [(name, SHARE) for name in ("weighted_win_rate", "weighted_interval_low", "weighted_interval_high")]
    + [(name, SHARE) for name in ("p_value", "p_value_adjusted")]
    + [(name, pyarrow.string()) for name in ("too_few", "sides_fixed", "reason")]
    + [("simulated_votes_in_comparison", NUMBER)]
)
TIME = pyarrow.timestamp("us", tz="UTC")
VOTES = pyarrow.schema(
    {"vote": NUMBER, "pair": NUMBER, "prompt_id": TEXT, "seed": NUMBER, "first": TEXT, "second": TEXT, "left": TEXT}
    | {"assessor": TEXT, "simulated": FLAG, "excluded": FLAG, "aspect": TEXT, "choice": TEXT, "version": NUMBER}
    | {"answered_at": TIME, "both_bad": FLAG, "strength": NUMBER}
)
PAIRS = pyarrow.schema(
    {"pair": NUMBER, "prompt_id": TEXT, "prompt": pyarrow.string(), "tags": pyarrow.list_(pyarrow.string())}
    | {"seed": NUMBER, "first": TEXT, "second": TEXT, "first_sha256": pyarrow.string()}
    | {"second_sha256": pyarrow.string(), "left_out": FLAG, "aspect": TEXT}
    | dict.fromkeys([f"votes_{choice}" for choice in Choice.values], NUMBER)
)


def results(rows: list[dict[str, Any]], canary: str = "") -> bytes:
    """The rows of a report: one per pairing and aspect."""
    file = io.BytesIO()
    write(file, RESULTS, (tuple(row[name] for name in RESULTS.names) for row in rows), canary)
    return file.getvalue()


def votes(comparison: Comparison, file: IO[bytes], filters: Filters = EVERYTHING, canary: str = "") -> int:
    """Every vote that counts, with its pair and whether its assessor is excluded now; returns how many."""
    return write(file, VOTES, _votes(comparison, filters), canary)


def pairs(comparison: Comparison, file: IO[bytes], filters: Filters = EVERYTHING, canary: str = "") -> int:
    """Every pair and aspect with its counts of votes; returns how many rows."""
    return write(file, PAIRS, _pairs(comparison, filters), canary)


def _votes(comparison: Comparison, filters: Filters) -> Iterator[tuple[Any, ...]]:
    excluded = set(Exclusion.objects.active(comparison).values_list("participation", flat=True))
    assignment = "ballot__assignment__"
    found = Vote.objects.filter(ballot__in=filters.of(comparison)).current().order_by("pk")
    for row in found.values_list(
        *("pk", assignment + "pair", assignment + "pair__prompt__key", assignment + "pair__seed"),
        *(assignment + "pair__first__contender__name", assignment + "pair__second__contender__name"),
        *(assignment + "swapped", assignment + "participation", assignment + "participation__assessor__code"),
        *(assignment + "participation__assessor__simulated", "aspect__key", "choice", "ballot__version"),
        *("ballot__created_at", "both_bad", "strength"),
    ).iterator(20_000):
        vote, pair, prompt, seed, first, second, swapped, taker, code, simulated, *rest = row
        left = (second if swapped else first) if comparison.sides_known else None
        yield vote, pair, prompt, seed, first, second, left, str(code), simulated, taker in excluded, *rest


def _pairs(comparison: Comparison, filters: Filters) -> Iterator[tuple[Any, ...]]:
    counted: dict[tuple[int, str], dict[str, int]] = {}
    cast = Vote.objects.filter(ballot__in=filters.of(comparison)).current().order_by()
    for pair, aspect, choice in cast.values_list("ballot__assignment__pair", "aspect__key", "choice").iterator(20_000):
        counts = counted.setdefault((pair, aspect), dict.fromkeys(Choice.values, 0))
        counts[choice] += 1
    aspects = list(comparison.aspects.values_list("key", flat=True))
    nothing = dict.fromkeys(Choice.values, 0)
    for row in comparison.pairs.order_by("pk").values_list(
        *("pk", "prompt__key", "prompt__text", "prompt__tags", "seed"),
        *("first__contender__name", "second__contender__name", "first__sha256", "second__sha256", "left_out"),
    ):
        for aspect in aspects:
            yield (*row, aspect, *counted.get((row[0], aspect), nothing).values())


def write(file: IO[bytes], schema: pyarrow.Schema, rows: Iterable[tuple[Any, ...]], canary: str = "") -> int:
    """Write the rows in groups; returns how many. A canary goes into the file's metadata, beside the rows."""
    written, rows = 0, iter(rows)
    schema = schema.with_metadata({"canary": canary}) if canary else schema
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, ROWS)):
            columns = zip(zip(*group, strict=True), schema.types, strict=True)
            arrays = [pyarrow.array(column, kind) for column, kind in columns]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            written += len(group)
    return written
