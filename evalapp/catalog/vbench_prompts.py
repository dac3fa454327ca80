"""VBench's own list of prompts, `VBench_full_info.json` (Huang et al., 2024): its dimensions and what they look for
become tags, by which reports slice and measures ask."""

from collections.abc import Iterator
from typing import Any

from evalapp.catalog.models import key_of


def is_vbenchs(content: Any) -> bool:
    rows = content if isinstance(content, list) else []
    return bool(rows) and all(
        isinstance(each, dict) and isinstance(each.get("prompt_en"), str) and isinstance(each.get("dimension"), list)
        for each in rows
    )


def rows_of(prompts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same list with id, text and tags, as others have them."""
    for number, row in enumerate(prompts, 1):
        text, dimensions = row["prompt_en"].strip(), [str(each) for each in row["dimension"]]
        tags = [f"dimension:{each}" for each in dimensions]
        told = row.get("auxiliary_info")
        for dimension, known in told.items() if isinstance(told, dict) else ():
            tags += _named(dimension, text, known if isinstance(known, dict) else {})
        tags += [f"action:{text}"] if "human_action" in dimensions else []
        yield {"id": key_of(number, len(prompts), "vbench-"), "text": text, "tags": list(dict.fromkeys(tags))}


def _named(dimension: str, text: str, known: dict[str, Any]) -> list[str]:
    """What a dimension looks for, as tags. A colour is that of the thing, so its whole prompt is asked."""
    match dimension, known:
        case "appearance_style", {"appearance_style": style}:
            return [f"style:{style}"]
        case (("object_class" | "multiple_objects"), {"object": objects}):
            return [f"object:{each.strip()}" for each in str(objects).split(" and ")]
        case "color", {"color": _}:
            return [f"colour:{text}"]
        case "spatial_relationship", {
            "spatial_relationship": {"object_a": one, "object_b": other, "relationship": how}
        }:
            return [f"relation:a {one} {how} a {other}"]
        case "scene", {"scene": {"scene": scene}}:
            return [f"scene:{scene}"]
    return []
