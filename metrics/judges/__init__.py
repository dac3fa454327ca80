"""Judges: automatic voters, and how far each can be trusted. Their verdicts never enter human win rates."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics import JUDGES, resolve

if TYPE_CHECKING:
    from metrics.judges.interface import Judge


class UnknownJudge(Exception):
    """No such judge, or options that it does not take; the message says what there is."""


def judge_named(name: str, options: Mapping[str, Any] | None = None, weights: Path = Path("weights")) -> Judge:
    """The judge registered under a name, with options as its `Options` has them; nothing heavy is loaded yet.

    Raises UnknownJudge, which names the nearest judge or what is wrong with each option.
    """
    from pydantic import ValidationError

    if name not in JUDGES:
        near = get_close_matches(name, JUDGES) or sorted(JUDGES)
        raise UnknownJudge(f"no judge is called {name!r}; known: {', '.join(near)}")
    kind = resolve(JUDGES[name])
    try:
        chosen = kind.Options.model_validate(dict(options or {}))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'options'}: {each['msg']}" for each in error.errors())
        takes = ", ".join(kind.Options.model_fields) or "none"
        raise UnknownJudge(f"judge {name}: {wrong} (its options: {takes})") from error
    made: Judge = kind(chosen, weights)
    return made
