"""What the schema says of bodies, so that it refuses what the API refuses: keys that nobody reads, blank words."""

import re
from datetime import time
from typing import Any

from django import forms
from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from evalapp.comparisons.rules import WorkRules

Told = dict[str, Any]
NO_NUL = r"^[^\u0000]*$"
HOUR = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"
WORDS = r"^\s*[^\s\u0000][^\u0000]*$"


class StrictBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Every body read by a Strict serializer."""

    target_class = "evalapp.api.serializers.Strict"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Told:
        told: Told = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if direction == "request":
            told["additionalProperties"] = False
            for name, field in self.target.fields.items():
                _narrow(field, told["properties"][name])
        return told


def _narrow(field: serializers.Field, told: Told) -> None:
    if isinstance(field, serializers.ListSerializer) and not field.allow_empty:
        told["minItems"] = 1
    elif isinstance(field, serializers.ListField):
        _narrow(field.child, told["items"])
    elif isinstance(field, serializers.CharField) and not told.keys() & {"pattern", "format", "enum"}:
        told["pattern"] = NO_NUL if field.allow_blank else WORDS


def of_form(form: type[forms.Form]) -> Told:
    """What a page's form takes, as a schema: none of its fields is needed."""
    told = {name: _of_field(field) for name, field in form.base_fields.items()}
    return {"type": "object", "properties": told, "additionalProperties": False}


def _of_field(field: forms.Field) -> Told:
    told: Told = {"description": str(field.help_text)}
    if isinstance(field, forms.IntegerField):
        told["type"] = "number" if isinstance(field, forms.FloatField) else "integer"
        told |= {"minimum": field.min_value, "maximum": field.max_value}
    elif isinstance(field, forms.BooleanField):
        told["type"] = "boolean"
    else:
        told |= {"type": "string", "pattern": NO_NUL}
    return told


@extend_schema_field({"type": "string", "format": "byte"})
class Base64Field(serializers.CharField):
    """A file within JSON."""


@extend_schema_field(of_form(WorkRules))
class RulesField(serializers.DictField):
    """Rules of the work, as their page's form reads them."""


@extend_schema_field(
    {"type": "string", "format": "uri", "pattern": "^https?://" if settings.WEBHOOK_ORIGINS else "^https://"}
)
class AddressField(serializers.CharField):
    """Where webhooks may go, as their page's form reads it."""


@extend_schema_field({"type": "string", "format": "uuid"})
class ProjectField(serializers.CharField):
    """A project's code; what refuses another one names the projects."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"help_text": "A project's code; needed where you organize more than one.", "max_length": 40} | options
        )


@extend_schema_field({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"})
class JudgeNameField(serializers.CharField):
    """A name for a judge of the team's own."""


@extend_schema_field({"type": "string", "pattern": HOUR})
class HourField(serializers.TimeField):
    """A time of day in the house's zone: one that names a zone is refused, for it would be left out."""

    def to_internal_value(self, value: Any) -> time:
        if not re.fullmatch(HOUR, str(value)):
            self.fail("invalid", format="hh:mm[:ss[.uuuuuu]], without a zone")
        read: time = super().to_internal_value(value)
        return read
