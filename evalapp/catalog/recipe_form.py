"""A form of a generator's recipe, read off its JSON schema: groups of fields, and what was filled in as settings."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

TYPES = {"string": "text", "integer": "number", "number": "number", "boolean": "choice"}


class NotReadable(ValueError):
    """A field holds something that is no JSON or YAML; the message names it."""


@dataclass
class Field:
    """One setting, by its dotted name. `kind`: text, number, choice, or data (JSON or YAML of a list or object)."""

    name: str
    kind: str
    hint: str = ""
    choices: list[str] = field(default_factory=list)
    whole: bool = False
    lowest: float | None = None
    highest: float | None = None
    usual: str = ""
    required: bool = False
    value: str = ""
    wrong: bool = False

    @property
    def label(self) -> str:
        return self.name.rpartition(".")[2].replace("_", " ")

    def read(self) -> Any:
        """The setting as it was filled in. Raises NotReadable."""
        try:
            if self.kind == "text":
                return self.value
            if self.kind == "choice" and self.value not in ("true", "false"):
                return self.value
            return yaml.safe_load(self.value)  # every JSON is YAML
        except yaml.YAMLError as error:
            raise NotReadable(f"{self.name}: is neither JSON nor YAML ({str(error).splitlines()[0]})") from error


@dataclass
class Group:
    name: str
    hint: str
    fields: list[Field]

    @property
    def filled(self) -> bool:
        return any(each.value or each.wrong for each in self.fields)


def groups(schema: dict[str, Any]) -> list[Group]:
    """The settings of a recipe: those at the top first, then each part with settings of its own."""
    top: list[Field] = []
    parts: list[Group] = []
    required = set(schema.get("required", ()))
    for name, each in schema.get("properties", {}).items():
        here = _resolved(each, schema)
        if here.get("properties"):
            fields = list(_fields(here, schema, f"{name}."))
            for one in fields:
                one.required = one.required and name in required
            parts.append(Group(name, here.get("description", ""), fields))
        else:
            top.append(_field(name, here, each, name in required))
    return [Group("", schema.get("description", ""), top), *parts]


def _fields(part: dict[str, Any], schema: dict[str, Any], prefix: str) -> Iterator[Field]:
    required = set(part.get("required", ()))
    for name, each in part["properties"].items():
        here = _resolved(each, schema)
        if here.get("properties"):
            yield from _fields(here, schema, f"{prefix}{name}.")
        else:
            yield _field(prefix + name, here, each, name in required)


def _field(name: str, here: dict[str, Any], outer: dict[str, Any], required: bool) -> Field:
    usual = outer.get("default", here.get("default"))
    kind = "choice" if "enum" in here or "const" in here else TYPES.get(str(here.get("type")), "data")
    choices = [str(each) for each in here.get("enum", [here["const"]] if "const" in here else [])]
    if here.get("type") == "boolean":
        choices = ["true", "false"]
    return Field(
        name=name,
        kind=kind,
        hint=outer.get("description") or here.get("description", ""),
        choices=choices,
        whole=here.get("type") == "integer",
        lowest=here.get("minimum", here.get("exclusiveMinimum")),
        highest=here.get("maximum", here.get("exclusiveMaximum")),
        usual="" if usual in (None, {}, [], "") else usual if isinstance(usual, str) else json.dumps(usual),
        required=required,
    )


def _resolved(here: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference, or a choice of one thing or nothing, stands for."""
    while True:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rpartition("/")[2]]
        elif len(some := [each for each in here.get("anyOf", ()) if each.get("type") != "null"]) == 1:
            here = {key: value for key, value in here.items() if key not in ("anyOf", "default")} | some[0]
        else:
            return here


def filled(found: list[Group], given: Mapping[str, str]) -> dict[str, Any]:
    """The settings that were filled in; what was left empty is as usual. Raises NotReadable, which names the fields."""
    settings: dict[str, Any] = {}
    problems = []
    for group in found:
        for each in group.fields:
            each.value = given.get(each.name, "").strip()
            if not each.value:
                continue
            try:
                value = each.read()
            except NotReadable as error:
                problems.append(str(error))
                continue
            *path, last = each.name.split(".")
            here = settings
            for step in path:
                here = here.setdefault(step, {})
            here[last] = value
    if problems:
        raise NotReadable("; ".join(problems))
    return settings


def mark(found: list[Group], problems: list[str]) -> None:
    """Mark the fields that the problems name."""
    for group in found:
        for each in group.fields:
            names = (f"{each.name}:", f"{each.name} ", f"'{each.name}'", f"set {each.name}")
            each.wrong = any(problem.startswith(names[:2]) or names[2] in problem for problem in problems)
