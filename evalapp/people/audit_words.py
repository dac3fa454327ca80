"""What entries of the audit trail mean: their kinds, and verbs, subjects and details in the reader's words.

Entries are sealed as they were written, in English; pages recognise them, and what is not known stays as it is.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from evalapp.recognising import Templates

KINDS = {
    "looked": gettext_lazy("Looked behind the blind"),
    "exported": gettext_lazy("Exported"),
    "assessors": gettext_lazy("Invited, paused, excluded or erased assessors"),
    "comparisons": gettext_lazy("Changed comparisons, prompts or contenders"),
    "members": gettext_lazy("Changed members, tokens or sign-in"),
    "budgets": gettext_lazy("Reached a day's budget"),
    "sealed": gettext_lazy("Sealed what was answered"),
}
VERBS: dict[str, dict[str, str]] = {
    "looked": {"looked behind the blind of": gettext_noop("looked behind the blind of")},
    "exported": {
        "exported the {what} of": gettext_noop("exported the {what} of"),
        "backed up": gettext_noop("backed up"),
    },
    "assessors": {
        "excluded": gettext_noop("excluded the votes of"),
        "took back in": gettext_noop("counted again the votes of"),
        "paused": gettext_noop("gave no new pairs to"),
        "resumed": gettext_noop("gave pairs again to"),
        "set the rules for assessors of": gettext_noop("set the rules for assessors of"),
        "gave out the data of": gettext_noop("gave out the data of"),
        "erased the person behind": gettext_noop("erased the person behind"),
        "made a link into": gettext_noop("made a link into"),
        "withdrew a link into": gettext_noop("withdrew a link into"),
    },
    "comparisons": {
        "made the draft of": gettext_noop("made the draft of"),
        "edited the draft of": gettext_noop("edited the draft of"),
        "launched": gettext_noop("launched"),
        "made open": gettext_noop("opened voting of"),
        "made paused": gettext_noop("paused voting of"),
        "made closed": gettext_noop("closed voting of"),
        "froze": gettext_noop("froze"),
        "asked for a sample of": gettext_noop("drew a sample of"),
        "asked for the same in two languages in": gettext_noop("looked for the same in two languages in"),
        "registered": gettext_noop("registered"),
        "asked to try": gettext_noop("had a worker try"),
        "kept a template": gettext_noop("kept"),
        "overwrote a template": gettext_noop("wrote anew"),
        "removed a template": gettext_noop("took away"),
        "imported votes into": gettext_noop("imported votes into"),
        "imported measures of": gettext_noop("imported measures of"),
        "asked for goldens of": gettext_noop("asked for goldens of"),
        "named known answers of": gettext_noop("named known answers of"),
        "withdrew a golden of": gettext_noop("withdrew a golden of"),
        "asked for measures of": gettext_noop("asked for measures of"),
        "cancelled measuring": gettext_noop("cancelled measuring of"),
        "asked a judge about": gettext_noop("asked a judge about"),
        "cancelled a judge of": gettext_noop("cancelled a judge of"),
        "asked to train a judge on": gettext_noop("had a judge trained on"),
        "cancelled training a judge on": gettext_noop("cancelled training a judge on"),
        "rendered again failed clips of": gettext_noop("rendered again failed clips of"),
        "cancelled the rendering of": gettext_noop("cancelled the rendering of"),
        "held the rendering of": gettext_noop("held the rendering of"),
        "released the rendering of": gettext_noop("released the rendering of"),
        "gave priority {what} to the rendering of": gettext_noop("gave priority {what} to the rendering of"),
        "paused the queue": gettext_noop("halted"),
        "resumed the queue": gettext_noop("set going again"),
        "set the hours of the queue": gettext_noop("set the hours of"),
    },
    "members": {
        "founded": gettext_noop("founded"),
        "invited a member to": gettext_noop("invited a member to"),
        "joined": gettext_noop("joined"),
        "withdrew an invitation to": gettext_noop("withdrew an invitation to"),
        "changed a role in": gettext_noop("changed a role in"),
        "removed a member from": gettext_noop("removed a member from"),
        "demanded": gettext_noop("demanded"),
        "no longer demands": gettext_noop("no longer demands"),
        "made a token": gettext_noop("set up"),
        "revoked a token": gettext_noop("cut off"),
        "made a webhook": gettext_noop("set up"),
        "removed a webhook": gettext_noop("took away"),
        "used a recovery code of": gettext_noop("used a recovery code of"),
        "switched on the second step of": gettext_noop("switched on the second step of"),
        "switched off the second step of": gettext_noop("switched off the second step of"),
        "made new recovery codes of": gettext_noop("made new recovery codes of"),
        "cut the OpenID connection of": gettext_noop("cut the OpenID connection of"),
    },
    "budgets": {"reached the day's budget of": gettext_noop("reached the day's budget of")},
    "sealed": {"sealed": gettext_noop("sealed")},
}
"""Verbs as they are stored, by kind, and how they are told; {what} is what the verb itself names."""

WHATS = (
    *(gettext_noop("votes"), gettext_noop("report"), gettext_noop("pairs"), gettext_noop("judges")),
    *(gettext_noop("league"), gettext_noop("preferences"), gettext_noop("exploration")),
    *(gettext_noop("verdicts"), gettext_noop("clips"), gettext_noop("skips")),
)
"""What verbs name themselves."""
SUBJECTS = (
    gettext_noop("comparison {name}"),
    gettext_noop("assessor {name}"),
    gettext_noop("prompt set {name}"),
    gettext_noop("contender {name}"),
    gettext_noop("template {name}"),
    gettext_noop("queue {name}"),
    gettext_noop("project {name}"),
    gettext_noop("token {name}"),
    gettext_noop("webhook {name}"),
    gettext_noop("user {name}"),
    gettext_noop("the second step of organizers"),
    gettext_noop("everything"),
    gettext_noop("votes"),
    gettext_noop("answers to controls"),
)
DETAILS = {
    "after": gettext_lazy("after number"),
    "answers": gettext_lazy("answers"),
    "aspect": gettext_lazy("aspect"),
    "before": gettext_lazy("before"),
    "begun_from": gettext_lazy("begun from"),
    "by": gettext_lazy("by"),
    "canary": gettext_lazy("canary"),
    "clips": gettext_lazy("clips"),
    "comparison": gettext_lazy("comparison"),
    "days": gettext_lazy("days"),
    "digest": gettext_lazy("digest"),
    "events": gettext_lazy("events"),
    "features": gettext_lazy("features"),
    "goldens": gettext_lazy("goldens"),
    "judge": gettext_lazy("judge"),
    "kind": gettext_lazy("kind"),
    "licence": gettext_lazy("licence"),
    "link": gettext_lazy("link"),
    "member": gettext_lazy("member"),
    "metrics": gettext_lazy("measures"),
    "most_calls": gettext_lazy("calls at most"),
    "most_cost": gettext_lazy("cost at most"),
    "note": gettext_lazy("note"),
    "now": gettext_lazy("now"),
    "pairs": gettext_lazy("pairs"),
    "prompts": gettext_lazy("prompts"),
    "reason": gettext_lazy("reason"),
    "recipe": gettext_lazy("recipe"),
    "reference": gettext_lazy("reference"),
    "role": gettext_lazy("role"),
    "rows": gettext_lazy("rows"),
    "rule": gettext_lazy("rule"),
    "scopes": gettext_lazy("scopes"),
    "seats": gettext_lazy("seats"),
    "seen": gettext_lazy("newest number"),
    "to": gettext_lazy("up to number"),
    "whose": gettext_lazy("whose"),
    "why": gettext_lazy("why"),
    "windows": gettext_lazy("windows"),
}


def of_kind(kind: str) -> Q:
    """The entries of one of KINDS."""
    found = Q()
    for verb in VERBS[kind]:
        begins, what, _ends = verb.partition("{what}")
        found |= Q(verb__startswith=begins) if what else Q(verb=verb)
    return found


def told(verb: str) -> str:
    """A stored verb as it is told: "made paused" is "paused voting of"."""
    if met := _verbs().find(verb):
        template, values = met
        words = {name: gettext(value) for name, value in values.items()}
        return gettext(_told()[template]).format(**words)
    return verb


def named(subject: str) -> str:
    return _subjects().spoken(subject)


def details(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is known of an entry besides, in pairs of name and value; what is empty is left out."""
    for name, value in given.items():
        if value not in (None, "", [], {}):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield str(DETAILS.get(name, name.replace("_", " "))), text


@cache
def _told() -> dict[str, str]:
    return {verb: words for verbs in VERBS.values() for verb, words in verbs.items()}


@cache
def _verbs() -> Templates:
    return Templates(_told())


@cache
def _subjects() -> Templates:
    return Templates(SUBJECTS)
