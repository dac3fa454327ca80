"""The strengths behind a ranking, in log-odds, as the models of the literature give them: plain, with the side as a
term, with ties as an outcome of their own, with the clips' length held equal, and tag by tag; where there is no one
scale, within each group that has one."""

import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from django.db.models import TextField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from evalapp.comparisons.models import Comparison
from evalapp.reporting.sections import LEVEL, Row, headline
from evalapp.reporting.table import VoteTable, integers
from evalapp.reporting.wording import said
from metrics import resolve

MANY_VOTES = 20_000
"""Beyond so many on an aspect, the models of ties are fitted to the headline aspect alone: each takes a while."""
FEWEST_TAGGED = 20
"""Prompts that a tag needs for strengths of its own."""
PRIOR = 1.0
"""Standard deviation, in log-odds, of the normal prior that is named wherever it is used."""


def scales(comparison: Comparison, table: VoteTable) -> list[Row]:
    """Per aspect and model the contenders' strengths, which add up to zero, and the model's own parameter; a model that
    cannot be fitted says why. With two contenders there is no scale."""
    if len(table.contenders) < 3:
        return []
    asked, seconds = headline(table), _seconds(comparison)
    rows: list[Row] = []
    for code, aspect in enumerate(table.aspects):
        votes = table.all_votes(code)
        if not len(votes):
            continue
        counts = table.tally(code)
        rows.append(_row(aspect, "Bradley-Terry", partial(_ranked, counts)))
        rows += _no_one_scale(aspect, votes, counts)
        if votes.first_on_left is not None:
            rows.append(_row(aspect, "with side", partial(_ranked, counts, side=True)))
        if (votes.outcome == 0.5).any() and (aspect == asked or len(votes) <= MANY_VOTES):
            rows += [_row(aspect, model, partial(_tied, votes, model)) for model in TIES]
            if aspect == asked and votes.first_on_left is not None:
                rows += [_row(aspect, f"{model} with side", partial(_tied, votes, model, side=True)) for model in TIES]
        if aspect == asked and (apart := _apart(table, code, seconds)) is not None:
            rows.append(_row(aspect, "equal length", partial(_adjusted, votes, apart)))
        if aspect == asked:
            rows += _by_tag(table, code)
    return rows


TIES = {"davidson": "ν, how often equals tie", "rao-kupper": "θ, the least difference that is seen"}


def _row(aspect: str, model: str, fit: Callable[[], Row]) -> Row:
    row: Row = {"aspect": aspect, "model": model, "tag": None}
    row |= {"strengths": [], "parameter": None, "side": None, "reason": ""}
    try:
        return row | fit()
    except (ValueError, RuntimeError) as error:
        return row | {"reason": str(error)}


def _strength(name: str, found: Any) -> Row:
    return {"contender": name, "strength": found.value, "interval": _ends(found)}


def _ranked(tally: Any, side: bool = False) -> Row:
    found = resolve("metrics.preference.ranking:rank")(tally, side=side, level=LEVEL)
    return {"strengths": [_strength(each.name, each.strength) for each in found.rated], "parameter": _left(found.side)}


def _left(found: Any) -> Row | None:
    """The order effect: what standing on the left adds to the log-odds of winning."""
    return {"name": "left", "value": found.value, "interval": _ends(found)} if found else None


def _no_one_scale(aspect: str, votes: Any, tally: Any) -> list[Row]:
    """Where groups of contenders are on no one scale: the strengths within each, and what a prior makes of all."""
    try:
        tally.require_connected()
    except ValueError as error:
        counted = resolve("metrics.preference.tally:Tally").of
        groups = [names for names in getattr(error, "groups", ()) if len(names) > 1]
        within = [_row(aspect, "within a group", partial(_ranked, counted(votes.among(names)))) for names in groups]
        return [*within, _row(aspect, "maximum a posteriori", partial(_with_prior, tally))]
    return []


