"""What quality costs, and whom nobody beats: people and measures against steps, seconds and energy of a clip, and
consistency, diversity and realism together.

Each contender has a mean over prompts of everything; prompts are drawn again to tell how sure its place on a front is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet
from numpy.typing import ArrayLike, NDArray

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.models import SetMeasurement
from evalapp.measuring.results import Voted
from evalapp.measuring.runs import measured_values
from evalapp.measuring.verdicts import scores_of
from evalapp.reporting.knobs import knobs
from evalapp.reporting.wording import said
from metrics import resolve

DRAWS = 1000
COSTS = {
    "steps": "{n} of {all} contenders have a recipe or clips that say how many, and two are needed",
    "seconds": "{n} of {all} contenders have clips rendered here, and two are needed",
    "energy": "{n} of {all} contenders have clips made where a meter could be read (NVML, RAPL) and their weights were "
    "loaded already, and two are needed",
}
"""What a clip costs, and what is said where too little is known of it."""
LOADING = 0.05
"""Of a clip's seconds: energy of clips that spent more on loading weights is left out, as it cannot be told apart."""
CORNERS = {
    "consistency": ("judge:vqascore", "judge:llava-vqascore", "clip_score", "people:relevance"),
    "diversity": (
        "dreamsim_diversity",
        "lpips_diversity",
        "dreamsim_dino_diversity",
        "dinov2_diversity",
        "clip_diversity",
        "builtin_diversity",
    ),
    "realism": ("precision", "people:defects", "builtin_precision"),
}
"""What stands for each, the first that there is; "people:" is an aspect that people were asked about, "judge:" a
program that was asked whether the clip shows the prompt."""
Grid = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True)
class Quality:
    """values: of each contender, None where there is none; grid (contenders, prompts): what they are means of, where
    prompts tell them apart."""

    key: str
    title: str
    unit: str
    higher_is_better: bool
    values: list[float | None]
    intervals: list[list[float] | None]
    grid: Grid | None


class _Ground:
    """Contenders and prompts of a comparison, on which everything is laid out; clips go by their ids."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.contenders = dict(comparison.entries.values_list("contender_id", "contender__name"))
        places = {key: place for place, key in enumerate(self.contenders)}
        clips = comparison.clips().order_by("pk").values_list("pk", "contender_id", "prompt_id")
        told = np.array([(pk, places[contender], prompt) for pk, contender, prompt in clips], dtype=np.int64)
        self.clips, contender, prompt = told.reshape(-1, 3).T
        known, place = np.unique(prompt, return_inverse=True)
        self.prompts: list[int] = known.tolist()
        self.cells = contender * len(self.prompts) + place

    def grid(self, clips: ArrayLike, values: ArrayLike) -> Grid:
        """Means by contender and prompt, NaN where there is nothing."""
        cells, size = self.cells[np.searchsorted(self.clips, clips)], len(self.contenders) * len(self.prompts)
        totals = np.bincount(cells, np.asarray(values, dtype=np.float64), size)
        counts = np.bincount(cells, minlength=size)
        means: Grid = np.divide(totals, counts, out=np.full(size, np.nan), where=counts > 0)
        return means.reshape(len(self.contenders), -1)

    def ready(self) -> QuerySet[Clip]:
        return self.comparison.clips().filter(state=Clip.State.READY).order_by("pk")


def tradeoffs(comparison: Comparison, voted: Mapping[str, Voted], metrics: list[Row], headline: str) -> Row:
    """The section of a report.

    costs: per cost with two values or more {cost, qualities, without}, qualities {quality, title, unit,
    higher_is_better, points, reason}, points per contender, the cheapest first: {contender, cost, value, interval,
    on_front, share_on_front, beaten_by}; without: contenders of which no cost is known. left_out: the other costs
    {cost, known, reason}, known of how many contenders. front: {corners, points, knobs, reason}, points {contender,
    values, on_front, share_on_front}, knobs as `reporting.knobs` has them. A share is None where a measure says
    nothing of single prompts.
    """
    ground = _Ground(comparison)
    people = _people(ground, voted)
    qualities = [people[headline]] if headline in people else []
    qualities += _measured(ground, metrics)
    weighed = [_against(ground, cost, qualities) for cost in COSTS]
    return {
        "costs": [each for each in weighed if "qualities" in each],
        "left_out": [each for each in weighed if "qualities" not in each],
        "front": _front(ground, people | _judged(ground), qualities),
    }


def _people(ground: _Ground, voted: Mapping[str, Voted]) -> dict[str, Quality]:
    """How often people chose each contender's clips, per aspect: the mean over prompts, ties half."""
    listed = list(ground.comparison.pairs.order_by("pk").values_list("pk", "first", "second"))
    pairs, *sides = np.array(listed, dtype=np.int64).reshape(-1, 3).T
    names = dict(ground.comparison.aspects.values_list("key", "name"))
    found = {}
    for aspect, said_of in voted.items():
        if not said_of.outcomes:
            continue
        place = np.searchsorted(pairs, list(said_of.outcomes))
        shares = np.array(list(said_of.outcomes.values()))
        grid = ground.grid(np.concatenate([side[place] for side in sides]), np.concatenate([shares, 1 - shares]))
        means = [_mean(row) for row in grid]
        found[aspect] = Quality(
            f"people:{aspect}",
            names[aspect],
            "share of votes",
            True,
            [mean.value for mean in means],
            [None if mean.low is None else [max(0.0, mean.low), min(1.0, mean.high)] for mean in means],
            grid,
        )
    return found


