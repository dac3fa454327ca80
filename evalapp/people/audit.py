"""The audit trail: who changed, excluded, exported or looked behind the blind; each entry seals the one before.

An entry's digest covers its own content and the digest before it, and one row holds the newest digest: an entry that is
altered, taken out, put in or cut off at the end is found by `broken_links`. The database refuses changes besides.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from evalapp.people.audit_words import KINDS, of_kind
from evalapp.people.projects import Project
from evalapp.people.views import address_of

COMMAND_LINE = "command line"
_request: ContextVar[HttpRequest | None] = ContextVar("acting_request", default=None)


class Acting:
    """Keeps the request at hand while it is answered, so that verbs deep down can say who called them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        before = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(before)


class AuditHead(models.Model):
    """One row: how long the trail is and what seals it. Taking its lock puts entries in one line."""

    length = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.length} entries"


class AuditEntry(models.Model):
    """Someone did something, then and from there."""

    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="A user's name, or the command line.")
    address = models.CharField(max_length=45, blank=True)
    verb = models.CharField(max_length=50)
    subject = models.CharField(max_length=300)
    detail = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: of the whole house.",
    )

    class Meta:
        ordering = ("-number",)
        verbose_name_plural = "audit entries"
        indexes = [models.Index("subject", "number", name="audit_of_subject")]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.subject}"

    def sealed(self, before: str) -> str:
        """What its digest must be, after that one."""
        content = [
            before,
            self.number,
            self.at.isoformat(),
            self.actor,
            self.address,
            self.verb,
            self.subject,
            self.detail,
            *([self.project_id] if self.project_id else []),
        ]
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@transaction.atomic
def record(
    verb: str, subject: models.Model | str, *, project: int | None = None, actor: str = "", **detail: Any
) -> AuditEntry:
    """Add an entry, in the transaction of what it tells, by whoever's request is being answered.

    It belongs to that project, or the subject's, or the one that the request was admitted to.

    `actor` names who acts before they are signed in. Outside of any request it is the command line (or a worker, which
    acts by what the command line or a page set up).
    Assessors have no account, and their addresses are not written down: an entry is for good, and who withdraws is
    forgotten.
    """
    AuditHead.objects.get_or_create(pk=1)
    head = AuditHead.objects.select_for_update().get(pk=1)
    request = _request.get()
    named = f"{subject._meta.model_name} {subject}" if isinstance(subject, models.Model) else subject
    admitted = getattr(request, "access", None)
    here = admitted.project if admitted else None
    entry = AuditEntry(
        project_id=project or getattr(subject, "project_id", None) or (here.pk if here else None),
        number=head.length + 1,
        at=timezone.now(),
        actor=actor or (request.user.get_username() if request else COMMAND_LINE),
        address=address_of(request)[:45] if request and request.user.is_authenticated else "",
        verb=verb,
        subject=named[:300],
        detail=detail,
    )
    entry.digest = entry.sealed(head.digest)
    entry.save()
    head.length, head.digest = entry.number, entry.digest
    head.save()
    return entry


def entries_of(project: Project, sought: str, whole_house: bool, kind: str = "") -> models.QuerySet[AuditEntry]:
    """Of a project, newest first; `sought` is found in names, verbs and subjects, and is otherwise an export's canary.
    `kind` is one of audit_words.KINDS. With `whole_house` also what belongs to no project."""
    mine = Q(project=project)
    entries = AuditEntry.objects.filter(mine | Q(project=None) if whole_house else mine)
    if kind in KINDS:
        entries = entries.filter(of_kind(kind))
    if not sought:
        return entries
    named = Q(actor__icontains=sought) | Q(verb__icontains=sought) | Q(subject__icontains=sought)
    return entries.filter(named | Q(detail__canary=sought))


def broken_links() -> Iterator[str]:
    """What is wrong with the trail, in words; nothing when it is whole."""
    before, expected = "", 1
    for entry in AuditEntry.objects.order_by("number").iterator(1000):
        if entry.number != expected:
            yield f"audit entry {expected}: is missing (the next one is {entry.number})"
        elif entry.digest != entry.sealed(before):
            yield f"audit entry {entry.number}: is not what was written"
        before, expected = entry.digest, entry.number + 1
    head = AuditHead.objects.filter(pk=1).first()
    if head and (head.length, head.digest) != (expected - 1, before):
        yield f"audit trail: {head.length} entries were written, the last of {expected - 1} does not seal them"
