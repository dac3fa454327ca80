"""A file of votes or of absolute ratings, as the command line and the API take it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from evalapp.assessing.intake import VotesRefused, import_votes
from evalapp.assessing.ratings import RatingsRefused, votes_from
from evalapp.catalog.models import PromptText
from evalapp.comparisons.models import Comparison

MOST_AT_ONCE = 10_000
"""Votes that a call of the API takes while it is waited for."""


def import_table(
    content: bytes | str,
    name: str,
    prompts: Sequence[PromptText] = (),
    prompt_set: str = "",
    rated: bool = False,
    most: int = 0,
) -> Comparison:
    """The rows of a CSV file as `import_votes` takes them; `rated`: they are ratings, which become votes first.

    most: refuse more votes than this (0: any number). Raises VotesRefused and InvalidPlan, having stored nothing.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
        if "\x00" in text:
            raise csv.Error("it holds a NUL")
        rows: Iterable[dict[str, Any]] = csv.DictReader(io.StringIO(text, newline=""))
        rows = votes_from(rows) if rated else rows
        return import_votes(_at_most(rows, most) if most else rows, name, prompts, prompt_set, rated)
    except (UnicodeDecodeError, csv.Error) as error:
        raise VotesRefused([f"cannot be read as a CSV file in UTF-8 ({error})"]) from error
    except RatingsRefused as refused:
        raise VotesRefused(refused.problems) from refused


def _at_most(rows: Iterable[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        if number == most:
            raise VotesRefused([f"more than {most} votes: send fewer, or import them on the server by import_votes"])
        yield row
