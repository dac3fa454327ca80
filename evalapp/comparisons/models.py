"""Comparison: contenders, prompts, aspects and rules judged together; draft → rendering → open ⇄ paused → closed."""

import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Count, F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext, gettext_noop, ngettext

from evalapp.catalog.models import IMPORT, Contender, Prompt, PromptSet
from evalapp.generation.machines import of_a_pair
from evalapp.generation.models import Clip, ClipQuerySet
from evalapp.generation.tasks import ring
from evalapp.people import audit
from evalapp.people.projects import InProject
from evalapp.people.webhooks import announce

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]
HEADLINE = "preference"
MIXED_IN_AT_MOST = 0.5
SAME_NOISE, SAME_SEED = gettext_noop("same noise"), gettext_noop("same seed only")

FEWEST_PROMPTS, FEWEST_ASSESSORS = 20, 5
"""With fewer, a report claims nothing."""
SIDES_FIXED = 0.05
"""Where one of the two orders has a smaller share of a pairing's votes, sides count as fixed (as for
metrics.preference.bias), and a report claims nothing of it."""


def sides_are_fixed(left: int, n: int) -> bool:
    """Whether who stood on the left in `left` of n votes (nearly) always stood on one side; never told of too few."""
    return n >= FEWEST_PROMPTS and not SIDES_FIXED <= left / n <= 1 - SIDES_FIXED


class NotReady(Exception):
    """The comparison cannot be opened; the message says what is missing and what to do."""


