"""Bodies whose shape follows from a name in them: settings from the generator's, options from the judge's.

The schema tells each as one of several, with the JSON schema of that generator or judge among its components.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import generators
from metrics import JUDGES, resolve

Told = dict[str, Any]
WHERE = "#/components/schemas/"


def tell(document: Told) -> Told:
    """The schema with them."""
    schemas = document["components"]["schemas"]
    settings = {name: generators.load(name).Settings for name in generators.names()}
    _divide(schemas, "RecipeRequest", "generator", "settings", settings)
    options = {name: resolve(JUDGES[name]).Options for name in sorted(JUDGES)}
    _divide(schemas, "NewRunRequest", "judge", "options", options)
    return document


def _divide(schemas: Told, body: str, key: str, free: str, models: Mapping[str, type[BaseModel]]) -> None:
    """The body once for each model: with the names that have it, and with its schema for what was free."""
    named: dict[type[BaseModel], list[str]] = {}
    for name, model in models.items():
        named.setdefault(model, []).append(name)
    schemas |= _components({names[0]: model for model, names in named.items()}, free.title())
    told, choices = schemas[body], []
    for names in named.values():
        title = _title(names[0], free.title())
        fields = {key: {"type": "string", "enum": names}, free: {"$ref": WHERE + title}}
        required = [*told["required"], *([free] if schemas[title].get("required") else [])]
        choices.append(told | {"properties": told["properties"] | fields, "required": required})
    schemas[body] = {"oneOf": choices}


def _components(models: Mapping[str, type[BaseModel]], kind: str) -> dict[str, Told]:
    """Of each model, titled by its name here, and of what they hold, titled by theirs."""
    where, found = models_json_schema(
        [(model, "validation") for model in models.values()], ref_template=f"{WHERE}{kind}{{model}}"
    )
    text = json.dumps({f"{WHERE}{kind}{title}": schema for title, schema in found["$defs"].items()})
    for name, model in models.items():
        text = text.replace(f'"{where[model, "validation"]["$ref"]}"', f'"{WHERE}{_title(name, kind)}"')
    schemas = {place.removeprefix(WHERE): schema for place, schema in json.loads(text).items()}
    for name, model in models.items():
        _without_files(schemas[_title(name, kind)], model)
    return schemas


def _title(name: str, kind: str) -> str:
    return f"{name.title()}{kind}"


def _without_files(schema: Told, model: type[BaseModel]) -> None:
    """A path of the server is named on its command line alone; from afar a file comes by upload."""
    for name, field in model.model_fields.items():
        if field.annotation is Path:
            del schema["properties"][name]
            if name in schema.get("required", ()):
                schema["required"].remove(name)
