"""Prompt lists as people bring them: a line each, CSV, JSONL, or suites of templates; and what changed between two."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _

from evalapp.catalog import vbench_prompts
from evalapp.catalog.models import PromptText, key_of
from evalapp.catalog.suites import expand

LONGEST_PROMPT = 4000
TEXT = ("text", "prompt")
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
SHA256 = re.compile(r"[0-9a-f]{64}")
KINDS = (".txt", ".csv", ".jsonl", ".json")
LANGUAGE = "language:"
"""A prompt's language is a tag, so that reports slice by it."""


class PromptsRefused(ValueError):
    """The list cannot be used; `problems` names every line that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def read_prompts(text: str, kind: str, images: Mapping[str, str] = MappingProxyType({})) -> list[PromptText]:
    """The prompts of a list: .txt a prompt a line; .csv and .jsonl with text (or prompt) and, where given, id (or key),
    tags (in CSV separated by |), language and image; .json suites of templates, or VBench's list. An image is named by
    the name of a file that came along (`images`: sha256 by name) or by the sha256 of one that came before. Raises
    PromptsRefused."""
    found, problems = [], []
    for where, prompt, row in each_prompt(text, kind):
        at, named = f"{where}: " if where else "", row.get("image") or ""
        image = images.get(str(named)) or images.get(PurePosixPath(str(named)).name, named)
        if isinstance(prompt, str):
            problems.append(at + prompt)
        elif image and not SHA256.fullmatch(str(image)):
            problems.append(at + _("there is no image %(name)s: send it along") % {"name": named})
        else:
            found.append(replace(prompt, image=image))
    if problems:
        raise PromptsRefused(problems)
    return found


def as_rows(prompts: Sequence[PromptText], called: str = "id") -> list[dict[str, Any]]:
    """The same prompts as objects, their ids under that name; an image only where there is one."""
    return [
        {called: prompt.key, "text": prompt.text, "tags": list(prompt.tags)}
        | ({"image": prompt.image} if prompt.image else {})
        for prompt in prompts
    ]


def as_lines(prompts: Sequence[PromptText]) -> str:
    """The same prompts as JSONL."""
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in as_rows(prompts))


def each_prompt(text: str, kind: str) -> Iterator[tuple[str, PromptText | str, dict[str, Any]]]:
    """Each prompt of a list, where it stands, and its row as it was given; a string is what is wrong with it."""
    text = text.removeprefix("\ufeff")  # a mark of some editors, which would become part of the first column's name
    if kind not in KINDS:
        told = {"kinds": ", ".join(KINDS), "kind": kind or "–"}
        yield "", _("a list of prompts ends in %(kinds)s, not in %(kind)s") % told, {}
        return
    if kind == ".json":
        try:
            content = json.loads(text)
            if not vbench_prompts.is_vbenchs(content):
                yield from [("", _storable(prompt), {}) for prompt in expand(content)]
                return
        except (ValueError, RecursionError) as error:
            yield "", _("not suites of templates: %(why)s") % {"why": _why(error)}, {}
            return
        yield from _each([(_("row %(n)d") % {"n": n}, row) for n, row in enumerate(vbench_prompts.rows_of(content), 1)])
        return
    read = list(_lines(text) if kind == ".txt" else rows(text, kind, TEXT))
    if not read:
        yield "", _("there are no prompts in it"), {}
    yield from _each(read)


def _each(
    read: Sequence[tuple[str, dict[str, Any] | str]],
) -> Iterator[tuple[str, PromptText | str, dict[str, Any]]]:
    seen: set[str] = set()
    for number, (where, row) in enumerate(read, 1):
        try:
            prompt = _prompt(row, key_of(number, len(read)))
            if prompt.key in seen:
                raise ValueError(_("the id %(id)s comes twice") % {"id": prompt.key})
        except ValueError as error:
            yield where, str(error), {}
        else:
            seen.add(prompt.key)
            yield where, prompt, row if isinstance(row, dict) else {}


def rows(text: str, kind: str, wanted: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Each row of a CSV or JSONL text with where it stands; a string is what is wrong with the row. A table has one of
    the columns `wanted`; where it has none, the first is asked for."""
    if kind == ".csv":
        yield from _table(text, wanted)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            where = _("line %(n)d") % {"n": number}
            try:
                row = json.loads(line)
                yield where, row if isinstance(row, dict) else _("not a JSON object")
            except (json.JSONDecodeError, RecursionError) as error:
                yield where, _("not JSON (%(why)s)") % {"why": _why(error)}