def _with_prior(tally: Any) -> Row:
    """Without intervals: that of an undefeated contender would be narrow for want of defeats, not of doubt."""
    found = resolve("metrics.preference.ranking:rank")(tally, prior=PRIOR, level=LEVEL)
    strengths = [{"contender": each.name, "strength": each.strength.value, "interval": None} for each in found.rated]
    return {
        "strengths": strengths,
        "parameter": {"name": "standard deviation of the prior", "value": PRIOR, "interval": None},
    }


def _tied(votes: Any, model: str, side: bool = False) -> Row:
    found = resolve("metrics.preference.ties:fit_ties")(votes, model, LEVEL, side)
    strengths = [_strength(name, each) for name, each in zip(found.names, found.strengths, strict=True)]
    ends = [float(np.exp(end)) for end in _ends(found.tie) or ()]
    interval = ends if ends and np.isfinite(ends).all() else None
    parameter = {"name": TIES[model], "value": float(np.exp(found.tie.value)), "interval": interval}
    ordered = sorted(strengths, key=lambda each: -each["strength"])
    return {"strengths": ordered, "parameter": parameter, "side": _left(found.side)}


def _adjusted(votes: Any, apart: NDArray[np.float64]) -> Row:
    found = resolve("metrics.preference.covariates:rank_with")(votes, {"seconds longer": apart}, LEVEL)
    effect = found.effects["seconds longer"]
    parameter = {"name": "seconds longer", "value": effect.value, "interval": _ends(effect)}
    return {"strengths": [_strength(each.name, each.strength) for each in found.adjusted], "parameter": parameter}


def _by_tag(table: VoteTable, code: int) -> list[Row]:
    """Strengths on the prompts of each tag that has enough of them."""
    rows: list[Row] = []
    for tag in sorted({tag for prompt in table.prompts for tag in prompt["tags"]}):
        tagged = np.array([tag in prompt["tags"] for prompt in table.prompts], dtype=bool)
        some = table.take(table.rows(code) & tagged[table.prompt])
        if tagged.sum() < FEWEST_TAGGED or not len(some):
            few = said("{n} prompts, where {least} are the least", n=int(tagged.sum()), least=FEWEST_TAGGED)
            rows.append(_row(table.aspects[code], "by tag", partial(dict, reason=few)) | {"tag": tag})
            continue
        row = _row(table.aspects[code], "by tag", partial(_ranked, some.tally(code)))
        rows.append(row | {"tag": tag})
    return rows


def _seconds(comparison: Comparison) -> dict[int, tuple[float, float]]:
    """How long the clips of each pair last, where both are known and any two differ."""
    facts = comparison.clips().order_by().values_list("pk", Cast("facts", TextField()))
    read = cache(_lasts)  # few clips differ in their facts: each text is read once
    lasts = {pk: seconds for pk, told in facts.iterator(5000) if (seconds := read(told))}
    if len(set(lasts.values())) < 2:
        return {}
    sides = zip(
        *(column.tolist() for column in integers(comparison.pairs.values_list("pk", "first", "second"), 3)), strict=True
    )
    found = {pk: (lasts[one], lasts[other]) for pk, one, other in sides if one in lasts and other in lasts}
    return found if any(abs(one - other) > 1e-3 for one, other in found.values()) else {}


def _lasts(told: str) -> float:
    """Seconds of a clip with these facts; 0 where they are not known."""
    facts = json.loads(told)
    frames, fps = facts.get("frames"), facts.get("fps")
    return frames / fps if frames and fps else 0.0


def _apart(table: VoteTable, code: int, seconds: dict[int, tuple[float, float]]) -> NDArray[np.float64] | None:
    """Seconds that the first clip lasts longer, for each vote on an aspect; None where that is not known of all."""
    pairs = table.pair[table.rows(code)].tolist()
    if not seconds or any(pair not in seconds for pair in set(pairs)):
        return None
    return np.array([seconds[pair][0] - seconds[pair][1] for pair in pairs])


def _ends(estimate: Any) -> list[float] | None:
    return [estimate.low, estimate.high] if estimate.low is not None else None
