"""The votes that count, as columns: one pass over the database, integer codes, names aside."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connections
from django.db.models import BigIntegerField, Case, F, IntegerField, Q, QuerySet, Sum, When
from django.db.models.functions import Cast, Coalesce
from numpy.typing import NDArray

from evalapp.assessing.controls import Control, outcomes
from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Comparison
from evalapp.reporting.answers import Answers, answers_of
from evalapp.reporting.filters import EVERYTHING, Filters
from metrics import resolve

if TYPE_CHECKING:
    from metrics.preference.votes import AllVotes, Votes

HALVES = {"first": 2, "tie": 1, "second": 0}
_HALVES = Case(*(When(choice=choice, then=halves) for choice, halves in HALVES.items()), output_field=IntegerField())
_BAD = Case(When(both_bad=True, then=4), default=0)
PACKED, FETCHED = 64, 50_000
ANSWER = _HALVES + 1 + _BAD + Coalesce(F("strength"), 0) * 8
"""An answer as one number from 1 to PACKED − 1, made where it is read: halves of a win and one more, 4 for "both bad",
8 per strength."""
TOGETHER = 10
"""So many answers of a ballot stand in one whole number of 63 bits."""


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes of a comparison; every array has shape (n,). Codes index the lists; `pair` holds database ids.

    `outcome` is 1 where the pair's first contender was chosen, ½ for a tie, 0 for the second. `first_on_left` is None
    where votes were imported without sides; `ballot` holds database ids, where votes come from there. `both_bad` and
    `strength` are None where they were not asked.
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
    ballot: NDArray[np.int64] | None = None
    both_bad: NDArray[np.bool_] | None = None
    strength: NDArray[np.int64] | None = None
    answers: Answers | None = None
    """The ballots behind a table of everyone's votes, corrected ones too."""

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

    def take(self, rows: NDArray[np.bool_]) -> "VoteTable":
        """The votes where `rows` is true."""
        columns = {each.name: getattr(self, each.name) for each in fields(self)}
        places = np.flatnonzero(rows)
        taken: dict[str, Any] = {key: each[places] for key, each in columns.items() if isinstance(each, np.ndarray)}
        return replace(self, **taken)

    def without(self, codes: Collection[str]) -> "VoteTable":
        """Without the votes of the assessors with these codes."""
        left_out = np.array([assessor["code"] in codes for assessor in self.assessors], dtype=bool)
        return self.take(~left_out[self.assessor]) if left_out.any() else self

    def rows(self, aspect: int | None = None, pairing: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """Which votes are on an aspect, and on two contenders, the first first."""
        chosen = np.ones(len(self), dtype=bool)
        if aspect is not None:
            chosen &= self.aspect == aspect
        if pairing is not None:
            chosen &= (self.first == pairing[0]) & (self.second == pairing[1])
        return chosen

    def places(self, aspect: int, pairing: tuple[int, int] | None = None) -> NDArray[np.int64]:
        """Where the votes on an aspect stand, of all contenders or of two, the first first."""
        if pairing is None:
            order, ends = self._by_aspect
            return order[ends[aspect - 1] if aspect else 0 : ends[aspect]]
        order, ends = self._sorted
        key = (aspect * len(self.contenders) + pairing[0]) * len(self.contenders) + pairing[1]
        return order[ends[key - 1] if key else 0 : ends[key]]

    @cached_property
    def _by_aspect(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The votes by aspect, else in their order, and where the votes on each aspect end."""
        kinds = len(self.aspects)
        order = np.argsort(self.aspect.astype(np.min_scalar_type(kinds)), kind="stable")
        return order, np.cumsum(np.bincount(self.aspect, minlength=kinds))

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The votes by aspect and pairing, else in their order, and where the votes of each of these end."""
        size = len(self.contenders)
        key = (self.aspect * size + self.first) * size + self.second
        kinds = len(self.aspects) * size * size
        order = np.argsort(key.astype(np.min_scalar_type(kinds)), kind="stable")
        return order, np.cumsum(np.bincount(key, minlength=kinds))

    def votes(self, chosen: NDArray[Any]) -> "Votes":
        """The votes where a mask is true, or at these places."""
        of: Any = resolve("metrics.preference.votes:Votes").of
        columns = (self.prompt, self.assessor, self.outcome, self.first_on_left, self.both_bad, self.strength)
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        votes: Votes = of(*(None if column is None else column[places] for column in columns))
        return votes

    def all_votes(self, aspect: int) -> "AllVotes":
        places = self.places(aspect)
        columns = (self.first, self.second, self.prompt, self.assessor, self.outcome, self.first_on_left)
        votes: AllVotes = resolve("metrics.preference.votes:AllVotes")(
            self.contenders, *(None if column is None else column[places] for column in columns)
        )
        return votes

    @cached_property
    def _tallies(self) -> dict[int, Any]:
        return {}

    def tally(self, aspect: int) -> Any:
        """The votes on an aspect as counts, reckoned once; raises ValueError without any."""
        if aspect not in self._tallies:
            self._tallies[aspect] = resolve("metrics.preference.tally:Tally").of(self.all_votes(aspect))
        return self._tallies[aspect]


def excluded(comparison: Comparison) -> list[Exclusion]:
    """The exclusions that hold now, in the order in which they were made."""
    return list(Exclusion.objects.active(comparison).select_related("participation__assessor").order_by("at", "pk"))


def table_of(comparison: Comparison, filters: Filters = EVERYTHING, everyone: bool = False) -> VoteTable:
    """All votes that no correction has superseded and `filters` let through, without those of excluded assessors
    unless `everyone` is asked for; nothing else is left out. The whole table of everyone knows its `answers`.

    Three flat queries, joined here: a million votes take seconds.
    """
    contenders = list(comparison.entries.values_list("contender", "contender__name"))
    aspects = list(comparison.aspects.values_list("pk", "key"))
    prompts = list(comparison.prompt_set.prompts.all())
    people = list(comparison.participations.order_by("pk").values_list("pk", "assessor__code", "assessor__simulated"))
    pairs = integers(comparison.pairs.values_list("pk", "first__contender", "second__contender", "prompt"), 4)
    answers = answers_of(comparison, pairs[0], pairs[3]) if everyone and not filters else None
    ballots = (
        answers.ballots
        if answers
        else integers(
            filters.of(comparison)
            .filter(version=F("assignment__version"))
            .values_list("pk", "assignment__pair", "assignment__participation", "assignment__swapped"),
            4,
        )
    )
    ballot, asked, answer = _answers(ballots[0], [pk for pk, _ in aspects])
    place = np.searchsorted(pairs[0], ballots[1])
    # a ballot's columns first, each known once: then every vote takes its ballot's
    first, second = (_coded(column[place], [pk for pk, _ in contenders])[ballot] for column in pairs[1:3])
    table = VoteTable(
        [name for _, name in contenders],
        [key for _, key in aspects],
        [{"key": each.key, "text": each.text, "tags": each.tags} for each in prompts],
        [{"code": str(code), "simulated": simulated} for _, code, simulated in people],
        first,
        second,
        asked,
        _coded(pairs[3][place], [each.pk for each in prompts])[ballot],
        _coded(ballots[2], [pk for pk, _, _ in people])[ballot],
        ballots[1][ballot],
        (answer % 4 - 1) / 2,
        ballots[3][ballot] == 0 if comparison.sides_known else None,
        ballots[0][ballot],
        answer // 4 % 2 == 1 if comparison.ask_both_bad else None,
        answer // 8 if comparison.ask_strength else None,
        answers,
    )
    return (
        table if everyone else table.without({str(each.participation.assessor.code) for each in excluded(comparison)})
    )


@dataclass(frozen=True, eq=False)
class Repeats:
    """Pairs that an assessor saw twice, the second time with sides turned; every array has shape (n,), one entry per
    repeat and aspect. Choices are 0 first, 1 tie, 2 second."""

    aspect: NDArray[np.int64]
    prompt: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def repeats_of(comparison: Comparison, table: VoteTable) -> Repeats | None:
    """Repeats by the assessors who count; None where none were planned or answered. Filters leave them alone."""
    met = [each for each in outcomes(comparison) if each.kind == Control.Kind.REPEAT and each.aspect in table.aspects]
    if not met and not comparison.repeat_share:
        return None
    out = {each.participation_id for each in excluded(comparison)}
    rows = [
        (table.aspects.index(each.aspect), each.prompt, 2 - HALVES[each.known], 2 - HALVES[each.chosen])
        for each in met
        if each.known and each.participation not in out
    ]
    return Repeats(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def _answers(ballots: NDArray[np.int64], aspects: list[int]) -> list[NDArray[np.int64]]:
    """Of all votes on these aspects the place of the ballot among `ballots` (rising), that of the aspect, the answer.

    A ballot's answers come as one number, which the database adds up: a seventh of the rows, and no row is looked up by
    its aspect where the ballots lie close together.
    """
    if not len(ballots) or not aspects:
        return list(np.zeros((3, 0), dtype=np.int64))
    close = ballots[-1] - ballots[0] < 2 * len(ballots)
    within = Q(ballot__gte=ballots[0], ballot__lte=ballots[-1]) if close else Q(aspect__in=aspects)
    found: list[list[NDArray[np.int64]]] = []
    for start in range(0, len(aspects), TOGETHER):
        some = aspects[start : start + TOGETHER]
        places = Case(*(When(aspect=pk, then=PACKED**place) for place, pk in enumerate(some)), default=0)
        added = Cast(Sum(ANSWER * Cast(places, BigIntegerField())), BigIntegerField())
        cast = Vote.objects.filter(within).values("ballot")
        ballot, packed = integers(cast.annotate(packed=added).values_list("ballot", "packed"), 2)
        ours = np.isin(ballot, ballots, assume_unique=True)
        ballot, packed = np.searchsorted(ballots, ballot[ours]), packed[ours]
        for place in range(len(some)):
            answer = packed // PACKED**place % PACKED
            given = answer > 0
            found.append([ballot[given], np.full(int(given.sum()), start + place), answer[given]])
    return [np.concatenate(column) for column in zip(*found, strict=True)]


def integers(rows: "QuerySet[Any, Any]", width: int) -> list[NDArray[np.int64]]:
    """Integers of a query, by column, in the order of the first: databases sort a million rows more slowly, and
    Django makes objects of them that nobody wants."""
    statement, values = rows.order_by().query.sql_with_params()
    parts = [np.zeros(0, dtype=np.int64)]
    with connections[rows.db].cursor() as cursor:
        cursor.execute(statement, values)
        while fetched := cursor.fetchmany(FETCHED):
            parts.append(np.fromiter(chain.from_iterable(fetched), dtype=np.int64))
    found = np.concatenate(parts).reshape(-1, width)
    return list(found[np.argsort(found[:, 0], kind="stable")].T.copy())


def _coded(keys: NDArray[np.int64], known: Sequence[int]) -> NDArray[np.int64]:
    """Database ids as places in the list of those known."""
    order = np.argsort(np.array(known, dtype=np.int64))
    return order[np.searchsorted(np.array(known, dtype=np.int64), keys, sorter=order)].astype(np.int64)
