"""Controls: what tells whether an assessor looks. Goldens (known answers), identical pairs, repeats, training.

On the screen a control is like any other pair. Here it lies in tables of its own, so that no count, report or export
of votes can take it for one.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from evalapp.assessing.choices import on_screen
from evalapp.assessing.insert_only import InsertOnlyManager
from evalapp.assessing.models import (
    Assignment,
    Choice,
    KeyReused,
    NotYours,
    Participation,
    lease_ages,
    lease_end,
    turned_back,
)
from evalapp.catalog.models import Prompt
from evalapp.comparisons.models import Aspect, Comparison, Pair
from evalapp.generation.models import Clip


class Golden(models.Model):
    """Two clips whose right answer is known on one or more aspects: an intact clip beside its damaged copy, a clip
    beside one of another prompt, or two that an organizer names."""

    class Use(models.TextChoices):
        WORK = "work"
        TRAINING = "training"
        QUALIFICATION = "qualification"

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="goldens")
    use = models.CharField(max_length=13, choices=Use.choices, default=Use.WORK)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT)
    first = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Clip, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    damage = models.CharField(max_length=30, blank=True, help_text="What was done to the second clip; empty: nothing.")
    folder = models.UUIDField(null=True, blank=True, editable=False, help_text="Where a damaged copy's files lie.")
    kind = models.CharField(max_length=5, choices=Clip.Kind.choices, default=Clip.Kind.VIDEO)
    facts = models.JSONField(default=dict, blank=True, help_text="Of a damaged copy, as clips have them, with sha256.")
    answers = models.JSONField(help_text="Right choice by aspect key: first, second or tie.")
    explanation = models.TextField(blank=True, help_text="Shown after the answer, in training.")
    withdrawn = models.BooleanField(default=False, help_text="Handed out to nobody new.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("comparison", "pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(second=None, folder__isnull=False) | Q(second__isnull=False, folder=None),
                name="golden_has_one_second_clip",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.damage or 'known'}: {', '.join(f'{key} {choice}' for key, choice in self.answers.items())}"

    def pair(self) -> Pair:
        """As the screen needs it; never stored."""
        copy = self.second or Clip(folder=self.folder or "", kind=self.kind, facts=self.facts)
        return Pair(comparison=self.comparison, prompt=self.prompt, first=self.first, second=copy)


class ControlQuerySet(models.QuerySet["Control"]):
    def mixed_in(self) -> "ControlQuerySet":
        """Those that come among the work, not before it."""
        return self.filter(kind__in=(Control.Kind.GOLDEN, Control.Kind.IDENTICAL, Control.Kind.REPEAT))


class Control(models.Model):
    """One control in one assessor's hands. It answers to the same verbs as an Assignment, and takes nobody's place."""

    class Kind(models.TextChoices):
        GOLDEN = "golden"
        IDENTICAL = "identical"
        REPEAT = "repeat"
        TRAINING = "training"
        QUALIFICATION = "qualification"

    State = Assignment.State

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    participation = models.ForeignKey(Participation, on_delete=models.PROTECT, related_name="controls")
    kind = models.CharField(max_length=13, choices=Kind.choices)
    golden = models.ForeignKey(Golden, on_delete=models.PROTECT, null=True, blank=True, related_name="controls")
    repeated = models.ForeignKey(Assignment, on_delete=models.PROTECT, null=True, blank=True, related_name="repeats")
    twice = models.ForeignKey(
        Clip, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Shown on both sides."
    )
    swapped = models.BooleanField(help_text="The second clip is on the left.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    lease_until = models.DateTimeField()
    skip_reason = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=0, help_text="How many answers it has; the last one counts.")
    handed_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    feedback_at = models.DateTimeField(null=True, blank=True, help_text="Training: the answer was explained.")

    objects = ControlQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("participation", "golden", name="no_golden_twice_for_one_assessor"),
            models.UniqueConstraint("repeated", name="no_assignment_repeated_twice"),
            models.CheckConstraint(
                condition=Q(kind__in=("golden", "training", "qualification"), golden__isnull=False)
                | Q(kind="repeat", repeated__isnull=False)
                | Q(kind="identical", twice__isnull=False),
                name="control_shows_what_its_kind_says",
            ),
        ]
        indexes = [models.Index("participation", "state", name="control_of_participation")]

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"

    @property
    def comparison(self) -> Comparison:
        return self.participation.comparison

    @property
    def pair(self) -> Pair:
        if self.golden:
            return self.golden.pair()
        if self.repeated:
            return self.repeated.pair
        assert self.twice
        return Pair(comparison=self.comparison, prompt=self.twice.prompt, first=self.twice, second=self.twice)

    @property
    def left(self) -> Clip:
        return self.clip("left")

    @property
    def right(self) -> Clip:
        return self.clip("right")

    def clip(self, side: str) -> Clip:
        pair = self.pair
        return pair.second if (side == "left") == self.swapped else pair.first

    def given(self) -> dict[str, str]:
        """Choices by aspect key, as first, second or tie; empty before the first answer."""
        last = self.answers.filter(version=self.version).first()
        return last.choices if last else {}

    def screen_choices(self) -> dict[str, str]:
        last = self.answers.filter(version=self.version).first()
        return {key: self.on_screen(choice) for key, choice in last.choices.items()} | last.screen if last else {}

    def on_screen(self, choice: str) -> str:
        return str(on_screen(choice, self.swapped))

    def right_answers(self) -> dict[str, str]:
        """What is known: right choices by aspect key. Of a repeat: what the same assessor chose before."""
        if self.golden:
            return dict(self.golden.answers)
        if self.repeated:
            votes = self.repeated.ballot.votes.select_related("aspect") if self.repeated.ballot else ()
            return {vote.aspect.key: vote.choice for vote in votes}
        return {key: str(Choice.TIE) for key in self.comparison.aspects.values_list("key", flat=True)}

    def submit(self, choices: dict[Aspect, str], *, key: str, viewing: dict[str, Any]) -> "ControlAnswer":
        """Store the answer, once for each key; a new key is a correction. Raises NotYours or KeyReused."""
        turned = {aspect.key: str(turned_back(choice, self.swapped)) for aspect, choice in choices.items()}
        screen = {aspect.key: str(choice) for aspect, choice in choices.items()}
        fingerprint = hashlib.sha256(json.dumps(sorted(screen.items())).encode()).hexdigest()
        try:
            with transaction.atomic():
                return self._submit(turned, screen, key, viewing, fingerprint)
        except IntegrityError:
            # The same form, sent twice at once: the other one stored it.
            if stored := ControlAnswer.of_key(key):
                return stored.same_as(self, fingerprint)
            raise

    def _submit(
        self, choices: dict[str, str], screen: dict[str, str], key: str, viewing: dict[str, Any], fingerprint: str
    ) -> "ControlAnswer":
        mine = Control.objects.select_for_update().get(pk=self.pk)
        if stored := ControlAnswer.of_key(key):
            return stored.same_as(self, fingerprint)
        if Comparison.objects.filter(pk=self.comparison.pk, state=Comparison.State.CLOSED).exists():
            raise NotYours("voting has ended")
        if mine.state == self.State.RELEASED:
            raise NotYours("this pair was skipped")
        if mine.version and not mine.correctable:
            raise NotYours("this example is answered already")
        answer = ControlAnswer.objects.create(
            control=self,
            key=key,
            version=mine.version + 1,
            fingerprint=fingerprint,
            choices=choices,
            screen=screen,
            viewing=viewing,
        )
        Control.objects.filter(pk=self.pk).update(
            state=self.State.SUBMITTED, version=answer.version, closed_at=mine.closed_at or Now()
        )
        self.refresh_from_db()
        return answer

    @property
    def correctable(self) -> bool:
        """Examples are answered once: their answer is explained, or decides who works."""
        return self.kind not in (self.Kind.TRAINING, self.Kind.QUALIFICATION)

    def skip(self, reason: str) -> None:
        held = Control.objects.filter(pk=self.pk, state=self.State.HELD)
        if not held.update(state=self.State.RELEASED, closed_at=Now(), skip_reason=reason[:200]):
            self.refresh_from_db()
            if self.state == self.State.SUBMITTED:
                raise NotYours("this pair is answered already; correct the answer instead")

    def renew_lease(self) -> None:
        if lease_ages(self):
            Control.objects.filter(pk=self.pk, state=self.State.HELD).update(lease_until=lease_end(self.comparison))

    def is_live(self) -> bool:
        return Control.objects.filter(pk=self.pk, state=self.State.HELD, lease_until__gte=Now()).exists()

    def media_file(self, side: str, poster: bool = False) -> Path | None:
        """The file behind the control's own address, as long as an assignment's would be seen."""
        if not self.is_live() and (
            self.state != self.State.SUBMITTED or self.comparison.state == Comparison.State.CLOSED
        ):
            return None
        clip = self.clip(side)
        return clip.poster if poster else clip.rendition


Task = Assignment | Control
"""What lies before an assessor; the screen does not tell one from the other."""


class ControlAnswer(models.Model):
    """One sending of answers to a control. Written once, like a ballot."""

    control = models.ForeignKey(Control, on_delete=models.PROTECT, related_name="answers")
    version = models.PositiveIntegerField()
    key = models.CharField(max_length=64, unique=True)
    fingerprint = models.CharField(max_length=64)
    choices = models.JSONField(help_text="First, second or tie, by aspect key.")
    screen = models.JSONField(default=dict, help_text="What stood on the screen, by aspect key: for a correction.")
    viewing = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InsertOnlyManager()

    class Meta:
        constraints = [models.UniqueConstraint("control", "version", name="one_answer_per_version")]

    def __str__(self) -> str:
        return f"answer {self.pk}, version {self.version}"

    @classmethod
    def of_key(cls, key: str) -> "ControlAnswer | None":
        return cls.objects.filter(key=key).first()

    def same_as(self, control: Control, fingerprint: str) -> "ControlAnswer":
        if (self.control_id, self.fingerprint) != (control.pk, fingerprint):
            raise KeyReused("this answer's key was used for another answer")
        return self


@dataclass(frozen=True)
class Outcome:
    """One aspect of one answered control: what was chosen and what had been known, both first, second or tie.

    `known` of a repeat is the same assessor's own earlier choice. `prompt` groups what hangs together.
    """

    control: int
    kind: str
    participation: int
    prompt: int
    aspect: str
    chosen: str
    known: str

    @property
    def right(self) -> bool:
        return self.chosen == self.known


def outcomes(comparison: Comparison, participation: Participation | None = None) -> list[Outcome]:
    """Every answered control of the comparison, or of one assessor, aspect by aspect; in six queries at most."""
    answers = ControlAnswer.objects.filter(
        version=F("control__version"), control__participation__comparison=comparison, control__state="submitted"
    ).order_by("pk")
    if participation:
        answers = answers.filter(control__participation=participation)
    related = ("control__golden", "control__twice", "control__repeated__pair")
    rows = list(answers.select_related(*related))
    repeats = {answer.control.repeated_id for answer in rows if answer.control.repeated_id}
    earlier: dict[int, dict[str, str]] = {}
    cast = Assignment.objects.filter(pk__in=repeats, ballots__version=F("version"))
    for pk, key, choice in cast.values_list("pk", "ballots__votes__aspect__key", "ballots__votes__choice"):
        earlier.setdefault(pk, {})[key] = choice
    found = []
    for answer in rows:
        control = answer.control
        if control.golden:
            known, prompt = control.golden.answers, control.golden.prompt_id
        elif control.repeated:
            known, prompt = earlier.get(control.repeated.pk, {}), control.repeated.pair.prompt_id
        else:
            known, prompt = (
                dict.fromkeys(answer.choices, str(Choice.TIE)),
                control.twice.prompt_id if control.twice else 0,
            )
        found += [
            Outcome(control.pk, control.kind, control.participation_id, prompt, key, chosen, known[key])
            for key, chosen in answer.choices.items()
            if key in known
        ]
    return found
