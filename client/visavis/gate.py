"""A verdict for a CI job: is the candidate better than the baseline, no worse by a margin, worse, or not known yet?

While voting goes on, the interval that holds at every look is used, so that a job may ask as often as it likes; after
that, the ordinary one.
"""

from dataclasses import dataclass
from typing import Any

BETTER, NO_WORSE, WORSE, NOT_ENOUGH = "better", "no worse", "worse", "not enough votes yet"
EXIT_CODES = {BETTER: 0, NO_WORSE: 0, WORSE: 1, NOT_ENOUGH: 3}  # 2 is a wrong call or a server that said no
DISTINCT_EXIT_CODES = EXIT_CODES | {NO_WORSE: 4}


@dataclass(frozen=True)
class Gate:
    """The verdict and what it rests on; `win_rate` and `interval` are the candidate's, ties half."""

    verdict: str
    sentence: str
    win_rate: float | None
    interval: tuple[float, float] | None
    votes: int
    simulated: bool


def gate(
    report: dict[str, Any], candidate: str, baseline: str, aspect: str = "preference", margin: float = 0.02
) -> Gate:
    """Read the verdict off a report's snapshot.

    margin is in win rate: 0.02 calls 48 % no worse than even. Raises ValueError where the report knows no such
    contenders or aspect, or the margin is not between 0 and 0.5.
    """
    if not 0 <= margin < 0.5:
        raise ValueError(f"margin is a share of the win rate between 0 and 0.5, not {margin}")
    pair = [row for row in report["results"] if set(row["contenders"]) == {candidate, baseline}]
    rows = [row for row in pair if row["aspect"] == aspect]
    if not rows:
        known = sorted({name for row in report["results"] for name in row["contenders"]})
        aspects = sorted({row["aspect"] for row in report["results"]})
        raise ValueError(
            f"the report has no {candidate} against {baseline} on {aspect}; "
            f"contenders: {', '.join(known)}; aspects: {', '.join(aspects)}"
        )
    row = rows[0]
    live = report["comparison"]["state"] in ("open", "paused")
    found = row["live_interval"] if live else row["interval"]
    turned = row["contenders"][0] != candidate
    rate, interval = row["win_rate"], tuple(found) if found else None
    if turned:
        rate = None if rate is None else 1 - rate
        interval = (1 - interval[1], 1 - interval[0]) if interval else None
    barred = row["too_few"] or row.get("sides_fixed", "")
    verdict = _verdict(interval if not barred else None, margin)
    return Gate(
        verdict,
        _sentence(verdict, candidate, baseline, aspect, rate, interval, row["votes"], barred),
        rate,
        interval,
        row["votes"],
        report["counts"]["simulated_votes"] > 0,
    )


def _verdict(interval: tuple[float, float] | None, margin: float) -> str:
    if interval is None:
        return NOT_ENOUGH
    low, high = interval
    if low > 0.5:
        return BETTER
    if high < 0.5:
        return WORSE
    return NO_WORSE if low > 0.5 - margin else NOT_ENOUGH


def _sentence(
    verdict: str,
    candidate: str,
    baseline: str,
    aspect: str,
    rate: float | None,
    interval: tuple[float, float] | None,
    votes: int,
    barred: str,
) -> str:
    said = f"{aspect}: {candidate} against {baseline}: {verdict}"
    if rate is not None:
        said += f"; wins {100 * rate:.0f} of 100"
    if interval:
        said += f", between {100 * interval[0]:.0f} and {100 * interval[1]:.0f}"
    return f"{said} ({votes} votes{'; ' + barred if barred else ''})"
