"""The API told: its OpenAPI schema, and a page of it for people, made from the schema."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayRead, TokenAuthentication
from evalapp.api.base import Problems
from evalapp.api.named import WHERE, tell
from evalapp.people.views import signed_in_only


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema tells of tokens."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


Document = dict[str, Any]


def schema() -> Document:
    return tell(dict(SchemaGenerator().get_schema(request=None, public=True)))  # type: ignore[no-untyped-call]


@extend_schema(exclude=True)
class Schema(Problems):
    """OpenAPI 3, for clients and checkers."""

    permission_classes = [MayRead]

    def get(self, request: Request) -> Response:
        return Response(schema())


@signed_in_only
def page(request: HttpRequest) -> HttpResponse:
    """Every address with its methods, bodies and answers."""
    told = schema()
    operations = [
        {
            "path": path,
            "method": method.upper(),
            "summary": operation.get("description") or "",
            "body": _fields(told, operation.get("requestBody", {}).get("content", {})),
            "answers": [
                (code, answer.get("description", ""), _fields(told, answer.get("content", {})))
                for code, answer in sorted(operation["responses"].items())
            ],
        }
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    return render(request, "api/documents.html", {"operations": operations, "version": told["info"]["version"]})


def _fields(told: Document, content: Document) -> list[Document]:
    """Names, types and help of a body's fields; of a list, those of its items."""
    media: Document = next(iter(content.values()), {})
    body = _resolved(told, media.get("schema", {}))
    if "results" in body.get("properties", {}):
        body = _resolved(told, body["properties"]["results"]["items"])
    needed = body.get("required", [])
    return [
        {"name": name, "type": _kind(told, field), "needed": name in needed, "help": field.get("description", "")}
        for name, field in body.get("properties", {}).items()
    ]


def _resolved(told: Document, field: Document) -> Document:
    reference = field.get("$ref", "")
    found = told["components"]["schemas"][reference.removeprefix(WHERE)] if reference else field
    return _as_one(found["oneOf"]) if "oneOf" in found else found


def _as_one(choices: list[Document]) -> Document:
    """The fields of a body that is one of several, with all the names that a field may have in them."""
    fields: Document = {}
    for choice in choices:
        for name, field in choice.get("properties", {}).items():
            names = [*fields.get(name, {}).get("enum", ()), *field.get("enum", ())]
            fields[name] = field | ({"enum": names} if names else {})
    return choices[0] | {"properties": fields}


def _kind(told: Document, field: Document) -> str:
    field = _resolved(told, field)
    if "items" in field:
        return f"list of {_kind(told, field['items'])}"
    if "enum" in field:
        return "one of " + ", ".join(map(str, field["enum"]))
    kinds = field.get("format") or field.get("type") or "object"
    return kinds if isinstance(kinds, str) else " or ".join(each for each in kinds if each != "null")
