"""Behavioural suites: templates with slots become prompts of a named capability (CheckList; Ribeiro et al., 2020).

A suite is {"capability": …, "test": …, "template": "a {colour} {object} {motion}", "slots": {slot: [filling, …]}}, with
"name", "sample" (how many of the combinations, evenly drawn) and "varies" where wanted. Its test is
- minimum functionality: every prompt is a small test of the capability by itself;
- invariance: what fills the slots of "varies" must not change which contender does better; prompts that differ in these
  slots only form a group;
- directional: as invariance, but the fillings of "varies" go from less to more, so that a difference is expected.
Capability, test, group and filling are tags of the prompt, by which reporting.suites finds them again.
"""

from collections.abc import Iterator
from math import prod
from string import Formatter
from typing import Any

from django.utils.translation import gettext as _

from evalapp.catalog.models import PromptText, key_of

TESTS = ("minimum functionality", "invariance", "directional")
KNOWN = {"name", "capability", "test", "template", "slots", "varies", "sample", "tags"}
MOST = 10_000


class SuiteError(ValueError):
    """A suite makes no sense; the message says which and why."""


def expand(suites: Any) -> list[PromptText]:
    """The prompts of one suite or a list of them. Raises SuiteError."""
    found: dict[str, PromptText] = {}
    for number, suite in enumerate(suites if isinstance(suites, list) else [suites], 1):
        where = _("suite %(n)s") % {"n": number}
        for prompt in _expanded(suite, where):
            if prompt.key in found:
                told = {"where": where, "key": repr(prompt.key)}
                raise SuiteError(
                    _("%(where)s: %(key)s is the name of another suite's prompt: name suites apart") % told
                )
            found[prompt.key] = prompt
    if not found:
        raise SuiteError(_("there is no suite in it"))
    return list(found.values())


def _expanded(suite: Any, where: str) -> Iterator[PromptText]:
    if not isinstance(suite, dict):
        raise SuiteError(_("%(where)s: is no object with capability, template and slots") % {"where": where})
    if unknown := set(suite) - KNOWN:
        told = {"where": where, "unknown": ", ".join(sorted(unknown)), "known": ", ".join(sorted(KNOWN))}
        raise SuiteError(_("%(where)s: knows no %(unknown)s; there are %(known)s") % told)
    capability, template, slots = suite.get("capability"), suite.get("template"), suite.get("slots", {})
    test, varies = suite.get("test", TESTS[0]), suite.get("varies", [])
    if not isinstance(capability, str) or not capability or not isinstance(template, str) or not template:
        raise SuiteError(_("%(where)s: needs a capability and a template") % {"where": where})
    if test not in TESTS:
        told = {"where": where, "tests": ", ".join(TESTS), "test": repr(test)}
        raise SuiteError(_("%(where)s: a test is one of %(tests)s, not %(test)s") % told)
    asked = _asked(template, where)
    if not isinstance(slots, dict) or not all(_fillings(value) for value in slots.values()):
        said = _("%(where)s: slots are {name: [text, …]}, each with one filling or more, each filling once")
        raise SuiteError(said % {"where": where})
    if not (_texts(varies) and _texts(suite.get("tags", [])) and isinstance(suite.get("name", ""), str)):
        raise SuiteError(_("%(where)s: varies and tags are lists of texts, its name is a text") % {"where": where})
    if set(asked) != set(slots):
        told = {"where": where, "asked": ", ".join(asked), "slots": ", ".join(sorted(slots))}
        said = _("%(where)s: the template asks for [%(asked)s], the slots are [%(slots)s]: both must be the same")
        raise SuiteError(said % told)
    if (test == TESTS[0]) != (not varies) or not set(varies) <= set(asked):
        raise SuiteError(
            _("%(where)s: invariance and directional tests name in varies the slots that change, others none")
            % {"where": where}
        )
    count = prod(len(slots[slot]) for slot in asked)
    sample = suite.get("sample", count)
    if not isinstance(sample, int) or not 0 < sample <= min(count, MOST):
        told = {"where": where, "n": str(count), "most": str(min(count, MOST))}
        raise SuiteError(_("%(where)s: it has %(n)s combinations: a sample is 1 to %(most)s of them") % told)
    size = prod(len(slots[slot]) for slot in set(varies))  # of a group, which is drawn whole or not at all
    if sample % size:
        told = {"where": where, "n": str(size)}
        raise SuiteError(_("%(where)s: groups of %(n)s prompts stay whole: make the sample a multiple of it") % told)
    name = suite.get("name") or capability
    order = [*(slot for slot in asked if slot not in varies), *dict.fromkeys(varies)]
    drawn = sample // size
    for place in (index * (count // size) // drawn * size + of for index in range(drawn) for of in range(size)):
        filled = _filled(order, slots, place)
        tags = [*suite.get("tags", []), f"capability:{capability}", f"test:{test}"]
        if varies:
            tags.append(f"group:{name} {place // size + 1}")
            tags += [f"{slot}:{filled[slot]}" for slot in varies]
        yield PromptText(key_of(place + 1, count, f"{name}-", digits=1), template.format(**filled), tuple(tags))


def _filled(order: list[str], slots: dict[str, list[str]], place: int) -> dict[str, str]:
    """The combination at that place, the last slot changing fastest; there may be more of them than memory."""
    found = {}
    for slot in reversed(order):
        place, at = divmod(place, len(slots[slot]))
        found[slot] = slots[slot][at]
    return found


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def _fillings(value: Any) -> bool:
    return _texts(value) and bool(value) and len(set(value)) == len(value)


def _asked(template: str, where: str) -> list[str]:
    """The template's slots, in order. Only plain names: a format string could read attributes otherwise."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        told = {"where": where, "why": str(error)}
        raise SuiteError(_("%(where)s: the template is broken: %(why)s") % told) from error
    asked = [(name, spec, conversion) for _text, name, spec, conversion in parts if name is not None]
    for name, spec, conversion in asked:
        if not name.isidentifier() or spec or conversion:
            told = {"where": where, "slot": f"{{{name}}}"}
            raise SuiteError(_("%(where)s: a slot is a plain word in braces, not %(slot)s") % told)
    return list(dict.fromkeys(name for name, _spec, _conversion in asked))
