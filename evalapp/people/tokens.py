"""API tokens: a program's key to what its owner may do, or to less. Shown once, stored as a hash."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy

from evalapp.people import audit
from evalapp.people.projects import Project

MARK = "vsv_"  # so that people and secret scanners know one when they see it
SCOPES = {
    "read": gettext_lazy("comparisons, progress and reports"),
    "votes": gettext_lazy("single votes, with the contenders they were for"),
    "organize": gettext_lazy("create, launch, open, pause and close comparisons; invite"),
}
LONGEST_DAYS = 366


class TokenQuerySet(models.QuerySet["ApiToken"]):
    @transaction.atomic
    def issue(
        self, user: User, name: str, scopes: list[str], days: int, project: Project | None = None
    ) -> tuple["ApiToken", str]:
        """A new token and its secret, which is told this once. Raises ValueError for unknown scopes or days.

        With a project it is the project's own; without, it follows its owner wherever they are members.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise ValueError(f"scopes are one or more of {', '.join(SCOPES)}; unknown: {', '.join(unknown) or 'none'}")
        if not 1 <= days <= LONGEST_DAYS:
            raise ValueError(f"a token lives 1 to {LONGEST_DAYS} days, not {days}")
        secret = MARK + secrets.token_urlsafe(32)
        audit.record(
            "made a token",
            f"token {name}",
            project=project.pk if project else None,
            scopes=sorted(set(scopes)),
            days=days,
        )
        token = self.create(
            user=user,
            project=project,
            name=name,
            scopes=sorted(set(scopes)),
            digest=_digest(secret),
            hint=secret[: len(MARK) + 4],
            expires_at=timezone.now() + timedelta(days=days),
        )
        return token, secret

    def of_secret(self, secret: str) -> "ApiToken | None":
        """The living token with this secret, of an owner who may still sign in."""
        if not secret.startswith(MARK):
            return None
        return (
            self.living().filter(digest=_digest(secret), user__is_active=True).select_related("user", "project").first()
        )

    def kept_by(self, user: int, administered: Iterable[Project]) -> "TokenQuerySet":
        """A user's own, and those of the projects that they administer."""
        return self.filter(Q(user=user, project=None) | Q(project__in=administered))

    def living(self) -> "TokenQuerySet":
        return self.filter(Q(revoked_at=None), expires_at__gt=Now())


def _digest(secret: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiToken(models.Model):
    """Gives its owner's rights, or a place in one project, cut to its scopes, until it expires or is revoked."""

    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="tokens", help_text="Empty: its owner's."
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What uses it.")
    scopes = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False, help_text="How the secret begins.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def is_living(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()

    @transaction.atomic
    def revoke(self) -> None:
        """From now on it opens nothing; revoking twice changes nothing."""
        if ApiToken.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=Now()):
            audit.record("revoked a token", f"token {self.name}", project=self.project_id)

    def used(self) -> None:
        """Remember the use, to the minute: not every request writes."""
        minute_ago = timezone.now() - timedelta(minutes=1)
        stale = ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=minute_ago), pk=self.pk)
        if self.last_used_at is None or self.last_used_at < minute_ago:
            stale.update(last_used_at=Now())
