"""From an invitation to a vote: Invitation → Participation → Assignment → Ballot → Vote."""

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.db.models.functions import Now
from django.utils import timezone

from evalapp.assessing.choices import STRONGEST, on_screen, strength_of
from evalapp.assessing.choices import Choice as Choice
from evalapp.assessing.choices import ScreenChoice as ScreenChoice
from evalapp.assessing.choices import turned_back as turned_back
from evalapp.assessing.insert_only import InsertOnly, InsertOnlyManager
from evalapp.assessing.seats import Invitation as Invitation
from evalapp.assessing.seats import InvitationClosed as InvitationClosed
from evalapp.comparisons.models import Aspect, Comparison, Pair
from evalapp.generation.models import Clip
from evalapp.people.models import Assessor
from evalapp.prepared import Given, Prepared, PreparedInsert, PreparedUpdate

if TYPE_CHECKING:
    from evalapp.assessing.controls import Control


class Participation(models.Model):
    """An assessor in a comparison."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="participations")
    assessor = models.ForeignKey(Assessor, on_delete=models.PROTECT, related_name="participations")
    invitation = models.ForeignKey(
        Invitation, on_delete=models.SET_NULL, null=True, blank=True, related_name="participations"
    )
    consented_at = models.DateTimeField(null=True, blank=True)
    consent_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the text that was agreed to.")
    paused_at = models.DateTimeField(null=True, blank=True, help_text="Gets no new pair until an organizer says so.")
    paused_by = models.CharField(max_length=150, blank=True)
    more_goldens = models.BooleanField(default=False, help_text="A rule asked for twice the usual share of goldens.")
    screen = models.JSONField(default=dict, blank=True, help_text="What the screen check measured; empty: not yet.")
    qualified_at = models.DateTimeField(null=True, blank=True, help_text="Past all that comes before the work.")
    screened_out_at = models.DateTimeField(null=True, blank=True, help_text="Below the pass mark.")
    session_from = models.DateTimeField(null=True, blank=True, help_text="Since the last break.")
    worked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("comparison", "assessor", name="one_participation_per_assessor")]

    def __str__(self) -> str:
        return f"{self.assessor} in {self.comparison}"

    def consent(self, text: str = "") -> None:
        """They agree, now, to that text; the first time stands."""
        digest = hashlib.sha256(text.encode()).hexdigest() if text else ""
        type(self).objects.filter(pk=self.pk, consented_at=None).update(consented_at=Now(), consent_digest=digest)
        self.refresh_from_db()

    def quota_left(self, answered: int | None = None) -> int | None:
        """How many pairs their invitation still asks of them; None: no end."""
        if self.invitation is None or not self.invitation.quota:
            return None
        return max(0, self.invitation.quota - (self.answered if answered is None else answered))

    @property
    def answered(self) -> int:
        """Pairs answered, as the assessor counts them: controls look like any other."""
        submitted = Assignment.State.SUBMITTED
        return (
            self.assignments.filter(state=submitted).count() + self.controls.mixed_in().filter(state=submitted).count()
        )

    def last_answered(self) -> "Assignment | Control | None":
        kinds = (self.assignments.all(), self.controls.mixed_in())
        latest = [kind.filter(state=Assignment.State.SUBMITTED).order_by("-closed_at", "-pk").first() for kind in kinds]
        return max((each for each in latest if each), key=lambda each: each.closed_at or each.handed_at, default=None)


class LeaseExpired(Exception):
    """The answer came after the lease ran out and someone else has the pair's last place."""


class NotYours(Exception):
    """The assignment takes no answer now; the message says why."""


class KeyReused(Exception):
    """The idempotency key came before with other choices."""


