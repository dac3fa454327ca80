"""What an organizer tells a judge, as a form made of the judge's own options. Files come by upload, never by path."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy
from pydantic.fields import FieldInfo

from metrics import JUDGES, resolve

MOST_BYTES = 64 * 2**20
ENDINGS = (".csv", ".jsonl")


class NotOffered(Exception):
    """Such options are not taken from afar; the message says which and why."""


def options_of(name: str) -> dict[str, FieldInfo]:
    """By name. Raises KeyError for an unknown judge."""
    return dict(resolve(JUDGES[name]).Options.model_fields)


def is_file(field: FieldInfo) -> bool:
    return field.annotation is Path


def offered(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options, if none names a file of the server's own. Raises NotOffered."""
    if name in JUDGES and (files := [key for key, field in options_of(name).items() if is_file(field)]):
        named = [key for key in files if key in options]
        if named:
            raise NotOffered(f"{', '.join(named)}: paths of the server are named on its command line alone; upload it")
    return options


def kept(name: str, content: bytes) -> str:
    """Where an uploaded file lies from now on, named by its content. Raises NotOffered for another kind of file."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise NotOffered(f"{name}: upload a {' or '.join(ENDINGS)} file")
    if len(content) > MOST_BYTES:
        raise NotOffered(f"{name}: larger than {MOST_BYTES // 2**20} MiB; name its path on the command line")
    folder = Path(settings.MEDIA_DIR) / "scores"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(content).hexdigest()}{ending}"
    if not path.exists():
        aside = path.with_suffix(".part")
        aside.write_bytes(content)
        aside.rename(path)
    return str(path)


class JudgeForm(forms.Form):
    """One judge's options, and a budget for one that asks for money."""

    def __init__(self, name: str, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, prefix=name)
        self.judge = name
        for key, field in options_of(name).items():
            self.fields[key] = _field(key, field)
        if hasattr(resolve(JUDGES[name]), "most"):
            self.fields["most_cost"] = forms.FloatField(
                min_value=0, required=False, label=gettext_lazy("Spend at most")
            )
            self.fields["most_calls"] = forms.IntegerField(
                min_value=1, required=False, label=gettext_lazy("Calls at most")
            )

    def options(self) -> dict[str, Any]:
        """What was filled in; what was left empty is the judge's own default. Raises NotOffered for a wrong file."""
        told: dict[str, Any] = {}
        for key in options_of(self.judge):
            value = self.cleaned_data.get(key)
            if isinstance(value, UploadedFile):
                told[key] = kept(value.name or "", value.read())
            elif value not in (None, "", {}):
                told[key] = value
        return told

    @property
    def budget(self) -> dict[str, Any]:
        return {key: self.cleaned_data.get(key) for key in ("most_cost", "most_calls")}


class JsonObject(forms.CharField):
    """A JSON object; empty is none."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return {}
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise forms.ValidationError('{"…": …}')
        return told


def _field(key: str, field: FieldInfo) -> forms.Field:
    told: dict[str, Any] = {
        "required": field.is_required(),
        "label": key,
        "help_text": field.description or "",
    }
    kind: Any = field.annotation
    if not field.is_required() and isinstance(field.default, str | int | float):
        told["initial"] = field.default
    if is_file(field):
        return forms.FileField(**told, widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}))
    if get_origin(kind) is Literal:
        return forms.ChoiceField(choices=[(each, each) for each in get_args(kind)], **told)
    kinds = {kind, *get_args(kind)}
    if get_origin(kind) is dict:
        return JsonObject(**told)
    if bool in kinds:
        return forms.BooleanField(**{**told, "required": False})
    if float in kinds:
        return forms.FloatField(**told)
    if int in kinds:
        return forms.IntegerField(**told)
    return forms.CharField(**told, max_length=500)
