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
from django.db.models import Q
from numpy.typing import NDArray

from evalapp.comparisons.models import Comparison
from evalapp.reporting.answers import Answers
from evalapp.reporting.filters import Filters
from evalapp.reporting.table import VoteTable, table_of

FEWEST = 20_000
"""Fewer votes than this are read from the database in less time than it takes to think of a file."""
ANSWERS = "answers "
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
    """The votes and answers of a whole table that the filters let through, corrected ones included."""
    if not filters:
        return table
    assert table.answers is not None
    assert table.ballot is not None
    answers = table.answers
    keep = answers.within(filters)
    if filters.tags:
        asked, prompts = {*filters.tags}, comparison.prompt_set.prompts.values_list("pk", flat=True)
        tagged = [pk for pk, prompt in zip(prompts, table.prompts, strict=True) if asked & {*prompt["tags"]}]
        keep &= np.isin(answers.prompt, tagged)
    people, chosen = comparison.participations.all(), list[Q]()
    if filters.assessors:
        chosen.append(Q(assessor__code__in=filters.assessors))
    if filters.standings:
        chosen.append(Q(assessor__code__in=filters.of_standing))
    if filters.simulated is not None:
        chosen.append(Q(assessor__simulated=filters.simulated))
    for each in chosen:
        keep &= np.isin(answers.participation, list(people.filter(each).values_list("pk", flat=True)))
    votes = table.take(_among(table.ballot, answers.ballot[keep]))
    passing = {name: column[keep] for name, column in _columns(answers).items()}
    return replace(votes, answers=replace(answers, **passing))


def _among(ballots: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these ballots are wanted ones (rising); by a table of all numbers, where they lie close together."""
    if not len(wanted) or wanted[-1] > 16 * len(ballots) + 1024:
        return np.isin(ballots, wanted)
    is_wanted = np.zeros(max(int(ballots.max()), int(wanted[-1])) + 1, dtype=np.bool_)
    is_wanted[wanted] = True
    return is_wanted[ballots]


def _folder() -> Path:
    folder = Path(settings.VAR_DIR) / "tables"
    folder.mkdir(exist_ok=True)
    return folder


def _write(table: VoteTable, path: Path) -> None:
    """Beside it first: a file appears under its name only when it is whole."""
    lists = json.dumps({name: getattr(table, name) for name in LISTS}).encode()
    small = {name: _small(column) for name, column in _columns(table).items()}
    if table.answers:
        small |= {ANSWERS + name: column for name, column in _columns(table.answers).items()}
    aside = path.with_name(f"{uuid4()}.part")
    try:
        with aside.open("wb") as file:
            np.savez(file, lists=np.frombuffer(lists, dtype=np.uint8), **small)  # type: ignore[arg-type]
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _columns(of: VoteTable | Answers) -> dict[str, NDArray[Any]]:
    return {each.name: column for each in fields(of) if isinstance(column := getattr(of, each.name), np.ndarray)}


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
            if name != "lists" and not name.startswith(ANSWERS)
        }
        answers = {each.name: stored[ANSWERS + each.name] for each in fields(Answers)}
    return VoteTable(**lists, **{"first_on_left": None} | columns, answers=Answers(**answers))