OVERDUE = Q(state="held", lease_until__lt=Now())


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def live(self) -> "AssignmentQuerySet":
        return self.filter(state=Assignment.State.HELD, lease_until__gte=Now())

    def unanswered(self) -> "AssignmentQuerySet":
        """In someone's hands, where voting has not ended."""
        ended = Participation.objects.filter(pk=OuterRef("participation"), comparison__state=Comparison.State.CLOSED)
        return self.filter(~Exists(ended), state=Assignment.State.HELD, version=0)

    def expire(self, limit: int = 100) -> int:
        """Take back the places of leases that ran out; safe to run anywhere, any number of times."""
        return sum(assignment.expire() for assignment in self.filter(OVERDUE)[:limit])


class Assignment(models.Model):
    """One pair in one assessor's hands."""

    class State(models.TextChoices):
        HELD = "held"
        SUBMITTED = "submitted"
        RELEASED = "released"
        EXPIRED = "expired"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="assignments")
    participation = models.ForeignKey(Participation, models.PROTECT, related_name="assignments", db_index=False)
    swapped = models.BooleanField(help_text="The pair's second clip is on the left.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    lease_until = models.DateTimeField()
    skip_reason = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=0, help_text="How many ballots it has; the last one counts.")
    handed_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "pair",
                "participation",
                name="never_the_same_assessor_twice",
                condition=Q(state__in=("held", "submitted")),
                violation_error_message="this assessor has this pair already",
            ),
        ]
        indexes = [
            models.Index("state", "lease_until", name="assignment_expiry", condition=Q(state="held")),
            models.Index("participation", "state", "version", name="assignment_of_participation"),
        ]

    def __str__(self) -> str:
        return f"assignment {self.code}"

    @property
    def comparison(self) -> Comparison:
        return self.participation.comparison

    @property
    def left(self) -> Clip:
        return self.pair.second if self.swapped else self.pair.first

    @property
    def right(self) -> Clip:
        return self.pair.first if self.swapped else self.pair.second

    def clip(self, side: str) -> Clip:
        return {"left": self.left, "right": self.right}[side]

    @property
    def ballot(self) -> "Ballot | None":
        """The ballot that counts."""
        return self.ballots.filter(version=self.version).first()

    def screen_choices(self) -> dict[str, str]:
        """What the assessor chose, by aspect key, as it stood on the screen; empty before the first answer."""
        if not self.version or not (ballot := self.ballot):
            return {}
        return {
            vote.aspect.key: str(on_screen(vote.choice, self.swapped, vote.both_bad, vote.strength))
            for vote in ballot.votes.select_related("aspect")
        }

    def submit(self, choices: dict[Aspect, str], *, key: str, viewing: dict[str, Any]) -> "Ballot":
        """Record one vote per aspect. Sending the same form twice (the same key) records it once.

        A new key on an answered assignment is a correction: it supersedes, and both stay. An answer after the lease's
        end is taken while the pair has a place left. Raises LeaseExpired, NotYours or KeyReused.
        """
        fingerprint = fingerprint_of((aspect.key, choice) for aspect, choice in choices.items())
        try:
            with transaction.atomic():
                return self._submit(choices, key, viewing, fingerprint)
        except IntegrityError:
            # The same form, sent twice at once: the other one stored it.
            if stored := Ballot.of_key(key):
                return stored.same_as(self, fingerprint)
            raise

    def _submit(self, choices: dict[Aspect, str], key: str, viewing: dict[str, Any], fingerprint: str) -> "Ballot":
        if not _answered_first(assignment=self.pk, version=(version := 1)):
            ((state, version, voting),) = _locked(assignment=self.pk)
            if stored := Ballot.of_key(key):
                return stored.same_as(self, fingerprint)
            if voting == Comparison.State.CLOSED:
                raise NotYours("voting has ended")
            if state == self.State.RELEASED:
                raise NotYours("this pair was skipped")
            if state == self.State.EXPIRED and not self._retake():
                raise LeaseExpired
            _answered_again(assignment=self.pk, version=(version := version + 1))
        ballot = Ballot(assignment=self, key=key, version=version, fingerprint=fingerprint, viewing=viewing)
        (ballot.pk,) = _store_ballots(vars(ballot))
        votes = [
            {
                "ballot_id": ballot.pk,
                "aspect_id": aspect.pk,
                "choice": turned_back(choice, self.swapped).value,
                "both_bad": choice == ScreenChoice.BOTH_BAD if self.comparison.ask_both_bad else None,
                "strength": strength_of(choice) if self.comparison.ask_strength else None,
            }
            for aspect, choice in choices.items()
        ]
        _store_votes(*votes)
        if self.comparison.adaptive_overlap:
            self._widen_where_split()
        self.state, self.version = self.State.SUBMITTED, version
        self.__dict__.pop("closed_at", None)  # the database's clock set it: read when asked for
        return ballot

    def _widen_where_split(self) -> None:
        """Adaptive overlap: one assessor more, once, where the first ones do not all choose alike."""
        pair = Pair.objects.select_for_update().get(pk=self.pair_id)
        if pair.overlap > self.comparison.overlap:
            return
        cast = Vote.objects.current().filter(ballot__assignment__pair=pair, aspect=self.comparison.headline)
        choices = list(cast.filter(ballot__assignment__state=self.State.SUBMITTED).values_list("choice", flat=True))
        if len(choices) >= pair.overlap and len(set(choices)) > 1:
            Pair.objects.filter(pk=pair.pk).update(overlap=F("overlap") + 1)

    def _retake(self) -> bool:
        """Take the pair's place again after the lease ran out, if one is left.

        Where this assessor was meanwhile handed the same pair anew, that place is theirs to answer from here.
        """
        again = Assignment.objects.filter(pair=self.pair_id, participation=self.participation_id).exclude(pk=self.pk)
        if again.filter(state=self.State.SUBMITTED).exists():
            return False
        for assignment in again.filter(state=self.State.HELD):
            assignment.let_go()
        return bool(
            Pair.objects.filter(pk=self.pair_id, taken__lt=F("overlap")).update(
                taken=F("taken") + 1, taken_swapped=F("taken_swapped") + int(self.swapped)
            )
        )

    def skip(self, reason: str) -> None:
        """The assessor cannot judge this pair: its place goes to someone else, and they do not meet it again."""
        if not self._give_back(self.State.RELEASED, skip_reason=reason[:200]):
            self.refresh_from_db()
            if self.state == self.State.SUBMITTED:
                raise NotYours("this pair is answered already; correct the answer instead")

    def let_go(self) -> None:
        """The assessor stops: the place is free again, and they may meet the pair when they come back."""
        self._give_back(self.State.EXPIRED)

    def expire(self) -> bool:
        """The lease ran out: the place is free again."""
        return self._give_back(self.State.EXPIRED, OVERDUE)

    @transaction.atomic
    def _give_back(self, state: "Assignment.State", still: Q | None = None, **stamps: Any) -> bool:
        held = Assignment.objects.filter(still or Q(), pk=self.pk, state=self.State.HELD)
        if not held.update(state=state, closed_at=Now(), **stamps):
            return False
        Pair.objects.filter(pk=self.pair_id).update(
            taken=F("taken") - 1, taken_swapped=F("taken_swapped") - int(self.swapped)
        )
        return True

    def renew_lease(self) -> None:
        """The assessor has the pair on the screen: their time starts now (not written while the lease is new)."""
        if lease_ages(self):
            Assignment.objects.filter(pk=self.pk, state=self.State.HELD).update(lease_until=lease_end(self.comparison))

    def is_live(self) -> bool:
        return Assignment.objects.filter(pk=self.pk).live().exists()

    def media_file(self, side: str, poster: bool = False) -> Path | None:
        """The file behind an assignment's own address, or None once it may no longer be seen.

        Seen while the lease lives, and after the answer as long as it can be corrected.
        """
        correctable = self.state == self.State.SUBMITTED and self.comparison.state != Comparison.State.CLOSED
        if not (self.is_live() or correctable):
            return None
        clip = self.clip(side)
        return clip.poster if poster else clip.rendition


