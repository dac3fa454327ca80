"""Recipes: all that turns checkpoint + prompt + seed into a clip, checked and named by its meaning."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ValidationError

from generators import GeneratorError, _hint, load

SHIPPED: dict[str, tuple[str, dict[str, Any]]] = {
    "end-to-end": ("shapes", {}),
    "frame-by-frame": ("shapes", {"boil": 0.6, "camera_drift": 0.6, "motion": 0.35}),
}
"""The choice a video team faced: a coherent model, or one that re-renders each frame."""


def parse(generator: str, settings: dict[str, Any]) -> BaseModel:
    """The settings with their defaults. Raises GeneratorError: each wrong key with the nearest right one."""
    model = load(generator).Settings
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        problems = []
        for wrong in error.errors():
            key = ".".join(map(str, wrong["loc"]))
            if wrong["type"] == "extra_forbidden":
                problems.append(f"unknown setting {key!r}: {_hint(key, list(model.model_fields))}")
            else:
                problems.append(f"{key} = {wrong['input']!r}: {wrong['msg'][0].lower()}{wrong['msg'][1:]}")
        raise GeneratorError(f"recipe of {generator}: {'; '.join(problems)}") from error


def identity(generator: str, settings: dict[str, Any]) -> str:
    """sha256 of what the recipe means: written-out defaults and the order of keys make no difference."""
    meaning = {"generator": generator, "settings": parse(generator, settings).model_dump(mode="json")}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
