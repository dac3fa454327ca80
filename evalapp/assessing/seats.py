"""Invitations: links into a comparison, with so many seats."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import signing
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse

from evalapp.comparisons.models import Comparison
from evalapp.people.models import Assessor

if TYPE_CHECKING:
    from evalapp.assessing.models import Participation


class InvitationClosed(Exception):
    """The invitation's places are all taken, or it was withdrawn."""


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def by_token(self, token: str) -> "Invitation":
        """The invitation that a link names; raises DoesNotExist for a forged or unknown one."""
        try:
            code = signing.Signer(salt="invitation").unsign_object(token)
        except signing.BadSignature as error:
            raise self.model.DoesNotExist from error
        return self.select_related("comparison").get(code=code)


class Invitation(models.Model):
    """A link into one comparison for one assessor (one seat) or several. The link is derived from SECRET_KEY: the
    database alone gives nobody a way in."""

    class Panel(models.TextChoices):
        NONE = "", "people you know"
        PROLIFIC = "prolific", "Prolific"
        OTHER = "other", "another panel"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="invitations")
    label = models.CharField(max_length=100, blank=True)
    seats = models.PositiveIntegerField(default=1)
    taken = models.PositiveIntegerField(default=0)
    withdrawn = models.BooleanField(default=False)
    quota = models.PositiveIntegerField(default=0, help_text="Pairs for each assessor who came by it; 0: no end.")
    panel = models.CharField(max_length=8, choices=Panel.choices, default=Panel.NONE, blank=True)
    completion_code = models.CharField(max_length=100, blank=True)
    return_url = models.CharField(
        max_length=200,
        blank=True,
        help_text="Where they go at the end; may hold {code}, {participant}, {study} and {session}.",
    )
    screened_out_code = models.CharField(max_length=100, blank=True)
    screened_out_url = models.CharField(max_length=200, blank=True, help_text="Where those go who did not qualify.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("comparison", "pk")
        constraints = [
            models.CheckConstraint(condition=Q(taken__lte=F("seats")), name="invitation_never_overbooked"),
        ]

    def __str__(self) -> str:
        return self.label or f"invitation {self.pk}"

    @property
    def token(self) -> str:
        return signing.Signer(salt="invitation").sign_object(str(self.code))

    @property
    def link(self) -> str:
        """The whole address, for mails and terminals."""
        return settings.SITE_URL + reverse("invitation", args=[self.token])

    @transaction.atomic
    def admit(self, assessor: Assessor | None = None) -> "Participation":
        """Let someone in: the known assessor again, the one-seat link's own one, or a new person on a free seat."""
        if assessor and (known := self.comparison.participations.filter(assessor=assessor).first()):
            return known
        if self.seats == 1 and (owner := self.participations.first()):
            return owner
        return self.admit_new(assessor)

    @transaction.atomic
    def admit_new(self, assessor: Assessor | None = None) -> "Participation":
        """On a free seat, someone who was not here before; raises InvitationClosed."""
        free = Invitation.objects.filter(pk=self.pk, withdrawn=False, taken__lt=F("seats"))
        if not free.update(taken=F("taken") + 1):
            raise InvitationClosed
        return self.participations.create(
            comparison=self.comparison,
            assessor=assessor or Assessor.objects.create(name=self.label if self.seats == 1 else ""),
        )
