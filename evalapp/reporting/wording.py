"""Sentences of a report: frozen in English, with their template and values beside them, so that a page can say them in
the reader's language.

`said("{n} votes", n=3)` is the English text and remembers how it was made. A snapshot holds it as `key` and, beside
it, `key_told`: the template (the message id of the catalogues) and the values. What the libraries say, which know
nothing of catalogues, is recognised by its templates in `KNOWN`. A value called `aspect` is an aspect's key, `aspects`
and `others` are lists of them in words; pages show their titles.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.utils.translation import get_language, gettext

from evalapp.recognising import Templates

TOLD = "_told"
TOLD_KEYS = re.compile(r"(.*_)?(reason|in_words|warning|sentence|method)")
"""Keys of a snapshot under which the libraries' own sentences stand."""


class Said(str):
    """English text that remembers its template and values."""

    template: str
    values: Mapping[str, Any]

    @property
    def told(self) -> dict[str, Any]:
        return {
            "say": self.template,
            "with": {name: told_of(name, value) or value for name, value in self.values.items()},
        }


def said(template: str, **values: Any) -> Said:
    """The template filled in; values are shown as they are, so numbers come rounded."""
    text = Said(template.format(**values))
    text.template, text.values = template, values
    return text


def joined(parts: list[str], between: str = "; ") -> Said | str:
    """Sentences in a row, each of which can be said in another language."""
    if len(parts) == 1:
        return parts[0]
    return said(between.join(f"{{part{n}}}" for n in range(len(parts))), **{f"part{n}": p for n, p in enumerate(parts)})


def told_of(key: str, value: Any) -> dict[str, Any] | None:
    """Template and values of the text under a key, if they are known."""
    if isinstance(value, str) and not isinstance(value, Said) and TOLD_KEYS.fullmatch(key):
        value = recognised(value)
    return value.told if isinstance(value, Said) else None


def annotated(key: str, value: Any) -> dict[str, Any]:
    """What stands in a snapshot beside `key`, so that its text can be said in other languages; empty for all else."""
    if isinstance(value, list) and any(isinstance(each, Said) for each in value):
        return {key + TOLD: [told_of(key, each) for each in value]}
    told = told_of(key, value)
    return {key + TOLD: told} if told else {}


def spoken(value: Any, titles: Mapping[str, str]) -> Any:
    """A snapshot with its sentences in the language of the reader; `titles` are those of the aspects."""
    if (get_language() or "en").startswith("en"):
        return value
    if isinstance(value, list):
        return [spoken(each, titles) for each in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: _late(key, inner) if isinstance(inner, str) else spoken(inner, titles)
        for key, inner in value.items()
        if not key.endswith(TOLD)
    }
    for key, told in value.items():
        if key.endswith(TOLD):
            name = key.removesuffix(TOLD)
            found[name] = _in_words(told, value[name], titles)
    return found


def _late(key: str, text: str) -> str:
    """A sentence that stands in snapshots in English alone; `spoken` puts another in its place where it was told."""
    return late(text) if TOLD_KEYS.fullmatch(key) else text


def late(text: str) -> str:
    """One of LATE in the language of the reader; any other text as it is, or as it is translated whole."""
    return _late_templates().spoken(text)


def _in_words(told: Any, english: Any, titles: Mapping[str, str]) -> Any:
    if isinstance(told, list):
        return [_in_words(each, text, titles) for each, text in zip(told, english, strict=True)]
    if told is None:
        return english
    values = {name: _value(name, value, titles) for name, value in told["with"].items()}
    return (gettext(told["say"]) if told["say"] else "").format(**values)


