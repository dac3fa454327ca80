"""What judges said of a comparison's pairs, as columns; and win rates with their help, beside those of votes alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import connections
from django.db.models import Max, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.judges import JudgeRun, JudgeVersion, Verdict
from evalapp.measuring.verdicts import Key, clip_key, judges_of
from evalapp.reporting.looking import Looked
from evalapp.reporting.table import FETCHED, VoteTable, integers
from metrics import resolve
from metrics.judges.interface import STATUSES, Declaration, prompt_key

LEVEL = 0.95
PARTLY = "the judge did not answer all pairs that people voted on: held beside other votes, it would not compare"
NOTHING = "the judge knows no pair beyond those that people voted on: there is nothing to add"
OK, UNASKED = STATUSES.index("ok"), STATUSES.index("unavailable")
PLACE = {status: place for place, status in enumerate(STATUSES)}
Row = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placed:
    """The pairs of a comparison that were not left out, in order of their ids; arrays (n,).

    prompt: database ids; first, second: places in `clips`, what verdicts call each clip; said: the key of each clip's
    prompt. Read once for all judges.
    """

    comparison: Comparison
    pair: NDArray[np.int64]
    prompt: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    clips: list[str]
    said: list[str]
    known: dict[tuple[str, bool], tuple[dict[Key, int], list[NDArray[np.int64]]]] = field(default_factory=dict)

    @classmethod
    def of(cls, comparison: Comparison) -> "Placed":
        pairs = comparison.pairs.filter(left_out=False)
        pair, prompt, first, second = integers(pairs.values_list("pk", "prompt", "first", "second"), 4)
        shown = np.unique(np.concatenate([first, second]))
        keys = dict(_shown(comparison).values_list("pk", clip_key()))
        texts = {pk: prompt_key(text) for pk, text in comparison.prompt_set.prompts.values_list("pk", "text")}
        first, second = np.searchsorted(shown, first), np.searchsorted(shown, second)
        of = np.zeros(len(shown), dtype=np.int64)
        of[first], of[second] = prompt, prompt
        return cls(
            comparison, pair, prompt, first, second,
            [keys[pk] for pk in shown.tolist()], [texts[pk] for pk in of.tolist()],
        )  # fmt: skip

    def media(self, declared: Declaration) -> tuple[dict[Key, int], list[NDArray[np.int64]]]:
        """What such a judge is asked, each once with its place, and for each side (pointwise: first and second;
        pairwise: the pair in either order) the place of what tells of the pair, (n,). Found once for all of a kind."""
        kind = (declared.mode, declared.needs_prompt)
        if kind not in self.known:
            self.known[kind] = self._media(*kind)
        return self.known[kind]

    def _media(self, mode: str, needs_prompt: bool) -> tuple[dict[Key, int], list[NDArray[np.int64]]]:
        said = self.said if needs_prompt else [""] * len(self.said)
        if mode == "pointwise":
            asked = [(clip, "", words) for clip, words in zip(self.clips, said, strict=True)]
            sides = [self.first, self.second]
        else:
            one, other = self.first.tolist(), self.second.tolist()
            both = [*zip(one, other, strict=True), *zip(other, one, strict=True)]
            asked = [(self.clips[a], self.clips[b], said[a]) for a, b in both]
            sides = list(np.arange(2 * len(one), dtype=np.int64).reshape(2, -1))
        places = {key: place for place, key in enumerate(dict.fromkeys(asked))}
        of = np.array([places[key] for key in asked], dtype=np.int64)
        return places, [of[side] for side in sides]


@dataclass
class Asked:
    """Pairs of one comparison as one judge told them; arrays (n,) in order of the pairs' ids, NaN where it did not.

    status: how many pairs ended how, a pair as the worse of its parts. aspects, natives: first − second. forward,
    turned: each order's answer of a pairwise judge heard in both, in terms of the pair's first clip; else empty.
    """

    pair: NDArray[np.int64]
    status: dict[str, int]
    aspects: dict[str, Floats]
    natives: dict[str, Floats]
    forward: dict[str, Floats] = field(default_factory=dict)
    turned: dict[str, Floats] = field(default_factory=dict)


def asked_of(placed: Placed, version: JudgeVersion) -> Asked:
    """The columns of one judge version: what `told_of_scores` and `told_in_both_orders` of `metrics.judges.asking` say,
    for all pairs at once. One query."""
    declared = version.declaration
    media, (one, other) = placed.media(declared)
    status, values = _answers(placed, version, media)
    ok = (status[one] == OK) & (status[other] == OK)
    ended = np.where(status[one] == OK, status[other], status[one])
    sides = [{name: np.where(ok, each[side], np.nan) for name, each in values.items()} for side in (one, other)]
    if declared.mode == "pointwise":
        natives = {name: sides[0][name] - sides[1][name] for name in values}
    else:
        natives = {
            name: np.where(sides[0][name] * sides[1][name] > 0, 0, (sides[0][name] - sides[1][name]) / 2)
            for name in values
        }
    found = Asked(
        placed.pair,
        {status: count for status, place in PLACE.items() if (count := int((ended == place).sum()))},
        _scored(declared, natives),
        natives,
    )
    if declared.mode == "pairwise" and declared.settings.get("both_orders", True):
        forward, turned = (
            _scored(declared, {name: each[side] for name, each in values.items()}) for side in (one, other)
        )
        # Told of the clip shown first, which in this order is the pair's second.
        found.forward, found.turned = forward, {name: -each for name, each in turned.items()}
    return found


def _shown(comparison: Comparison) -> QuerySet[Clip]:
    """The clips of its pairs, each once and in no order: cheaper than a join that tells them apart."""
    pairs = comparison.pairs.order_by()
    return Clip.objects.filter(Q(pk__in=pairs.values("first")) | Q(pk__in=pairs.values("second"))).order_by()


def _scored(declared: Declaration, natives: dict[str, Floats]) -> dict[str, Floats]:
    """Our aspects from native outputs, NaN where one of them is lacking."""
    return {
        aspect: np.sum([weight * natives[native] for native, weight in parts.items()], axis=0)
        for aspect, parts in declared.aspects.items()
    }


def _answers(
    placed: Placed, version: JudgeVersion, places: dict[Key, int]
) -> tuple[NDArray[np.int64], dict[str, Floats]]:
    """Of each question the place of its status in STATUSES, and every native output; shape (questions,)."""
    status = np.full(len(places), UNASKED)
    values = {name: np.full(len(places), np.nan) for name in version.declaration.natives}
    rows = Verdict.objects.filter(judge=version).order_by()
    if rows.count() > 2 * len(places):
        # Most are of other comparisons. Otherwise looking for ours takes the database longer than giving them all.
        rows = rows.filter(sha256__in=_shown(placed.comparison).values(key=clip_key()))
    # As text: made into objects all at once, half a million of them take a second.
    read = ("sha256", "other_sha256", "prompt_sha256", "status", Cast("natives", TextField()))
    statement, given = rows.values_list(*read).query.sql_with_params()
    with connections[rows.db].cursor() as cursor:
        cursor.execute(statement, given)
        while fetched := cursor.fetchmany(FETCHED):
            known = [(place, row) for row in fetched if (place := places.get(row[:3])) is not None]
            at = np.array([place for place, _ in known], dtype=np.int64)
            status[at] = [PLACE[row[3]] for _, row in known]
            told = json.loads(f"[{','.join(row[4] for _, row in known)}]")
            for name, column in values.items():
                column[at] = [each.get(name, np.nan) for each in told]
    return status, values


def judged_inputs(comparison: Comparison) -> list[Any]:
    """What the judges' part of a report depends on; empty where none was asked."""
    judges = JudgeRun.objects.filter(comparison=comparison).order_by().values("judge").distinct()
    runs = JudgeRun.objects.filter(judge__in=judges).aggregate(last=Max("pk"), asked=Sum("asked"))
    return [runs["last"], runs["asked"]] if runs["last"] else []


