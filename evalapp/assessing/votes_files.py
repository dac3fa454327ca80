"""A file of votes or of absolute ratings, as the page, the API and the command line take it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from evalapp.assessing.intake import VotesRefused, import_votes
from evalapp.assessing.models import Ballot
from evalapp.assessing.ratings import RatingsRefused, votes_from
from evalapp.catalog.models import PromptText
from evalapp.catalog.prompt_lists import UNSTORABLE
from evalapp.catalog.prompt_lists import rows as rows_of
from evalapp.comparisons.models import Comparison

MOST_AT_ONCE = 10_000
"""Votes that a page or a call of the API takes while it is waited for."""


def import_table(
    content: bytes | str,
    name: str,
    prompts: Sequence[PromptText] = (),
    prompt_set: str = "",
    rated: bool = False,
    most: int = 0,
    again: bool = False,
) -> Comparison:
    """The rows of a CSV file as `import_votes` takes them; `rated`: they are ratings, which become votes first.

    Columns are separated by commas, semicolons or tabs. most: refuse more votes than this (0: any number). Raises what
    `import_votes` raises, having stored nothing.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise VotesRefused([_not_text()]) from error
    if UNSTORABLE.search(text):
        raise VotesRefused([_not_text()])
    try:
        read = _rows(text, "rating" if rated else "choice")
        rows = votes_from(read) if rated else read
        return import_votes(_at_most(rows, most) if most else rows, name, prompts, prompt_set, rated, again)
    except RatingsRefused as refused:
        raise VotesRefused(refused.problems) from refused


def _not_text() -> str:
    return _("this is no CSV text in UTF-8: save the table as CSV, in a spreadsheet as “CSV UTF-8”")


def _rows(text: str, column: str) -> Iterator[dict[str, Any]]:
    """Raises VotesRefused at the end, naming each row that is none."""
    problems = []
    for where, row in rows_of(text, ".csv", [column]):
        if isinstance(row, dict):
            yield row
        else:
            problems.append(f"{where}: {row}" if where else row)
    if problems:
        raise VotesRefused(problems)


def _at_most(rows: Iterable[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        if number == most:
            told = _("more than %(n)d votes: send fewer, or import them on the server by import_votes")
            raise VotesRefused([told % {"n": most}])
        yield row


def imported() -> Subquery:
    """Of a comparison in a query: true where its votes came in from a table, which one ballot tells of all."""
    cast = Ballot.objects.filter(assignment__participation__comparison=OuterRef("pk"))
    return Subquery(cast.order_by().values("viewing__imported")[:1])
