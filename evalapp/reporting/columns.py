"""The vote table as a file, so that one report after another need not read a million rows from the database again.

One file per comparison, named by what its votes depend on: another vote is another name, and the older file goes. Only
workers write and read them; a file that is missing, as on another machine, is made anew from the database.
"""

import json
import zipfile
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from django.conf import settings

from evalapp.comparisons.models import Comparison
from evalapp.reporting.filters import Filters
from evalapp.reporting.table import VoteTable, table_of

FEWEST = 20_000
"""Fewer votes than this are read from the database in less time than it takes to think of a file."""
LISTS = ("contenders", "aspects", "prompts", "assessors")


def whole_table(comparison: Comparison, inputs: str) -> VoteTable:
    """Every vote that no correction superseded, excluded assessors' too; `inputs` names the state of the comparison."""
    path = _folder() / f"{comparison.code}-{inputs}.npz"
    with suppress(FileNotFoundError, zipfile.BadZipFile):
        return _read(path)
    table = table_of(comparison, everyone=True)
    if len(table) >= FEWEST:
        _write(table, path)
        for older in _folder().glob(f"{comparison.code}-*.npz"):
            if older != path:
                older.unlink(missing_ok=True)
    return table


def filtered(table: VoteTable, comparison: Comparison, filters: Filters) -> VoteTable:
    """The votes that the filters let through."""
    keep = np.ones(len(table), dtype=bool)
    if filters.tags:
        keep &= _marks([bool(set(prompt["tags"]) & set(filters.tags)) for prompt in table.prompts])[table.prompt]
    if filters.assessors:
        keep &= _marks([each["code"] in filters.assessors for each in table.assessors])[table.assessor]
    if filters.standings:
        keep &= _marks([each["code"] in filters.of_standing for each in table.assessors])[table.assessor]
    if filters.simulated is not None:
        keep &= table.simulated == filters.simulated
    if filters.since or filters.until:
        assert table.ballot is not None
        days = replace(filters, tags=(), assessors=(), simulated=None, standings=(), of_standing=())
        ballots = np.fromiter(days.of(comparison).values_list("pk", flat=True).order_by(), dtype=np.int64)
        keep &= np.isin(table.ballot, ballots)
    return table.take(keep)


def _marks(each: list[bool]) -> np.ndarray:
    return np.array(each, dtype=bool)


def _folder() -> Path:
    folder = Path(settings.VAR_DIR) / "tables"
    folder.mkdir(exist_ok=True)
    return folder


def _write(table: VoteTable, path: Path) -> None:
    """Beside it first: a file appears under its name only when it is whole."""
    lists = json.dumps({name: getattr(table, name) for name in LISTS}).encode()
    columns = {
        each.name: column for each in fields(table) if isinstance(column := getattr(table, each.name), np.ndarray)
    }
    small = {name: _small(column) for name, column in columns.items()}
    aside = path.with_name(f"{uuid4()}.part")
    try:
        with aside.open("wb") as file:
            np.savez(file, lists=np.frombuffer(lists, dtype=np.uint8), **small)  # type: ignore[arg-type]
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _small(column: np.ndarray) -> np.ndarray:
    """In the fewest bytes that hold it."""
    if column.dtype.kind == "i" and column.size and column.min() >= 0:
        return column.astype(np.min_scalar_type(column.max()))
    return column.astype(np.float16) if column.dtype.kind == "f" else column  # outcomes are 0, ½ and 1


def _read(path: Path) -> VoteTable:
    with np.load(path, allow_pickle=False) as stored:
        lists = json.loads(stored["lists"].tobytes())
        kinds = {"f": np.float64, "b": np.bool_}
        columns: dict[str, Any] = {
            name: stored[name].astype(kinds.get(stored[name].dtype.kind, np.int64))
            for name in stored.files
            if name != "lists"
        }
    return VoteTable(**lists, **{"first_on_left": None} | columns)