def _why(error: Exception) -> str:
    """Where text stops being JSON; what else is wrong, in its own words."""
    if isinstance(error, json.JSONDecodeError):
        return _("line %(line)s, column %(column)s") % {"line": error.lineno, "column": error.colno}
    return _("nested too deeply") if isinstance(error, RecursionError) else str(error)


def _table(text: str, wanted: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """CSV by the separator of its first row (comma, semicolon or tab, as spreadsheets write it), which names columns
    in any case of letters. A quote that is never closed, or a comma outside of quotes, would eat prompts unseen."""
    first = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        columns = [name.strip().lower() for name in next(table, [])]
        if any(columns) and wanted and not set(wanted) & set(columns):
            yield (
                "",
                _("the first row names the columns, and one of them is %(column)s: here it is “%(row)s”")
                % {"column": wanted[0], "row": first.strip()[:80]},
            )
            return
        for number, row in enumerate((row for row in table if row), 2):
            where = _("row %(n)d") % {"n": number}
            if len(row) > len(columns):
                yield where, _("has more columns than the first row: put text with a separator in it in quotes")
            else:
                yield where, dict(zip(columns, row, strict=False))
    except csv.Error as error:
        yield _("row %(n)d") % {"n": max(number, 1) + 1}, _("not CSV (%(why)s): is a quote left open?") % {"why": error}


def _lines(text: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _("line %(n)d") % {"n": number}, {"text": line.strip()}


def _prompt(row: dict[str, Any] | str, key: str) -> PromptText:
    if isinstance(row, str):
        raise ValueError(row)
    text, key = row.get("text") or row.get("prompt"), row.get("id") or row.get("key") or key
    tags = row.get("tags") or []
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.split("|") if tag.strip()]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(_("has no text"))
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str):
        raise ValueError(_("its id is no text of up to 200 characters"))
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError(_("its tags are no list of texts"))
    language = [f"{LANGUAGE}{row['language']}"] if row.get("language") else []
    return _storable(PromptText(key, text.strip(), tuple(dict.fromkeys([*tags, *language]))))


def _storable(prompt: PromptText) -> PromptText:
    """The same. Raises ValueError."""
    if len(prompt.text) > LONGEST_PROMPT:
        raise ValueError(_("its text is longer than %(n)d characters") % {"n": LONGEST_PROMPT})
    if len(prompt.key) > 200:
        raise ValueError(_("its id is no text of up to 200 characters"))
    if UNSTORABLE.search("".join([prompt.text, prompt.key, *prompt.tags])):
        raise ValueError(_("has a character that is no text (NUL, or half of one): take it out"))
    return prompt


@dataclass(frozen=True)
class Change:
    """A prompt that is not the same in two versions of a set; None where the version lacks it."""

    key: str
    before: PromptText | None
    after: PromptText | None


def changes(before: Sequence[PromptText], after: Sequence[PromptText]) -> list[Change]:
    """What went, came or became another text, tag or image, by id, in the order of the lists."""
    old, new = ({prompt.key: prompt for prompt in prompts} for prompts in (before, after))
    return [
        Change(key, old.get(key), new.get(key))
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or _content(old[key]) != _content(new[key])
    ]


def _content(prompt: PromptText) -> tuple[str, list[str], str]:
    return prompt.text, prompt.tags_in_order, prompt.image