_this = Q(pk=Given("assignment", models.BigIntegerField()))
_states = ("state", "version", "participation__comparison__state")
_locked = Prepared(lambda: Assignment.objects.select_for_update(of=("self",)).filter(_this).values_list(*_states))
_becomes_answered = {
    "version": Given("version", models.PositiveIntegerField()),
    "closed_at": Case(When(state=Assignment.State.SUBMITTED, then=F("closed_at")), default=Now()),
    "state": Assignment.State.SUBMITTED,
}
_answered_first = PreparedUpdate(lambda: (Assignment.objects.unanswered().filter(_this), _becomes_answered))
_answered_again = PreparedUpdate(lambda: (Assignment.objects.filter(_this), _becomes_answered))


def lease_ages(task: "Assignment | Control") -> bool:
    """Whether a twentieth of the lease has gone by."""
    return task.lease_until - timezone.now() < 0.95 * timedelta(minutes=task.comparison.lease_minutes)


def lease_end(comparison: Comparison) -> Any:
    return Now() + timedelta(minutes=comparison.lease_minutes)


def fingerprint_of(choices: Iterable[tuple[str, str]]) -> str:
    """Of what stood on the screen: aspects' keys and their choices."""
    return hashlib.sha256(json.dumps(sorted((key, str(choice)) for key, choice in choices)).encode()).hexdigest()


