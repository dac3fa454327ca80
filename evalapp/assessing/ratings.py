"""Absolute ratings (MOS-like) as pair votes, by a rule that anyone can follow.

The rule: where one assessor rated two contenders on the same prompt, seed and aspect, the higher rating wins and equal
ratings are a tie. Ratings of different assessors are never compared: their scales differ. What a rating says beyond the
order is lost, and the pairs of one assessor and prompt hang together, which intervals clustered by both know.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

MOST_CONTENDERS = 100
REQUIRED = ("assessor", "prompt_id", "aspect", "rating")


class RatingsRefused(ValueError):
    """The ratings cannot be turned into votes; `problems` names every row that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def votes_from(ratings: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows as `import_votes` takes them, from rows of assessor, prompt_id, contender (or system), aspect and rating.

    >>> row = {"assessor": "ann", "prompt_id": "p1", "aspect": "beauty"}
    >>> ratings = [row | {"system": "a", "rating": 3}, row | {"system": "b", "rating": 4}]
    >>> [vote["choice"] for vote in votes_from(ratings)]
    ['second']

    Raises RatingsRefused, naming every row that is wrong.
    """
    rated: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    problems = []
    for number, row in enumerate(ratings, 2):
        contender = row.get("contender") or row.get("system")
        if lacking := [column for column in REQUIRED if row.get(column) in (None, "")]:
            problems.append(f"row {number}: has no {', '.join(lacking)}")
        elif not contender:
            problems.append(f"row {number}: has no contender (or system)")
        elif (rating := _number(row["rating"])) is None:
            problems.append(f"row {number}: rating {row['rating']!r} is not a number")
        else:
            sheet = rated[row["assessor"], row["prompt_id"], str(row.get("seed") or 0), row["aspect"]]
            if contender in sheet:
                problems.append(f"row {number}: {row['assessor']} rates {contender} twice on this prompt and aspect")
            sheet[contender] = rating
            if len(sheet) == MOST_CONTENDERS + 1:
                problems.append(f"row {number}: {row['assessor']} rates more than {MOST_CONTENDERS} contenders here")
    if problems:
        raise RatingsRefused(problems)
    for (assessor, prompt, seed, aspect), sheet in rated.items():
        for first, second in combinations(sorted(sheet), 2):
            apart = sheet[first] - sheet[second]
            yield {
                "assessor": assessor,
                "prompt_id": prompt,
                "seed": seed,
                "aspect": aspect,
                "first": first,
                "second": second,
                "choice": "first" if apart > 0 else "second" if apart < 0 else "tie",
            }


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