class Comparison(InProject):
    class LengthRule(models.TextChoices):
        """How two clips of different length are shown together."""

        HOLD = "hold", "The shorter stays on its last frame until the longer ends"
        LOOP = "loop", "Each starts again by itself"
        TRIM = "trim", "Both end where the shorter ends"

    class State(models.TextChoices):
        DRAFT = "draft"
        RENDERING = "rendering"
        OPEN = "open"
        PAUSED = "paused"
        CLOSED = "closed"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    prompt_set = models.ForeignKey(PromptSet, on_delete=models.PROTECT)
    contenders = models.ManyToManyField(Contender, through="Entry")
    seeds = models.JSONField(default=list, help_text="One clip per contender, prompt and seed.")
    overlap = models.PositiveIntegerField(default=3, validators=[MinValueValidator(1)])
    lease_minutes = models.PositiveIntegerField(default=30, validators=[MinValueValidator(1)])
    rng_seed = models.PositiveIntegerField(default=0, help_text="Of every random choice in handing out pairs.")
    sides_known = models.BooleanField(default=True, help_text="False for imported votes that do not say who was left.")
    instructions = models.TextField(blank=True, help_text="Shown to assessors before the first pair.")
    golden_share = models.FloatField(default=0, validators=SHARE, help_text="Of an assessor's work: known answers.")
    repeat_share = models.FloatField(default=0, validators=SHARE, help_text="Of the work: own pairs, sides turned.")
    identical_share = models.FloatField(default=0, validators=SHARE, help_text="Of the work: one clip twice.")
    repeat_gap = models.PositiveIntegerField(default=10, help_text="Pairs between the first time and the repeat.")
    pass_mark = models.FloatField(default=0.75, validators=SHARE, help_text="Share of right answers that qualifies.")
    screen_check = models.BooleanField(default=False, help_text="Size, rate and playback, before the first pair.")
    least_width = models.PositiveIntegerField(default=0, help_text="Windows narrower than this are refused; 0: none.")
    session_minutes = models.PositiveIntegerField(default=25, help_text="Work without a break; 0: no end.")
    break_minutes = models.PositiveIntegerField(default=5, validators=[MinValueValidator(1)])
    daily_cap = models.PositiveIntegerField(default=0, help_text="Pairs per assessor and day; 0: no end.")
    adaptive_overlap = models.BooleanField(
        default=False, help_text="One assessor more where the first ones disagree on the aspect that verdicts speak of."
    )
    ask_both_bad = models.BooleanField(default=False, help_text="Beside “same”, “both bad” can be answered.")
    ask_strength = models.BooleanField(default=False, help_text="A side is chosen “a little” or “clearly”.")
    length_rule = models.CharField(max_length=4, choices=LengthRule.choices, default=LengthRule.HOLD)
    planned_looks = models.PositiveSmallIntegerField(
        default=0, help_text="How often each pairing is tested while votes come in; 0: only when voting has ended."
    )
    planned_votes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Votes per pairing and aspect at the last planned look; set at launch if empty.",
    )
    margin = models.FloatField(
        null=True, blank=True, help_text="Of win rate: above ½ minus this, the first contender counts as no worse."
    )
    consent_text = models.TextField(
        blank=True, help_text="What assessors agree to before the first pair, in the organizer's words."
    )
    least_seconds = models.FloatField(
        default=0,
        validators=[MinValueValidator(0)],
        help_text="An answer sooner than this is refused; 0: none.",
    )
    full_viewing = models.BooleanField(default=False, help_text="Choices open once both clips were seen whole.")
    quality_rules = models.JSONField(
        default=dict, blank=True, help_text="By rule: threshold, least pairs and consequence, where not the usual ones."
    )
    digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Of all that votes depend on; set at launch."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = [
            models.UniqueConstraint("project", "name", name="one_comparison_per_name"),
            models.CheckConstraint(
                condition=Q(golden_share__gte=0, repeat_share__gte=0, identical_share__gte=0)
                & Q(golden_share__lte=MIXED_IN_AT_MOST - F("repeat_share") - F("identical_share")),
                name="comparison_work_is_mostly_pairs",
                violation_error_message="goldens, repeats and identical pairs may be half of the work at most",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def headline(self) -> "Aspect | None":
        """The aspect that verdicts speak of: the overall preference, or the first one where it is not asked."""
        aspects = list(self.aspects.all())
        return next((aspect for aspect in aspects if aspect.key == HEADLINE), aspects[0] if aspects else None)

    def questions(self) -> Sequence["Aspect"]:
        """Its aspects in their order; after launch they never change and are read once in a process."""
        return _questions(self.code, self.digest) if self.digest else list(self.aspects.all())

    def told(self) -> dict[str, str]:
        """What webhooks are told of it."""
        return {"comparison": str(self.code), "name": self.name}

    def clips(self) -> models.QuerySet[Clip]:
        """Every clip that its pairs show."""
        mine = Q(first_of__comparison=self) | Q(second_of__comparison=self)
        return Clip.objects.filter(mine).distinct()

    def shared_noise(self) -> dict[str, int]:
        """How many of its pairs that are whole began from the same noise, and of how many only the seed is known."""

        def noise(side: str) -> Cast:
            return Cast(KeyTextTransform("noise_sha256", f"{side}__facts__generator"), models.TextField())

        whole = self.pairs.order_by().filter(first__state=Clip.State.READY, second__state=Clip.State.READY)
        told = whole.annotate(first_noise=noise("first"), second_noise=noise("second"))
        same = told.filter(first_noise=F("second_noise")).exclude(first_noise__in=("", "null")).count()
        return {SAME_NOISE: same, SAME_SEED: whole.count() - same}

    def lossy_clips(self) -> dict[str, int]:
        """By contender, how many of its clips came through a lossy codec before they were stored."""
        lossy = self.clips().filter(state=Clip.State.READY, facts__generator__lossy_source=True).order_by()
        return dict(
            lossy.values_list("contender__name").annotate(Count("pk", distinct=True)).order_by("contender__name")
        )

    def made_apart(self) -> dict[str, Any]:
        """How many pairs have clips made by different software or devices, and by which: name, value, contender, pairs.

        Only what is known of both counts; another host alone is no difference.
        """
        sides = ("first", "second")
        told = [Cast(KeyTextTransform("machine", f"{side}__facts__provenance"), models.TextField()) for side in sides]
        whole = self.pairs.order_by().filter(first__state=Clip.State.READY, second__state=Clip.State.READY)
        kinds = whole.annotate(one=told[0], other=told[1]).exclude(one=F("other")).exclude(one=None).exclude(other=None)
        found: dict[str, Any] = {"pairs": 0, "by": {}}
        names = [f"{side}__contender__name" for side in sides]
        for one, other, *contenders, pairs in kinds.values_list("one", "other", *names).annotate(Count("pk")):
            apart = of_a_pair(json.loads(one), json.loads(other))
            found["pairs"] += pairs if apart else 0
            for name, values in apart.items():
                for value, contender in zip(values, contenders, strict=True):
                    counted = found["by"].setdefault(name, {}).setdefault(value, {})
                    counted[contender] = counted.get(contender, 0) + pairs
        return found

    def own_clips(self) -> ClipQuerySet:
        """Its clips, without those that another comparison that is being rendered waits for too."""
        others = Pair.objects.filter(comparison__state=self.State.RENDERING).exclude(comparison=self)
        mine = Clip.objects.filter(pk__in=self.clips().values("pk"))
        return mine.exclude(pk__in=others.values("first")).exclude(pk__in=others.values("second"))

    @transaction.atomic
    def cancel_rendering(self) -> int:
        """Its unfinished clips are rendered no more; `retry` queues them again. Returns how many."""
        return self._audited("cancelled the rendering of", self.own_clips().cancel())

    @transaction.atomic
    def hold_rendering(self) -> int:
        """Start none of its waiting clips until `release_rendering`; what renders goes on. Returns how many wait."""
        return self._audited("held the rendering of", self.own_clips().hold())

    @transaction.atomic
    def release_rendering(self) -> int:
        released = Clip.objects.filter(pk__in=self.clips().values("pk")).release()
        return self._audited("released the rendering of", released)

    @transaction.atomic
    def prioritise_rendering(self, priority: int) -> int:
        """Its clips that are not ready yet go before those of a lower priority (usually 0). Returns how many."""
        moved = Clip.objects.filter(pk__in=self.clips().values("pk")).prioritise(priority)
        return self._audited(f"gave priority {priority} to the rendering of", moved)

    def _audited(self, verb: str, clips: int) -> int:
        audit.record(verb, self, clips=clips)
        return clips

    @transaction.atomic
    def open(self, *, leave_out_missing: bool = False) -> int:
        """Start voting; returns how many pairs were left out. Refuses while a clip is missing unless told to leave out.

        A pair left out keeps its row and says so; it is never handed out.
        """
        comparison = type(self).objects.select_for_update().get(pk=self.pk)
        if comparison.state not in (self.State.RENDERING, self.State.PAUSED):
            told = {"name": self.name, "state": gettext(comparison.state)}
            raise NotReady(gettext("%(name)s is %(state)s: only a launched or paused comparison can be opened") % told)
        incomplete = self.pairs.exclude(first__state=Clip.State.READY, second__state=Clip.State.READY)
        left_out = 0
        if comparison.state == self.State.RENDERING:
            missing = [clip.state for clip in self.clips().exclude(state=Clip.State.READY).only("state")]
            if missing and not leave_out_missing:
                counts: dict[str, int] = defaultdict(int)
                for state in missing:
                    counts[state] += 1
                states = ", ".join(f"{count} {gettext(state)}" for state, count in sorted(counts.items()))
                said = ngettext(
                    "%(n)s clip is missing (%(states)s): wait, retry it, or leave its pairs out",
                    "%(n)s clips are missing (%(states)s): wait, retry them, or leave their pairs out",
                    len(missing),
                )
                raise NotReady(said % {"n": len(missing), "states": states})
            left_out = incomplete.update(left_out=True)
            if not self.pairs.filter(left_out=False).exists():
                raise NotReady(gettext("no pair is complete: there is nothing to vote on"))
        self._move_to(self.State.OPEN, opened_at=comparison.opened_at or Now())
        return left_out

    @transaction.atomic
    def render_again(self, reason: str = "") -> int:
        """Queue failed clips again, all or those that failed for this reason; returns how many."""
        if self.state != self.State.RENDERING:
            told = {"name": self.name, "state": gettext(self.state)}
            raise NotReady(gettext("%(name)s is %(state)s: clips are rendered again before it opens") % told)
        failed = Clip.objects.filter(pk__in=self.clips().values("pk")).exclude(contender__recipe__generator=IMPORT)
        queued = (failed.filter(reason=reason) if reason else failed).retry()
        ring()
        return self._audited("rendered again failed clips of", queued)

    def pause(self) -> None:
        """Hand out nothing new; answers in hand are still taken."""
        self._move_to(self.State.PAUSED, was=self.State.OPEN)

    def close(self) -> None:
        """End voting for good."""
        self._move_to(self.State.CLOSED, closed_at=Now())

    @transaction.atomic
    def _move_to(self, state: "Comparison.State", was: "Comparison.State | None" = None, **stamps: object) -> None:
        rows = type(self).objects.filter(pk=self.pk).exclude(state=self.State.CLOSED)
        if was:
            rows = rows.filter(state=was)
        if not rows.update(state=state, **stamps):
            told = {"name": self.name, "state": gettext(state), "now": gettext(self.state)}
            raise NotReady(gettext("%(name)s cannot become %(state)s now: it is %(now)s") % told)
        audit.record(f"made {state}", self)
        announce(f"comparison.{state}", self, **self.told())
        self.refresh_from_db()


class Entry(models.Model):
    """A contender in a comparison; of two contenders the one with the lower position comes first in their pairs."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="entries")
    contender = models.ForeignKey(Contender, on_delete=models.PROTECT)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ("comparison", "position")
        constraints = [
            models.UniqueConstraint("comparison", "contender", name="one_entry_per_contender"),
            models.UniqueConstraint("comparison", "position", name="one_entry_per_position"),
        ]

    def __str__(self) -> str:
        return str(self.contender)


class Aspect(models.Model):
    """One question asked of every pair."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="aspects")
    key = models.SlugField(max_length=50)
    name = models.CharField(max_length=100)
    question = models.CharField(max_length=200)
    hint = models.TextField(blank=True)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ("comparison", "position")
        constraints = [models.UniqueConstraint("comparison", "key", name="one_aspect_per_key")]

    def __str__(self) -> str:
        return self.key

    @property
    def translated_name(self) -> str:
        return gettext(self.name)

    @property
    def translated_question(self) -> str:
        return gettext(self.question)

    @property
    def translated_hint(self) -> str:
        return gettext(self.hint) if self.hint else ""


@lru_cache(1000)
def _questions(code: uuid.UUID, digest: str) -> tuple[Aspect, ...]:
    return tuple(Aspect.objects.filter(comparison__code=code, comparison__digest=digest))


class Pair(models.Model):
    """Two clips of one prompt and seed. First and second never change; left and right belong to assignments.

    `taken` counts the assignments that hold or have used one of the pair's places, `taken_swapped` those of them with
    sides swapped; the constraint makes an overbooked pair impossible whatever the code does.
    """

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="pairs", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT)
    seed = models.BigIntegerField(default=0)
    first = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="first_of")
    second = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="second_of")
    overlap = models.PositiveIntegerField()
    taken = models.PositiveIntegerField(default=0)
    taken_swapped = models.PositiveIntegerField(default=0)
    shuffle = models.PositiveIntegerField(help_text="Where it lies in the random order in which pairs are handed out.")
    left_out = models.BooleanField(default=False, help_text="A clip was missing when voting started.")
    decided = models.BooleanField(default=False, help_text="A planned look settled its pairing: it is not handed out.")

    class Meta:
        ordering = ("comparison", "pk")
        constraints = [
            models.UniqueConstraint("comparison", "first", "second", name="one_pair_per_two_clips"),
            models.CheckConstraint(condition=~Q(first=F("second")), name="pair_of_two_different_clips"),
            models.CheckConstraint(condition=Q(taken__lte=F("overlap")), name="pair_never_overbooked"),
            models.CheckConstraint(condition=Q(taken_swapped__lte=F("taken")), name="pair_swaps_within_taken"),
        ]
        indexes = [
            models.Index(
                "comparison",
                "taken",
                "shuffle",
                name="pair_waiting",
                condition=Q(left_out=False, decided=False, taken__lt=F("overlap")),
            ),
        ]

    def __str__(self) -> str:
        return f"pair {self.pk}: {self.prompt}"

    @property
    def shares(self) -> str:
        """'same noise' where both generators told the same initial noise; otherwise no more than the seed is known."""
        first, second = ((clip.facts.get("generator") or {}).get("noise_sha256") for clip in (self.first, self.second))
        return SAME_NOISE if first and first == second else SAME_SEED

    @property
    def made_apart(self) -> list[str]:
        """What differed in the software and devices that made its clips."""
        one, other = ((clip.facts.get("provenance") or {}).get("machine") for clip in (self.first, self.second))
        return sorted(of_a_pair(one, other)) if one and other else []
