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

from django.utils.translation import gettext as _

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
    problems, where = [], _("row %(n)d")
    for number, row in enumerate(ratings, 2):
        at = where % {"n": number}
        contender = row.get("contender") or row.get("system")
        if lacking := [column for column in REQUIRED if row.get(column) in (None, "")]:
            problems.append(f"{at}: {_('has no %(columns)s') % {'columns': ', '.join(lacking)}}")
        elif not contender:
            problems.append(f"{at}: {_('has no contender (or system)')}")
        elif (rating := _number(row["rating"])) is None:
            told = _("rating %(rating)s is not a number such as 4 or 3.5") % {"rating": repr(row["rating"])}
            problems.append(f"{at}: {told}")
        else:
            sheet = rated[row["assessor"], row["prompt_id"], str(row.get("seed") or 0), row["aspect"]]
            if contender in sheet:
                told = _("%(assessor)s rates %(contender)s twice on this prompt and aspect")
                problems.append(f"{at}: {told % {'assessor': row['assessor'], 'contender': contender}}")
            sheet[contender] = rating
            if len(sheet) == MOST_CONTENDERS + 1:
                told = _("%(assessor)s rates more than %(n)d contenders here")
                problems.append(f"{at}: {told % {'assessor': row['assessor'], 'n': MOST_CONTENDERS}}")
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