def _judged(ground: _Ground) -> dict[str, Quality]:
    """What programs that read the prompt say of each contender's clips."""
    found = {}
    for judge, scores in scores_of(ground.comparison, "relevance").items():
        grid = ground.grid(list(scores), list(scores.values()))
        means = [_mean(row) for row in grid]
        found[f"judge:{judge.name}"] = Quality(
            f"judge:{judge.name}",
            " · ".join([f"{judge.name} {judge.version}", *(each.name for each in judge.declaration.weights)]),
            "",
            True,
            [mean.value for mean in means],
            [None if mean.low is None else [mean.low, mean.high] for mean in means],
            grid,
        )
    return found


def _mean(row: Grid) -> Any:
    places = np.flatnonzero(~np.isnan(row))
    return resolve("metrics.following:mean_by_prompt")(row[places], places)


def _measured(ground: _Ground, metrics: list[Row]) -> list[Quality]:
    """Every measure that has a better direction, with its prompts where it has them."""
    single = any(metric["kind"] == "clip" for metric in metrics)
    stored = measured_values(list(ground.ready().select_related("prompt"))) if single else {}
    sets = SetMeasurement.objects.filter(comparison=ground.comparison, tag="")
    of_sets = {(row.metric, row.reference, row.contender_id): row.result.get("by_prompt") or {} for row in sets}
    found = []
    for metric in metrics:
        if metric["higher_is_better"] is None:
            continue
        rows = {row["contender"]: row for row in metric["rows"]}
        mine = [rows.get(name) for name in ground.contenders.values()]
        if metric["kind"] == "clip":
            values = {pk: value for pk, value in stored[metric["metric"]][1].items() if value is not None}
            grid = ground.grid(list(values), list(values.values()))
        else:
            each = [of_sets.get((metric["metric"], metric["reference"], key), {}) for key in ground.contenders]
            grid = np.array([[by.get(f"prompt {key}", np.nan) for key in ground.prompts] for by in each], dtype=float)
        found.append(
            Quality(
                metric["metric"],
                metric["title"] + (f" · {metric['reference']}" if metric.get("reference") else ""),
                metric["unit"],
                metric["higher_is_better"],
                [row["value"] if row else None for row in mine],
                [row["interval"] if row else None for row in mine],
                None if np.isnan(grid).all() else grid,
            )
        )
    return found


def _cost(ground: _Ground, cost: str) -> Grid:
    """By contender and prompt. Steps are the recipe's, or what the pipeline counted where it names none: those of a
    few-step adapter, a table or the checkpoint's own. Loading weights costs once, not with each clip: it is no part of
    seconds, and clips that began with it tell no energy."""
    found: dict[int, float | None] = {}
    if cost == "steps":
        settings = dict(ground.comparison.entries.values_list("contender_id", "contender__recipe__settings"))
        steps = {key: each.get("steps") or (each.get("scheduler") or {}).get("steps") for key, each in settings.items()}
        for pk, key, counted in ground.ready().values_list("pk", "contender_id", "facts__generator__steps"):
            found[pk] = steps[key] or counted
    else:
        spent = ("seconds", "facts__provenance__seconds__load", "facts__provenance__energy_wh")
        for pk, seconds, loading, energy in ground.ready().values_list("pk", *spent):
            if cost == "energy":
                found[pk] = energy if (loading or 0.0) <= LOADING * (seconds or 0.0) else None
            else:
                found[pk] = None if seconds is None else max(0.0, seconds - (loading or 0.0))
    known = {pk: float(value) for pk, value in found.items() if value is not None}
    return ground.grid(list(known), list(known.values()))


