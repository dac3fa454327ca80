"""Against carrying off clips, votes, verdicts and pairs in bulk: a day's budgets, and canaries that tell a leak's way.

A budget is one token's, one user's or one assessor's. Its first refusal of a day is put on the audit trail, where the
organizers' pages look. A canary is a word in an export that stands for whoever took it, what, and on which day; the
export's entry on the audit trail bears the same word.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from evalapp.people import audit
from evalapp.people.budgets import DAY, Budget

REACHED = "reached the day's budget of"
CANARY = "visavis-canary-"
KINDS = {"votes": "VOTES_A_DAY", "verdicts": "VERDICTS_A_DAY", "clips": "CLIPS_A_DAY", "skips": "SKIPS_A_DAY"}


class TooMuch(Exception):
    """The day's budget is spent; `wait` is in seconds."""

    def __init__(self, kind: str, wait: int) -> None:
        told = {"kind": gettext(kind), "hours": wait // 3600 + 1}
        super().__init__(gettext("the day's budget of %(kind)s is spent; it begins anew in %(hours)s h") % told)
        self.wait = wait


def take(kind: str, whose: object, amount: int = 1, *, project: int | None) -> None:
    """Count so many of that kind for that token, user or assessor. Raises TooMuch where less is left of the day's."""
    of = (kind, whose.__class__.__name__, getattr(whose, "pk", whose))
    budget = Budget("a day", *of, limit=getattr(settings, KINDS[kind]), seconds=DAY)
    if budget.spend(amount):
        return
    if Budget("told", *of, limit=1, seconds=DAY).spend():
        audit.record(REACHED, kind, project=project, whose=str(whose))
    raise TooMuch(kind, budget.wait())


def reached_today(project: int | None) -> list[str]:
    """Who spent a day's budget in the last 24 hours, in sentences. One query."""
    since = timezone.now() - timedelta(seconds=DAY)
    entries = audit.AuditEntry.objects.filter(project=project, verb=REACHED, at__gte=since)
    return [
        gettext("%(whose)s spent a day's budget of %(kind)s: is somebody carrying them off?")
        % {"whose": entry.detail["whose"], "kind": gettext(entry.subject)}
        for entry in entries[:10]
    ]


def exported(what: str, subject: models.Model, whose: object, **detail: Any) -> str:
    """The canary of an export, which goes on the audit trail: once a day, however often that is fetched again.

    whose: the token or user that takes it, or the command line. detail, such as its format, tells exports apart.
    """
    told = (what, subject._meta.label, subject.pk, whose.__class__.__name__, getattr(whose, "pk", whose))
    sealed = salted_hmac(CANARY, repr((*told, sorted(detail.items()), timezone.now().date())), algorithm="sha256")
    mark = CANARY + sealed.hexdigest()[:20]
    if Budget("exported", mark, limit=1, seconds=DAY).spend():
        audit.record(f"exported the {what} of", subject, canary=mark, **detail)
    return mark


def verdicts_exported(request: Any, what: str, subject: models.Model, *, project: int | None, **detail: Any) -> str:
    """Count a report or judges' snapshot on the budget of whoever asks for it: its canary. Raises TooMuch."""
    take("verdicts", asker(request), project=project)
    return exported(what, subject, asker(request), **detail)


def asker(request: Any) -> object:
    """Whose budgets a request spends: its token's, or else its user's."""
    return getattr(request, "auth", None) or request.user