class Ballot(models.Model):
    """One sending of an assessor's answers: its votes, how the pair was watched, the key that makes resending safe."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="ballots", db_index=False)
    version = models.PositiveIntegerField()
    key = models.CharField(max_length=64, unique=True, help_text="Made by the browser; the same key is stored once.")
    fingerprint = models.CharField(max_length=64)
    viewing = models.JSONField(default=dict, help_text="Seconds on task, share watched per side, screen, …")
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was answered.")

    objects = InsertOnlyManager()

    class Meta:
        constraints = [models.UniqueConstraint("assignment", "version", name="one_ballot_per_version")]

    def __str__(self) -> str:
        return f"ballot {self.pk}, version {self.version}"

    @classmethod
    def of_key(cls, key: str) -> "Ballot | None":
        return cls.objects.filter(key=key).first()

    def same_as(self, assignment: Assignment, fingerprint: str) -> "Ballot":
        if (self.assignment_id, self.fingerprint) != (assignment.pk, fingerprint):
            raise KeyReused("this answer's key was used for another answer")
        return self


class VoteQuerySet(InsertOnly):
    def of(self, comparison: Comparison) -> "VoteQuerySet":
        return self.filter(ballot__assignment__pair__comparison=comparison)

    def current(self) -> "VoteQuerySet":
        """Without those that a correction superseded."""
        return self.filter(ballot__version=F("ballot__assignment__version"))


class Vote(models.Model):
    """One choice on one aspect."""

    ballot = models.ForeignKey(Ballot, on_delete=models.PROTECT, related_name="votes", db_index=False)
    aspect = models.ForeignKey(Aspect, on_delete=models.PROTECT)
    choice = models.CharField(max_length=6, choices=Choice.choices)
    both_bad = models.BooleanField(null=True, help_text="A tie that says neither is any good; empty: not asked.")
    strength = models.PositiveSmallIntegerField(
        null=True, help_text="How strong the preference is: 1 a little, 2 clearly, 0 a tie; empty: not asked."
    )

    objects = VoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("ballot", "aspect", name="one_vote_per_aspect"),
            models.CheckConstraint(condition=Q(choice__in=("first", "second", "tie")), name="vote_is_a_named_choice"),
            models.CheckConstraint(
                condition=Q(both_bad=None) | Q(both_bad=False) | Q(choice="tie"), name="both_bad_is_a_tie"
            ),
            models.CheckConstraint(
                condition=Q(strength=None)
                | Q(choice="tie", strength=0)
                | Q(choice__in=("first", "second"), strength__gte=1, strength__lte=STRONGEST),
                name="strength_of_a_preference",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.aspect}: {self.choice}"


_store_ballots, _store_votes = PreparedInsert(Ballot), PreparedInsert(Vote)
