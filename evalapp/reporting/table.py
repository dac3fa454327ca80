"""The votes that count, as columns: one pass over the database, integer codes, names aside."""

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalapp.assessing.models import Choice, Vote
from evalapp.comparisons.models import Comparison
from metrics import resolve

if TYPE_CHECKING:
    from metrics.preference.votes import AllVotes, Votes

OUTCOMES = {Choice.FIRST: 1.0, Choice.TIE: 0.5, Choice.SECOND: 0.0}


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes of a comparison; every array has shape (n,). Codes index the lists; `pair` holds database ids.

    `outcome` is 1 where the pair's first contender was chosen, ½ for a tie, 0 for the second. `first_on_left` is None
    where votes were imported without sides.
    """

    contenders: list[str]
    aspects: list[str]
    prompts: list[dict[str, Any]]
    assessors: list[dict[str, Any]]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    aspect: NDArray[np.int64]
    prompt: NDArray[np.int64]
    assessor: NDArray[np.int64]
    pair: NDArray[np.int64]
    outcome: NDArray[np.float64]
    first_on_left: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def pairings(self) -> list[tuple[int, int]]:
        """Every two contenders, the one listed first first."""
        return list(combinations(range(len(self.contenders)), 2))

    @property
    def simulated(self) -> NDArray[np.bool_]:
        """Which votes are a simulated assessor's."""
        marks = np.array([assessor["simulated"] for assessor in self.assessors], dtype=bool)
        return marks[self.assessor] if len(self) else np.zeros(0, dtype=bool)

    def rows(self, aspect: int | None = None, pairing: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        chosen = np.ones(len(self), dtype=bool)
        if aspect is not None:
            chosen &= self.aspect == aspect
        if pairing is not None:
            chosen &= (self.first == pairing[0]) & (self.second == pairing[1])
        return chosen

    def votes(self, rows: NDArray[np.bool_]) -> "Votes":
        of: Any = resolve("metrics.preference.votes:Votes").of
        columns = (self.prompt, self.assessor, self.outcome, self.first_on_left)
        votes: Votes = of(*(None if column is None else column[rows] for column in columns))
        return votes

    def all_votes(self, aspect: int) -> "AllVotes":
        rows = self.rows(aspect)
        columns = (self.first, self.second, self.prompt, self.assessor, self.outcome, self.first_on_left)
        votes: AllVotes = resolve("metrics.preference.votes:AllVotes")(
            self.contenders, *(None if column is None else column[rows] for column in columns)
        )
        return votes


def table_of(comparison: Comparison) -> VoteTable:
    """All votes that no correction has superseded; nothing else is left out."""
    contenders = list(comparison.entries.values_list("contender", "contender__name"))
    aspects = list(comparison.aspects.values_list("pk", "key"))
    prompts = list(comparison.prompt_set.prompts.all())
    people = list(comparison.participations.order_by("pk").values_list("pk", "assessor__code", "assessor__simulated"))
    contender, aspect = ({pk: code for code, (pk, _) in enumerate(rows)} for rows in (contenders, aspects))
    prompt = {each.pk: code for code, each in enumerate(prompts)}
    assessor = {pk: code for code, (pk, _, _) in enumerate(people)}
    rows = [
        (
            contender[a],
            contender[b],
            aspect[asked],
            prompt[of],
            assessor[who],
            pair,
            OUTCOMES[Choice(choice)],
            not swapped,
        )
        for a, b, asked, of, who, pair, choice, swapped in Vote.objects.of(comparison)
        .current()
        .order_by("pk")
        .values_list(
            "ballot__assignment__pair__first__contender",
            "ballot__assignment__pair__second__contender",
            "aspect",
            "ballot__assignment__pair__prompt",
            "ballot__assignment__participation",
            "ballot__assignment__pair",
            "choice",
            "ballot__assignment__swapped",
        )
        .iterator(5000)
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.zeros(0)] * 8
    kinds = (np.int64,) * 6 + (np.float64, np.bool_)
    typed: list[Any] = [column.astype(kind) for column, kind in zip(columns, kinds, strict=True)]
    if not comparison.sides_known:
        typed[-1] = None
    return VoteTable(
        [name for _, name in contenders],
        [key for _, key in aspects],
        [{"key": each.key, "text": each.text, "tags": each.tags} for each in prompts],
        [{"code": str(code), "simulated": simulated} for _, code, simulated in people],
        *typed,
    )
