"""Scores of a judge that ran elsewhere, from a CSV or JSON Lines file, under the name of that judge.

Of clips: `sha256`, or `contender`, `prompt` (its key) and `seed`, and a column for each native output. Of pairs:
`first_sha256` and `second_sha256`, or `first`, `second` (contenders), `prompt` and `seed`, and a column for each native
output, above 0 where the first is preferred. `status`, `raw` and `reason` are taken over where they stand.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field

from metrics.judges.interface import Declaration, JudgeUnavailable, Outcome, Shown, ShownPair, Status

OF_CLIPS = ("sha256", "contender", "prompt", "seed")
OF_PAIRS = ("first_sha256", "second_sha256", "first", "second", "prompt", "seed")
TOLD = ("status", "raw", "reason")
Row = dict[str, Any]


class ReplayOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="of the CSV or JSON Lines file")
    judge: str = Field(min_length=1, max_length=80, description="whose scores they are")
    version: str = Field(default="unknown", max_length=50, description="of that judge")
    aspects: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="ours → {column: weight}, below 0 where less is better; all are preference"
    )
    licence: str = ""


class Replay:
    """Looks scores up; what the file does not have is skipped, and said to be."""

    Options = ReplayOptions

    def __init__(self, options: ReplayOptions, weights: Path) -> None:
        """Raises JudgeUnavailable for a file that is not there or not as told above, naming the line."""
        self.options = options
        try:
            content = options.path.read_bytes()
        except OSError as error:
            raise JudgeUnavailable(f"{options.path}: {error.strerror}; give the path of a CSV or JSONL file") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        try:
            self.rows = list(rows_of(options.path.name, content.decode("utf-8-sig")))
        except ValueError as error:
            raise JudgeUnavailable(f"{options.path}: {error}") from error
        columns = {name for row in self.rows for name in row}
        self.of_pairs = bool(columns & {"first", "first_sha256"})
        keys = OF_PAIRS if self.of_pairs else OF_CLIPS
        self.natives = tuple(sorted(columns - {*keys, *TOLD}))
        if not self.natives:
            raise JudgeUnavailable(f"{options.path}: no column of scores beside {', '.join(sorted(columns)) or 'none'}")
        self._check(columns)

    @property
    def declaration(self) -> Declaration:
        return Declaration(
            name=self.options.judge,
            version=self.options.version,
            mode="pairwise" if self.of_pairs else "pointwise",
            natives=self.natives,
            aspects=self.options.aspects or {"preference": {self.natives[0]: 1.0}},
            needs_prompt=False,
            needs_files=False,
            preprocessing="done elsewhere",
            max_batch=500,
            licence=self.options.licence,
            settings={"scores": self.sha256, "replayed": True}
            | ({"both_orders": False} if self.of_pairs and not self._in_both_orders else {}),
        )

    def probe(self) -> list[str]:
        return []

    def load(self) -> None:
        pass

    def score(self, clips: Sequence[Shown]) -> list[Outcome]:
        return [self._told((clip.sha256,), (clip.facts.get("contender", ""),), clip) for clip in clips]

    def prefer(self, pairs: Sequence[ShownPair]) -> list[Outcome]:
        """A pair that the file has in one order only is answered in the other with the sign turned."""
        return [self._pair(pair) for pair in pairs]

    def _pair(self, pair: ShownPair) -> Outcome:
        found = self._told(*_of_pair(pair), pair.first)
        if found.status != "skipped":
            return found
        other = self._told(*_of_pair(pair.turned), pair.first)
        if other.status != "ok":
            return other
        turned = {name: -value for name, value in other.values.items()}
        return Outcome("ok", turned, raw="given in the other order only")

    def _told(self, sums: tuple[str, ...], contenders: tuple[str, ...], clip: Shown) -> Outcome:
        named = (*contenders, clip.facts.get("prompt", ""), clip.facts.get("seed", ""))
        row = self._index.get(sums) or self._index.get(named)
        if row is None:
            return Outcome("skipped", reason=f"no row in {self.options.path.name}")
        status: Status = row.get("status") or "ok"
        values = {name: float(row[name]) for name in self.natives if row.get(name) not in (None, "")}
        raw, reason = str(row.get("raw") or ""), str(row.get("reason") or "")
        if status == "ok" and not values:
            return Outcome("unparsed", raw=raw, reason=reason or "its row has no score")
        return Outcome(status, values if status == "ok" else {}, raw, reason or ("" if status == "ok" else status))

    @cached_property
    def _index(self) -> dict[tuple[str, ...], Row]:
        return dict(self._keyed())

    def _keyed(self) -> Iterator[tuple[tuple[str, ...], Row]]:
        sums = ("first_sha256", "second_sha256") if self.of_pairs else ("sha256",)
        named = ("first", "second") if self.of_pairs else ("contender",)
        for row in self.rows:
            if all(row.get(name) for name in sums):
                yield tuple(str(row[name]) for name in sums), row
            elif all(row.get(name) for name in (*named, "prompt")):
                yield (*(str(row[name]) for name in (*named, "prompt")), str(row.get("seed") or 0)), row

    @property
    def _in_both_orders(self) -> bool:
        """Whether it tells of every pair as shown either way; else nothing is known of how it contradicts itself."""
        return all((key[1], key[0], *key[2:]) in self._index for key in self._index)

    def _check(self, columns: set[str]) -> None:
        where = self.options.path
        for number, row in enumerate(self.rows, 1):
            if (row.get("status") or "ok") not in get_args(Status):
                raise JudgeUnavailable(
                    f"{where}, row {number}: status {row['status']!r}: {', '.join(get_args(Status))}"
                )
            for name in self.natives:
                if row.get(name) not in (None, "") and not _number(row[name]):
                    raise JudgeUnavailable(f"{where}, row {number}: {name} is {row[name]!r}, no finite number")
        keys = [key for key, _ in self._keyed()]
        if len(keys) < len(self.rows):
            told = "first, second and prompt, or first_sha256 and second_sha256"
            told = told if self.of_pairs else "contender and prompt, or sha256"
            raise JudgeUnavailable(f"{where}: {len(self.rows) - len(keys)} rows do not say whose they are: give {told}")
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise JudgeUnavailable(f"{where}: scores {' '.join(twice)} twice")
        for aspect, parts in self.options.aspects.items():
            if unknown := sorted(set(parts) - set(self.natives)):
                raise JudgeUnavailable(f"{where} has no column {unknown[0]!r} for {aspect}: {', '.join(self.natives)}")


def _of_pair(pair: ShownPair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    clips = (pair.first, pair.second)
    return tuple(clip.sha256 for clip in clips), tuple(clip.facts.get("contender", "") for clip in clips)


def _number(value: Any) -> bool:
    try:
        return math.isfinite(float(value)) and not isinstance(value, bool)
    except (TypeError, ValueError):
        return False


def rows_of(name: str, text: str) -> Iterator[Row]:
    """Rows of a CSV file, else of one JSON object a line or of one list of them. Raises ValueError naming the line,
    csv.Error."""
    if not text.strip():
        raise ValueError("the file is empty")
    if name.endswith(".csv"):
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        for row in table:
            if None in row:
                raise ValueError(f"line {table.line_num} has more cells than there are columns")
            yield row
        return
    if text.lstrip().startswith("["):
        for number, row in enumerate(json.loads(text), 1):
            if not isinstance(row, dict):
                raise ValueError(f"entry {number} of the list is no JSON object")
            yield row
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no JSON object")
            yield row
