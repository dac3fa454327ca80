"""The verdict on each pairing, in a sentence: better, no worse by a margin, worse, undecided, or why there is none."""

from collections.abc import Mapping

from evalapp.assessing.looks import Look
from evalapp.comparisons.models import HEADLINE
from evalapp.reporting.looking import Looked
from evalapp.reporting.sections import LEVEL, Row, headline
from evalapp.reporting.table import VoteTable
from evalapp.reporting.wording import said

VERDICTS = {
    "better": "first preferred",
    "worse": "second preferred",
    "no worse by a margin": "first no worse",
    "undecided": "undecided",
}
"""What a look says of the first contender, as a report says it of the pairing."""


def verdicts(
    table: VoteTable,
    rows: list[Row],
    closed: bool,
    exploring: bool = False,
    margin: float | None = None,
    looked: Mapping[tuple[int, int], Looked] | None = None,
) -> list[Row]:
    """What the votes say of each pairing, in a sentence, and on which aspects they say it; exploring claims nothing.

    A pairing that a planned look has settled keeps that look's verdict, voting or no.
    """
    aspect, found = headline(table), []
    for first, second in table.pairings:
        names = [table.contenders[first], table.contenders[second]]
        mine = {row["aspect"]: row for row in rows if row["contenders"] == names}
        better = {key: side for key, row in mine.items() if key != aspect and (side := _side(row, closed))}
        look = (looked or {}).get((first, second))
        fixed = mine[aspect]["sides_fixed"]
        settled = look.last if look and look.last.settles and not exploring and not fixed else None
        verdict = "exploratory" if exploring else _verdict(mine[aspect], closed, margin)
        found.append(
            {
                "contenders": names,
                "verdict": VERDICTS[settled.verdict] if settled and not settled.reason else verdict,
                "sentence": (
                    _settled(names, aspect, settled, len(look.planned), margin)
                    if settled and look and not settled.reason
                    else _sentence(names, aspect, mine[aspect], closed, exploring, margin)
                ),
                "first_better_at": [key for key, side in better.items() if side > 0],
                "second_better_at": [key for key, side in better.items() if side < 0],
            }
        )
    return found


def _side(row: Row, closed: bool) -> int:
    """1 or -1 where the interval (and, once voting has ended, the adjusted test) favours first or second, else 0."""
    ends = row["interval"] if closed else row["live_interval"]
    if row["too_few"] or row["sides_fixed"] or not row["interval"] or not ends:
        return 0
    low, high = ends
    if low <= 0.5 <= high or (closed and (row["p_value_adjusted"] or 0) > 1 - LEVEL):
        return 0
    return 1 if low > 0.5 else -1


def _verdict(row: Row, closed: bool, margin: float | None = None) -> str:
    if not row["votes"]:
        return "no votes"
    if row["too_few"] or not row["interval"]:
        return "too few to claim"
    if not closed:
        return "voting goes on"
    if row["sides_fixed"]:
        return "sides fixed"
    if not (side := _side(row, closed)) and margin is not None and row["interval"][0] > 0.5 - margin:
        return VERDICTS["no worse by a margin"]
    return {1: "first preferred", -1: "second preferred", 0: "undecided"}[side]


def _sentence(
    names: list[str], aspect: str, row: Row, closed: bool, exploring: bool, margin: float | None = None
) -> str:
    if not row["votes"]:
        none = "Nobody voted on {first} against {second}." if closed else "No votes yet on {first} against {second}."
        if exploring:
            none = "None of these votes is on {first} against {second}."
        return said(none, first=names[0], second=names[1])
    where = {"first": names[0], "second": names[1], "aspect": aspect}
    if not row["interval"] and not row["too_few"]:
        template = (
            "{first} against {second}: too few votes to claim anything ({reason})."
            if aspect == HEADLINE
            else "{first} against {second} on {aspect}: too few votes to claim anything ({reason})."
        )
        return said(template, **where, reason=row["reason"])
    if ends := row["interval"] if closed else row["live_interval"]:
        template = "95 % interval {low} to {high}" if closed else "95 % live interval {low} to {high}"
        told = said(template, low=round(100 * ends[0]), high=round(100 * ends[1]))
    else:
        told = said("no interval: {reason}", reason=row["reason"] or row["live_reason"])
    numbers = _numbers(names, aspect, row["win_rate"], told, row["votes"])
    if row["too_few"]:
        return said("Too few to claim: {lacking}. So far {numbers}.", lacking=row["too_few"], numbers=numbers)
    if row["sides_fixed"] and not exploring:
        template = "No verdict: {why}. {numbers}." if closed else "No verdict: {why}. So far {numbers}."
        return said(template, why=row["sides_fixed"], numbers=numbers)
    if exploring:
        return said(
            "Exploring: {numbers}; among votes chosen afterwards this is a hint, not a finding.", numbers=numbers
        )
    if not closed:
        return said("So far {numbers}; voting goes on.", numbers=numbers)
    return _claim(names, _verdict(row, closed, margin), numbers, margin)


def _settled(names: list[str], aspect: str, look: Look, planned: int, margin: float | None) -> str:
    """The verdict of the look that settled a pairing, with its numbers."""
    known = look.low is not None
    template = (
        "interval over all looks {low} to {high}, look {number} of {planned}" if known else "look {number} of {planned}"
    )
    told = said(
        template,
        low=round(100 * (look.low or 0)),
        high=round(100 * (look.high or 0)),
        number=look.number,
        planned=planned,
    )
    numbers = _numbers(names, aspect, look.win_rate, told, look.votes)
    return _claim(names, VERDICTS[look.verdict], numbers, margin)


def _claim(names: list[str], verdict: str, numbers: str, margin: float | None) -> str:
    if verdict == VERDICTS["no worse by a margin"]:
        template = "{first} is no worse than {second} by more than {margin} in 100: {numbers}."
        return said(template, first=names[0], second=names[1], margin=f"{100 * (margin or 0):g}", numbers=numbers)
    if verdict == VERDICTS["undecided"]:
        return said("Undecided: {numbers}; neither is shown to be preferred.", numbers=numbers)
    ahead, behind = names if verdict == VERDICTS["better"] else names[::-1]
    return said("{ahead} is preferred to {behind}: {numbers}.", ahead=ahead, behind=behind, numbers=numbers)


def _numbers(names: list[str], aspect: str, rate: float, told: str, votes: int) -> str:
    template = (
        "{first} wins {share} of 100 against {second} ({told}, {votes})"
        if aspect == HEADLINE
        else "{first} wins {share} of 100 against {second} on {aspect} ({told}, {votes})"
    )
    counted = said("{n} votes" if votes != 1 else "1 vote", n=votes)
    share = round(100 * rate)
    return said(template, first=names[0], second=names[1], aspect=aspect, share=share, told=told, votes=counted)