def _against(ground: _Ground, cost: str, qualities: list[Quality]) -> Row:
    """Each quality against one cost, or the reason why there is nothing to show."""
    grid, names = _cost(ground, cost), list(ground.contenders.values())
    costs = [_mean(row).value for row in grid]
    known = [value for value in costs if value is not None]
    if len(known) < 2:
        return {"cost": cost, "known": len(known), "reason": said(COSTS[cost], n=len(known), all=len(names))}
    if np.ptp(known) <= 1e-9 * max(known):
        return {
            "cost": cost,
            "known": len(known),
            "reason": said("the same for all of which it is known: {value}", value=f"{known[0]:.3g}"),
        }
    shown = []
    for quality in qualities:
        both = [place for place, value in enumerate(quality.values) if value is not None and costs[place] is not None]
        if len(both) < 2:
            continue
        values, prices = (np.array([each[place] for place in both]) for each in (quality.values, costs))
        ordered = resolve("metrics.tradeoffs:against_cost")(
            [names[place] for place in both], values, prices, quality.higher_is_better
        )
        shares, reason = _shares(ground, [quality.grid, grid], both, [quality.higher_is_better, False])
        by_name = {names[place]: number for number, place in enumerate(both)}
        shown.append(
            {
                "quality": quality.key,
                "title": quality.title,
                "unit": quality.unit,
                "higher_is_better": quality.higher_is_better,
                "points": [
                    {
                        "contender": each.contender,
                        "cost": each.cost,
                        "value": each.quality,
                        "interval": quality.intervals[both[by_name[each.contender]]],
                        "on_front": each.on_front,
                        "share_on_front": shares and shares[by_name[each.contender]],
                        "beaten_by": each.dominated_by,
                    }
                    for each in ordered
                ],
                "reason": reason,
            }
        )
    if not shown:
        return {"cost": cost, "known": len(known), "reason": said("no votes and no measure to hold against it")}
    without = [name for name, value in zip(names, costs, strict=True) if value is None]
    return {"cost": cost, "qualities": shown, "without": without}


def _shares(
    ground: _Ground, grids: list[Grid | None], places: list[int], directions: list[bool]
) -> tuple[list[float] | None, str]:
    """In what share of draws of prompts each contender is on the front, or why that cannot be said."""
    if any(grid is None for grid in grids):
        return None, said("one of them says nothing of single prompts, so that no prompts can be drawn again")
    values = np.stack([grid[places] for grid in grids if grid is not None], axis=2)
    if (~np.isnan(values).all(axis=(0, 2))).sum() < 2:
        return None, said("one prompt tells nothing of others")
    try:
        _, shares = resolve("metrics.tradeoffs:share_on_front")(
            values, np.arange(values.shape[1]), directions, np.random.default_rng(ground.comparison.rng_seed), DRAWS
        )
    except ValueError as error:
        return None, str(error)
    return [float(share) for share in shares], ""


def _front(ground: _Ground, asked: Mapping[str, Quality], qualities: list[Quality]) -> Row:
    """Consistency, diversity and realism: of those that something here stands for, whom nobody beats in all."""
    known = {quality.key: quality for quality in [*qualities, *asked.values()]}
    corners = {
        corner: known[key]
        for corner, keys in CORNERS.items()
        for key in [next((k for k in keys if k in known), "")]
        if key
    }
    listed = [
        {"corner": corner, "title": each.title, "unit": each.unit, "higher_is_better": each.higher_is_better}
        for corner, each in corners.items()
    ]
    names, chosen = list(ground.contenders.values()), list(corners.values())
    both = [place for place in range(len(names)) if all(each.values[place] is not None for each in chosen)]
    if len(chosen) < 2 or len(both) < 2:
        lacking = ", ".join(sorted(CORNERS.keys() - corners.keys()))
        why = said("nothing stands for {lacking}", lacking=lacking) if lacking else said("fewer than two contenders")
        return {"corners": listed, "points": [], "knobs": [], "reason": why}
    directions = [each.higher_is_better for each in chosen]
    values = np.array([[each.values[place] for each in chosen] for place in both], dtype=np.float64)
    kept = resolve("metrics.tradeoffs:front")(values, directions)
    shares, reason = _shares(ground, [each.grid for each in chosen], both, directions)
    points = [
        {
            "contender": names[place],
            "values": values[number].tolist(),
            "on_front": bool(kept[number]),
            "share_on_front": shares and shares[number],
        }
        for number, place in enumerate(both)
    ]
    paths = knobs(ground.comparison, [each["contender"] for each in points])
    return {"corners": listed, "points": points, "knobs": paths, "reason": reason}
