"""Whom a report leaves out, why, and whether its verdicts survive without leaving anyone out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalapp.assessing.exclusions import Exclusion
from evalapp.reporting.looking import Looked
from evalapp.reporting.sections import Row, headline, results
from evalapp.reporting.table import VoteTable
from evalapp.reporting.verdicts import verdicts
from evalapp.reporting.wording import said


def exclusions(
    whole: VoteTable,
    table: VoteTable,
    made: Sequence[Exclusion],
    counted: list[Row],
    closed: bool,
    margin: float | None,
    looked: Mapping[tuple[int, int], Looked],
) -> dict[str, Any]:
    """Who is left out, by pseudonym, with reason and date, and each headline verdict as it would be with everyone.

    `whole`: every vote; `table`: without those excluded; `counted`: the rows of results of the latter.
    """
    asked = headline(table)
    numbers = {assessor["code"]: number for number, assessor in enumerate(whole.assessors)}
    cast = np.bincount(whole.assessor, minlength=len(whole.assessors))
    return {
        "excluded": [
            {
                "assessor": str(each.participation.assessor.code),
                "excluded_for": each.reason,
                "by": each.by,
                "rule": each.rule,
                "at": each.at.isoformat(),
                "votes": int(cast[numbers[str(each.participation.assessor.code)]]),
            }
            for each in made
        ],
        "votes": len(whole) - len(table),
        "pairings": _with_everyone(whole, table, asked, counted, closed, margin, looked) if made else [],
    }


def _with_everyone(
    whole: VoteTable,
    table: VoteTable,
    asked: str,
    counted: list[Row],
    closed: bool,
    margin: float | None,
    looked: Mapping[tuple[int, int], Looked],
) -> list[Row]:
    alone = whole.take(whole.rows(whole.aspects.index(asked)))
    alone = replace(alone, aspects=[asked], aspect=np.zeros(len(alone), dtype=np.int64))
    rows = results(alone, closed, looked)
    mine = verdicts(table, counted, closed, margin=margin)
    rest = []
    for row, now, everyone in zip(rows, mine, verdicts(alone, rows, closed, margin=margin), strict=True):
        same = now["verdict"] == everyone["verdict"]
        rest.append(
            {
                "contenders": row["contenders"],
                "votes": row["votes"],
                "win_rate": row["win_rate"],
                "interval": row["interval"],
                "reason": row["reason"],
                "verdict": everyone["verdict"],
                "same_verdict": same,
                "sentence": _sentence(row, everyone["verdict"], same, closed),
            }
        )
    return rest


def _sentence(row: Row, verdict: str, same: bool, closed: bool) -> str:
    if row["win_rate"] is None:
        return said(
            "Nobody voted on {first} against {second}.", first=row["contenders"][0], second=row["contenders"][1]
        )
    values = {"first": row["contenders"][0], "second": row["contenders"][1], "share": round(100 * row["win_rate"])}
    if not closed:
        return said("With everyone {first} wins {share} of 100 against {second} so far.", **values)
    if same:
        return said("The verdict is the same with everyone: {first} wins {share} of 100 against {second}.", **values)
    return said(
        "The verdict hangs on who is excluded: with everyone it is “{verdict}”, and {first} wins {share} of 100 "
        "against {second}.",
        **values,
        verdict=said(verdict),
    )


def all_excluded(table: VoteTable, whole: VoteTable) -> list[str]:
    """The warning that every vote is excluded, where that is so."""
    if len(table) or not len(whole):
        return []
    return [said("All votes are excluded ({n}): nothing below says anything.", n=len(whole))]


def reworded(found: list[Row], table: VoteTable, whole: VoteTable) -> list[Row]:
    """Verdicts that know the difference between no votes and none left."""
    code = table.aspects.index(headline(table))
    for row, pairing in zip(found, table.pairings, strict=True):
        if not table.rows(code, pairing).any() and (left_out := int(whole.rows(code, pairing).sum())):
            first, second = row["contenders"]
            row["sentence"] = said(
                "All votes on {first} against {second} are excluded ({n}).", n=left_out, first=first, second=second
            )
    return found
