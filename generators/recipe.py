"""Recipes: all that turns checkpoint + prompt + seed into a clip, checked and named by its meaning."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from generators import GeneratorError, _hint, load

SHIPPED: dict[str, tuple[str, dict[str, Any]]] = {
    "end-to-end": ("shapes", {}),
    "frame-by-frame": ("shapes", {"boil": 0.6, "camera_drift": 0.6, "motion": 0.35}),
}
"""The choice a video team faced: a coherent model, or one that re-renders each frame."""

FORMS = {
    r"\.safetensors$": "only safetensors files are loaded, since others can run code: convert it first",
    r"^[0-9a-f]{40}$": "give the commit, 40 hex digits: a branch moves",
    r"^[0-9a-f]{64}$": "give the sha256, 64 hex digits",
    r"^[\w.-]+/[\w.-]+$": "write it as owner/name",
    r"\{prompt\}": "it must have {prompt} in it, or every clip would show the same",
}
"""What texts of a certain form are to be, by their pattern."""


def parse(generator: str, settings: dict[str, Any]) -> BaseModel:
    """The settings with their defaults. Raises GeneratorError: each wrong key with the nearest right one."""
    model = load(generator).Settings
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        problems = []
        for wrong in error.errors():
            key = ".".join(map(str, wrong["loc"]))
            said = f"{wrong['msg'][0].lower()}{wrong['msg'][1:]}"
            if wrong["type"] == "extra_forbidden":
                problems.append(f"unknown setting {key!r}: {_right(model, wrong['loc'])}")
            elif wrong["type"] == "missing":
                problems.append(f"{key} is missing")
            elif wrong["type"] == "literal_error":
                problems.append(f"{key} = {wrong['input']!r}: {_hint(str(wrong['input']), _quoted(wrong, 'expected'))}")
            elif wrong["type"] == "union_tag_invalid":
                (name,), tag = _quoted(wrong, "discriminator"), wrong["ctx"]["tag"]
                problems.append(f"{key}.{name} = {tag!r}: {_hint(tag, _quoted(wrong, 'expected_tags'))}")
            elif wrong["type"] == "string_pattern_mismatch":
                pattern = wrong["ctx"]["pattern"]
                problems.append(f"{key} = {wrong['input']!r}: {FORMS.get(pattern, f'must match {pattern}')}")
            elif wrong["type"] == "value_error":
                problems.append(f"{key + ': ' if key else ''}{wrong['ctx']['error']}")
            else:
                problems.append(f"{key} = {wrong['input']!r}: {said}")
        raise GeneratorError(f"recipe of {generator}: {'; '.join(problems)}") from error


def _quoted(wrong: Any, name: str) -> list[str]:
    """The names that pydantic lists in quotes."""
    return re.findall(r"'([^']*)'", wrong["ctx"][name])


def _right(model: type[BaseModel], where: tuple[int | str, ...]) -> str:
    """The right name for a wrong key: of a setting further down, or one that diffusers calls so, else the nearest."""
    from generators.calls import setting_of

    name, schema = str(where[-1]), model.model_json_schema()
    here = _choices(schema, where[:-1])
    below = _paths(here, schema)
    elsewhere = below if len(where) == 1 else below + _paths([schema], schema)
    for path in elsewhere:
        if path == setting_of(name) or path.rpartition(".")[2] == name or path.replace(".", "_") == name:
            return f"did you mean {path!r}?"
    return _hint(name, [one for one in below if "." not in one])


def _paths(choices: list[dict[str, Any]], schema: dict[str, Any]) -> list[str]:
    """Settings at and below a place in the JSON schema, the parts' own as part.name."""
    found = []
    for one in choices:
        for name, held in one.get("properties", {}).items():
            inner = _resolved(held, schema)
            found += [name, *(f"{name}.{each}" for each in _paths([inner], schema))]
    return found


def _choices(schema: dict[str, Any], where: tuple[int | str, ...]) -> list[dict[str, Any]]:
    """What may stand at a place, from the JSON schema."""
    here = schema
    for step in where:
        choices = [_resolved(one, schema) for one in here.get("anyOf", [here])]
        here = next(
            (found for one in choices if (found := _inside(one, step, schema)) is not None),
            {},
        )
    return [_resolved(one, schema) for one in here.get("anyOf", [here])]


def _inside(here: dict[str, Any], step: int | str, schema: dict[str, Any]) -> dict[str, Any] | None:
    if "items" in here and isinstance(step, int):
        return _resolved(here["items"], schema)
    mapping = here.get("discriminator", {}).get("mapping", {})
    if step in mapping:
        return _resolved({"$ref": mapping[step]}, schema)
    if step in here.get("properties", {}):
        return _resolved(here["properties"][step], schema)
    return None


def _resolved(here: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in here:
        here = schema["$defs"][here["$ref"].rpartition("/")[2]]
    return here


def schema(generator: str) -> dict[str, Any]:
    """The JSON schema of a generator's settings, for forms."""
    return load(generator).Settings.model_json_schema()


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """Generator and settings of a recipe file: {"generator": name, "settings": {…}}, as JSON or YAML.

    Raises GeneratorError with the file's name when it cannot be read or holds something else.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        # JSON says more clearly than YAML what is wrong in JSON.
        held = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise GeneratorError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, yaml.YAMLError) as error:
        raise GeneratorError(
            f"{path}: is no {'JSON' if path.suffix.lower() == '.json' else 'YAML'} ({error})"
        ) from error
    if not isinstance(held, dict) or not isinstance(held.get("settings", {}), dict) or "generator" not in held:
        raise GeneratorError(f"{path}: a recipe is {{generator: name, settings: {{…}}}}")
    if unknown := set(held) - {"generator", "settings"}:
        raise GeneratorError(f"{path}: unknown {', '.join(sorted(unknown))}: a recipe is {{generator, settings}}")
    return str(held["generator"]), held.get("settings", {})


def write(generator: str, settings: dict[str, Any], path: Path) -> None:
    """The recipe with its defaults written out, as JSON or YAML by the file's ending."""
    path.write_text(written(generator, settings, path.suffix.lower()), encoding="utf-8")


def written(generator: str, settings: dict[str, Any], kind: str) -> str:
    """The same as text: ".json", or YAML for any other kind. Raises GeneratorError."""
    import yaml

    held = {"generator": generator, "settings": parse(generator, settings).model_dump(mode="json")}
    if kind == ".json":
        return json.dumps(held, indent=2, ensure_ascii=False) + "\n"
    return str(yaml.safe_dump(held, sort_keys=False, allow_unicode=True))


def identity(generator: str, settings: dict[str, Any]) -> str:
    """sha256 of all that may move a pixel: written-out defaults and the order of keys make no difference."""
    parsed = parse(generator, settings)
    meant = parsed.meaning() if hasattr(parsed, "meaning") else parsed.model_dump(mode="json")
    meaning = {"generator": generator, "settings": meant}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