def _value(name: str, value: Any, titles: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return _in_words(value, "", titles)
    if name == "aspect":
        return titles.get(value, value)
    if name in ("aspects", "others"):
        return ", ".join(titles.get(key, key) for key in re.split(", | and ", value))
    return value


@cache
def _templates() -> Templates:
    return Templates(KNOWN)


@cache
def _late_templates() -> Templates:
    return Templates(LATE)


def recognised(text: str) -> Said | None:
    """A library's sentence with the template that it was made from, the first of KNOWN that fits."""
    found = _templates().find(text)
    return said(found[0], **found[1]) if found else None


NOT_A_CAUSE = " (an association between answers on one form, not a cause)."

KNOWN: tuple[str, ...] = (
    # Too little to say anything
    "no votes",
    "nothing was measured",
    "no variation to reckon with",
    "one prompt tells nothing of others",
    "every prompt gives the same value",
    "one prompt only: an interval needs at least two",
    "one assessor only: an interval needs at least two",
    "the votes are worth {n} assessors: an interval needs at least two",
    "the votes are worth {n} assessors along this axis: an interval needs at least two",
    "{n} prompts so far: an interval needs {least}",
    "no variation between prompts and assessors",
    "no variation between prompts and assessors to compare the misfit with",
    "no variation between assessors",
    "without one of the assessors all votes have the same position",
    "one assessor only: nobody to be weighed against",
    "assessors agree no better than by chance, so none seems more reliable than another",
    "it is not known who stood on which side",
    "tested in the report, once voting has ended",
    # Measures
    "not measured yet",
    "no prompt has several seeds",
    "one prompt or clip",
    "a measure of sets says nothing of one pair",
    "N too small: {n} rows, {needed} are needed for neighbour {k}",
    "N too small: {n} rows, {needed} are needed for {d} features",
    "N too small: {n} rows, {needed} are needed",
    "N too small: {n} rows cannot be parted into {parts}",
    "N too small: {n} prompts or clips, {needed} are needed",
    "this clip has no text to be held against",
    "the prompt has no tag that names what this measure looks for",
    "the prompt's tags name {n} things, and this measure looks for one",
    "{frames} frames are too few: this measure needs {needed}",
    "{frames} frames at {fps} a second are too short for optical flow",
    "one frame does not move: this measure needs 2",
    "one frame is consistent with itself: this measure needs 2",
    "no place of a frame is seen again in the next one",
    "no frame has an edge, so none is sharp or blurred",
    "frames of {size} are too small to tell sharpness",
    "frames of {size} hold no border of blocks",
    "frames of {size} are smaller than a block of {n} pixels",
    "frames of {size} are too small for optical flow: {least} pixels a side are needed",
    "frames of {size} are too small for AMT-S: {least} pixels a side are needed",
    "{clip}: {frames} frames at {fps} a second are too few: this extractor needs {needed}",
    "{clip}: {frames} frames are too few: this extractor needs {needed}",
    "{clip}: frames of {size} are too small for features",
    "{clip}: it could not be read",
    # Win rates
    "wins {share} of 100, between {low} and {high}",
    "wins {share} of 100; no interval: {reason}",
    "wins {share} of 100",
    # Judges
    "people decided none of the pairs that the judge answered",
    "the judge ties on every pair that people decided",
    "the judge answered no pair",
    "the judge did not answer all pairs that people voted on: held beside other votes, it would not compare",
    "the judge knows no pair beyond those that people voted on: there is nothing to add",
    "the votes do not vary between prompts and assessors",
    "no pair that the judge answered has votes of others that decide it",
    "fewer than {n} prompts: no margin can be fitted",
    "one of the two ranks all contenders alike",
    "no group has two scores",
    "every clip has the same score",
    "it prefers one of two clips and scores none: equal scores cannot be asked for",
    # Agreement
    "no pair was shown twice to one assessor",
    "no item has votes by two assessors: agreement needs an overlap of 2",
    "every vote is the same category: nothing could have disagreed, alpha is undefined",
    "an interval needs at least two prompts with several assessors",
    "all disagreement comes from one prompt: no interval over prompts",
    "all prompts agree to the same degree: their spread says nothing about new prompts",
    # Sides
    "sides were fixed: the first contender stood on the left in {left} of 100 votes, so its quality and its place "
    "cannot be told apart",
    "sides were unbalanced: the first contender stood on the left in {left} of 100 votes",
    "every vote is a tie: neither side was ever chosen",
    # Drivers
    "every vote has the same preference, so nothing can go with it",
    "no aspect was ever answered in two ways",
    "answers on {aspects} follow from each other: leave one of them out",
    "the aspects predict the preference perfectly: more votes are needed to weigh them",
    "{aspects} were answered much alike: how the credit divides between them is uncertain",
    "What goes with the preference cannot be said: {reason}.",
    "Neither {first} nor {second} is clearly preferred, and no aspect clearly speaks for either.",
    "Neither {first} nor {second} is clearly preferred; {aspects} speaks for {name}; {others} speaks for {other}"
    + NOT_A_CAUSE,
    "Neither {first} nor {second} is clearly preferred; {aspects} speaks for {name}" + NOT_A_CAUSE,
    "{winner} is preferred; no single aspect clearly goes with it.",
    "{winner} is preferred for its {aspects}, in spite of its {others}" + NOT_A_CAUSE,
    "{winner} is preferred for its {aspects}" + NOT_A_CAUSE,
    "{winner} is preferred, in spite of its {others}" + NOT_A_CAUSE,
    # Suites
    "one group of prompts only: an interval needs at least two",
    "no group of prompts has votes on each of these fillings",
    # Tags
    "whether slices differ cannot be tested: {reason}",
    "slices differ by more than chance (p = {p})",
    "no sign that slices differ (p = {p}): tell no story about a single one",
    "clips without a file have no features",
    "no extractor has read all {n} clips: manage.py measure reads them",
    "some prompts have no clips with features",
    # Ranking
    "{n} pairings: the test is limited to {most} (40 contenders)",
    "no votes link these groups: {groups}. Compare a contender of one with one of the other, or rank each group alone",
    "between these groups one side won every vote, so the distance is infinite: {groups}. Collect more votes between "
    "them, leave out the undefeated or winless, or give a prior",
)

LATE: tuple[str, ...] = (
    "Bradley-Terry, maximum likelihood, ties as half",
    "Bradley-Terry, maximum a posteriori with a normal prior of {prior} log-odds, ties as half",
    "no votes: a ranking needs some",
    "sides were fixed: who stood on the left follows from who was compared",
    "one side wins so regularly that no finite order effect tells the votes best",
    "wins and ties order the contenders so cleanly that no finite strengths tell them best: add votes, or use ties as "
    "half a win",
    "the first contender stood on the left in {left} of {n} votes, so its quality and its place cannot be told apart",
    "covariate {name} follows from the contenders: leave it out",
    "covariate {name} follows from the contenders and the covariates before it: leave it out",
    "covariate {name} is 0 in every pair: nothing can be learnt about it",
    "{ties} of {n} votes are ties: the tie parameter has no finite value; use {name}",
    "Dawid-Skene has not settled in {n} rounds (last change {moved}): raise the limit",
    "{n} prompts are too few to group: take four or more",
    "all prompts are alike: there is nothing to group",
    "the prompts have no words of three letters or more to group and name them by",
    "too many prompts look alike to form {n} groups: take fewer",
    "imported from {source}, not measured here",
    "beside the votes and not among them",
)
"""Recognised by the page alone: snapshots hold no template of them, so the same votes give the same bytes as ever."""
