"""What measures of sets say of a comparison, in the form of the others."""

from collections import defaultdict
from typing import Any

import numpy as np

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.models import SetMeasurement
from metrics import resolve
from metrics.sets import SETS, SetMetric

LABEL = "measured by a program, beside the votes and not among them"
Pairs = list[tuple[Clip, Clip, float]]


SPELT = {
    **{name: name.upper() for name in ("fid", "kid", "fvd", "fd", "cmmd", "clip", "lpips", "dino")},
    **{"jedi": "JEDi", "vjepa2": "V-JEPA 2", "videomae": "VideoMAE", "dreamsim": "DreamSim", "dinov2": "DINOv2"},
    **{"clean": "(clean-fid)", "pytorch": "(pytorch-fid)", "vendi": "Vendi", "frechet": "Fréchet"},
}
"""Words of measures' names as their authors write them."""


def title_of(metric: str) -> str:
    """`fid_clean` is FID (clean-fid), `motion_spread` Motion spread."""
    first, *others = metric.split("_")
    return " ".join([SPELT.get(first, first.capitalize()), *(SPELT.get(word, word) for word in others)])


def set_results(
    comparison: Comparison, contenders: dict[int, str], voted: dict[str, tuple[Pairs, int, int]]
) -> list[dict[str, Any]]:
    """One entry per set metric, reference and protocol; those brought from elsewhere last, under their own names.

    The keys of `results_of`, and: kind "set"; reference, its name; protocol, all that two values must share to compare;
    in rows plain (as published), floor, spread, clips, reference_rows, reference_clips; tags: {tag, rows} per prompt
    tag. A set measure says nothing of one pair: agreement is None, and tau orders contenders. `count` is of rows
    (frames or clips), `missing` of clips.
    """
    grouped: dict[tuple[str, str, str], list[SetMeasurement]] = defaultdict(list)
    places = {name: place for place, name in enumerate(SETS)}
    for row in SetMeasurement.objects.filter(comparison=comparison, contender__in=contenders):
        if row.metric in SETS or "imported" in row.result:
            grouped[row.metric, row.reference, row.protocol].append(row)
    results = []
    for (name, reference, protocol), rows in sorted(
        grouped.items(), key=lambda each: (places.get(each[0][0], len(places)), each[0])
    ):
        metric = SETS.get(name) or rows[0].result["imported"]
        metric = metric if isinstance(metric, dict) else _words(name, metric)
        by_tag: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: list(contenders).index(row.contender_id)):
            by_tag[row.tag].append(_row(contenders[row.contender_id], row.result))
        known = {
            row.contender_id: row.result["value"] for row in rows if not row.tag and row.result["value"] is not None
        }
        results.append(
            {
                "metric": name,
                "kind": "set",
                **{key: metric[key] for key in ("title", "unit", "higher_is_better", "label")},
                "version": protocol,
                "protocol": protocol,
                "reference": reference,
                "rows": by_tag.pop("", []),
                "tags": [{"tag": tag, "rows": each} for tag, each in sorted(by_tag.items())],
                "following": [
                    {"aspect": aspect, "votes": votes, "simulated_votes": simulated}
                    | _order(pairs, known, metric["higher_is_better"])
                    for aspect, (pairs, votes, simulated) in voted.items()
                ],
            }
        )
    return results


def _words(name: str, metric: SetMetric) -> dict[str, Any]:
    return {
        "title": title_of(name),
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "label": f"{metric.of}; {LABEL}",
    }


def _row(contender: str, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "contender": contender,
        "value": result["value"],
        "interval": None if result["low"] is None else [result["low"], result["high"]],
        "count": result["rows"],
        **{key: result[key] for key in ("missing", "reason", "plain", "floor", "spread", "clips")},
        **{key: result[key] for key in ("reference_rows", "reference_clips")},
        "runs": result.get("runs"),
        "without": [{"reason": reason, "clips": 1} for reason in result.get("without", [])],
    }


def _order(pairs: Pairs, known: dict[int, float], higher_is_better: bool) -> dict[str, Any]:
    """Whether contenders stand in the same order by the set measure as by votes."""
    chosen: dict[int, list[float]] = defaultdict(list)
    for a, b, share in pairs:
        for clip, won in ((a, share), (b, 1 - share)):
            if clip.contender_id in known:
                chosen[clip.contender_id].append(won)
    order = resolve("metrics.following:ranks")(
        np.array([known[key] * (1 if higher_is_better else -1) for key in chosen]),
        np.array([np.mean(each) for each in chosen.values()]),
    )
    return {
        "agreement": None,
        "interval": None,
        "pairs": 0,
        "prompts": 0,
        "tau": order.tau,
        "rho": order.rho,
        "order_p_value": order.chance,
        "contenders": len(chosen),
        "bins": [],
        "reason": "a measure of sets says nothing of one pair",
    }