def powered(
    comparison: Comparison, table: VoteTable, looked: Mapping[tuple[int, int], Looked] | None = None
) -> list[Row]:
    """A row per judge version, pairing and aspect that people voted on and the judge judges: the win rate by votes and
    verdicts together (PPI++), and by votes alone. Empty where no judge was asked."""
    rows: list[Row] = []
    if not (judges := judges_of(comparison)):
        return []
    placed = Placed.of(comparison)
    for version in judges:
        asked = asked_of(placed, version)
        sides = _sides(comparison, table, asked)
        for pairing in table.pairings:
            look = (looked or {}).get(pairing)
            for code, aspect in enumerate(table.aspects):
                if aspect in asked.aspects and (chosen := table.rows(code, pairing)).any():
                    found = _powered(table, chosen, asked, sides, pairing, aspect, look.level if look else LEVEL)
                    rows.append(
                        {"judge": str(version), "aspect": aspect}
                        | {"contenders": [table.contenders[place] for place in pairing]}
                        | found
                    )
    return rows


@dataclass(frozen=True)
class _Sides:
    """Of each pair that the judge was asked about: the places of both contenders, and its prompt; shape (n,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    prompt: NDArray[np.int64]


def _sides(comparison: Comparison, table: VoteTable, asked: Asked) -> _Sides:
    columns = ("pk", "first__contender__name", "second__contender__name", "prompt")
    places = {name: place for place, name in enumerate(table.contenders)}
    prompts = {pk: place for place, pk in enumerate(comparison.prompt_set.prompts.values_list("pk", flat=True))}
    known = {
        pk: (places[first], places[second], prompts[prompt])
        for pk, first, second, prompt in comparison.pairs.values_list(*columns)
    }
    found = np.array([known[pair] for pair in asked.pair.tolist()], dtype=np.int64).reshape(-1, 3).T
    return _Sides(*found)


def _powered(
    table: VoteTable,
    chosen: NDArray[np.bool_],
    asked: Asked,
    sides: _Sides,
    pairing: tuple[int, int],
    aspect: str,
    level: float,
) -> Row:
    delta = asked.aspects[aspect]
    verdict = (np.sign(delta) + 1) / 2
    mine = (sides.first == pairing[0]) & (sides.second == pairing[1])
    of_vote = verdict[np.searchsorted(asked.pair, table.pair[chosen])]
    counts = {"votes": int(chosen.sum()), "pairs_judged": int(np.isfinite(delta[mine]).sum()), "pairs": int(mine.sum())}
    nothing: Row = {"win_rate": None, "interval": None, "alone": None, "alone_interval": None}
    nothing |= {"weight": None, "votes_saved": None, "prompts_voted": None, "prompts_judged": None}
    if not np.isfinite(of_vote).all():
        return nothing | counts | {"reason": PARTLY}
    beyond = mine & np.isfinite(delta)
    prompt = table.prompt[chosen]
    if not (~np.isin(sides.prompt[beyond], prompt)).any():
        return nothing | counts | {"reason": NOTHING}
    found = resolve("metrics.judges.powered:powered_win_rate")(
        table.outcome[chosen], of_vote, prompt, table.assessor[chosen], verdict[beyond], sides.prompt[beyond], level
    )
    return counts | {
        "win_rate": found.estimate,
        "interval": None if found.low is None else [found.low, found.high],
        "alone": found.votes_alone,
        "alone_interval": None if found.alone_low is None else [found.alone_low, found.alone_high],
        "weight": found.weight,
        "votes_saved": found.votes_saved,
        "prompts_voted": found.prompts_voted,
        "prompts_judged": found.prompts_judged,
        "reason": found.reason,
    }
