"""Each assessor's standing, by rules that the organizer sees and sets: trusted, watched or excluded, and why.

A rule fires when the whole interval of a share lies beyond its threshold, so that chance alone rarely does it. What
follows is the organizer's choice: nothing but being watched, more goldens, a pause with a message, or an exclusion,
which is a filter in the report and can be lifted. A rule acts on an assessor once: what an organizer undid stays so.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from evalapp.assessing.evidence import Evidence, Share, evidence_of
from evalapp.assessing.exclusions import BY_RULE, AlreadyExcluded, Exclusion, pause
from evalapp.assessing.models import Ballot, Participation
from evalapp.comparisons.models import Comparison

ENOUGH_ASSESSORS = 3  # of whom "the middle assessor" can be spoken
TRUSTED, WATCHED, EXCLUDED = STANDINGS = ("trusted", "watched", "excluded")
OFF, WATCH, GOLDENS, PAUSE, EXCLUDE = "off", "watch", "goldens", "pause", "exclude"
CONSEQUENCES = {
    OFF: gettext_lazy("not looked at"),
    WATCH: gettext_lazy("watched"),
    GOLDENS: gettext_lazy("watched, and given more goldens"),
    PAUSE: gettext_lazy("paused with a message"),
    EXCLUDE: gettext_lazy("excluded from the report"),
}


@dataclass(frozen=True)
class Rule:
    """A threshold on one share; `above`: too high is wrong, else too low is."""

    key: str
    of: Callable[[Evidence], Share | None]
    title: str | Promise
    meaning: str | Promise
    told: str | Promise
    threshold: float
    least: int
    above: bool = True


RULES = {
    rule.key: rule
    for rule in (
        Rule(
            *("side", lambda work: work.left, gettext_lazy("One side")),
            gettext_lazy("Share of pairs answered mostly on the left. Too high, or as far below one half: one side."),
            gettext_lazy("chose the left on %(share)s of the pairs (%(low)s to %(high)s)"),
            *(0.75, 20),
        ),
        Rule(
            *("line", lambda work: work.line, gettext_lazy("The same answer to everything")),
            gettext_lazy("Share of pairs with the same answer on every aspect."),
            gettext_lazy("gave the same answer on every aspect of %(share)s of the pairs (%(low)s to %(high)s)"),
            *(0.80, 20),
        ),
        Rule(
            *("haste", lambda work: work.haste, gettext_lazy("Haste")),
            gettext_lazy("Share of pairs answered in less time than the longer clip lasts."),
            gettext_lazy("answered %(share)s of the pairs before the clips were over (%(low)s to %(high)s)"),
            *(0.30, 10),
        ),
        Rule(
            *("skips", lambda work: work.skips, gettext_lazy("Skipping")),
            gettext_lazy("Share of the pairs shown that were skipped."),
            gettext_lazy("skipped %(share)s of the pairs (%(low)s to %(high)s)"),
            *(0.30, 20),
        ),
        Rule(
            *("agreement", lambda work: work.agreement, gettext_lazy("Agreement with others")),
            gettext_lazy(
                "How near the answers are to the others' on the same pairs. "
                "Fires when it lies this far below the middle assessor's."
            ),
            gettext_lazy("agrees with others on %(share)s (%(low)s to %(high)s); the middle assessor on %(middle)s"),
            *(0.10, 30, False),
        ),
        Rule(
            *("goldens", lambda work: work.goldens, gettext_lazy("Known answers")),
            gettext_lazy("Right answers on goldens and identical pairs. Too low: the rule fires."),
            gettext_lazy("answered %(share)s of the known pairs right (%(low)s to %(high)s)"),
            *(0.70, 8, False),
        ),
        Rule(
            *("repeats", lambda work: work.repeats, gettext_lazy("Self-consistency")),
            gettext_lazy("The same answer when a pair came again, its sides turned. Too low: the rule fires."),
            gettext_lazy("repeats %(share)s of the own answers when the sides are turned (%(low)s to %(high)s)"),
            *(0.60, 8, False),
        ),
    )
}


@dataclass(frozen=True)
class Setting:
    """A rule as the comparison has it."""

    rule: Rule
    threshold: float
    least: int
    consequence: str

    def fires(self, share: Share | None, middle: float | None) -> bool:
        if share is None or share.total < self.least or self.consequence == OFF:
            return False
        if self.rule.key == "agreement":
            return middle is not None and share.high < middle - self.threshold
        if self.rule.key == "side":
            return share.low > self.threshold or share.high < 1 - self.threshold
        return share.low > self.threshold if self.rule.above else share.high < self.threshold


def settings_of(comparison: Comparison) -> list[Setting]:
    """Every rule with the comparison's own threshold, least number of pairs and consequence, or the usual ones."""
    return [
        Setting(
            rule,
            *(
                comparison.quality_rules.get(key, {}).get(name, usual)
                for name, usual in (("threshold", rule.threshold), ("least", rule.least), ("consequence", WATCH))
            ),
        )
        for key, rule in RULES.items()
    ]


class Standing(models.Model):
    """What was found of an assessor's work when last looked at; pages show it with its date."""

    participation = models.OneToOneField(Participation, on_delete=models.CASCADE, related_name="standing")
    numbers = models.JSONField(default=dict, help_text="Counts and totals; intervals follow from them.")
    fired = models.JSONField(default=list, help_text="Keys of the rules that fire now.")
    acted = models.JSONField(default=list, help_text="Keys of the rules whose consequence was drawn; each acts once.")
    seen = models.BigIntegerField(default=0, help_text="The newest ballot of the comparison that was looked at.")
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ("participation",)

    def __str__(self) -> str:
        return f"standing of {self.participation}"

    def share(self, name: str) -> Share | None:
        found = self.numbers.get(name)
        return Share(*found) if found else None

    def aspects(self, measure: str = "by_aspect") -> dict[str, Share]:
        """By aspect key: agreement with others, or `golden_aspects`, `repeat_aspects`."""
        return {key: Share(*found) for key, found in self.numbers.get(measure, {}).items()}

    def reasons(self) -> list[str]:
        """Why this assessor is watched, in words."""
        return [self.reason(key) for key in self.fired if key in RULES]

    def reason(self, key: str) -> str:
        share = self.share(key)
        if share is None:
            raise KeyError(f"{self} has no number for the rule {key!r}")
        parts = {"share": share.share, "low": share.low, "high": share.high, "middle": self.numbers.get("middle") or 0}
        return gettext(str(RULES[key].told)) % {name: f"{value:.0%}" for name, value in parts.items()}


def behind(comparison: Comparison) -> bool:
    """Whether answers came that no standing has seen."""
    seen = Standing.objects.filter(participation__comparison=comparison).aggregate(last=models.Max("seen"))["last"]
    return newest_ballot(comparison) > (seen or 0)


def newest_ballot(comparison: Comparison) -> int:
    return Ballot.objects.filter(assignment__pair__comparison=comparison).aggregate(last=models.Max("pk"))["last"] or 0


def watch(comparison: Comparison) -> list[Standing]:
    """Look at everyone's work anew, store their standings and draw the consequences; may run at any time, repeatedly.

    A constant number of queries but for consequences newly drawn.
    """
    seen, settings = newest_ballot(comparison), settings_of(comparison)
    found = evidence_of(comparison)
    middle = _middle(found, next(each.least for each in settings if each.rule.key == "agreement"))
    before = {each.participation_id: each for each in Standing.objects.filter(participation__comparison=comparison)}
    standings = []
    for participation, work in found.items():
        fired = [each.rule.key for each in settings if each.fires(each.rule.of(work), middle)]
        acted = before[participation].acted if participation in before else []
        standings.append(
            Standing(
                participation_id=participation,
                numbers=_numbers(work, middle),
                fired=fired,
                acted=acted,
                seen=seen,
                computed_at=Now(),
            )
        )
    fields = ["numbers", "fired", "seen", "computed_at"]
    Standing.objects.bulk_create(
        standings, update_conflicts=True, unique_fields=["participation"], update_fields=fields
    )
    consequence = {each.rule.key: each.consequence for each in settings}
    for standing in standings:
        for key in standing.fired:
            if key not in standing.acted and consequence[key] in (GOLDENS, PAUSE, EXCLUDE):
                _act(standing, key, consequence[key])
    return standings


def _middle(found: dict[int, Evidence], least: int) -> float | None:
    enough = [each.agreement.share for each in found.values() if each.agreement and each.agreement.total >= least]
    return median(enough) if len(enough) >= ENOUGH_ASSESSORS else None


def _numbers(work: Evidence, middle: float | None) -> dict[str, Any]:
    return {
        "answered": work.answered,
        "seconds": round(work.seconds, 1),
        "middle": middle,
        **{key: share.as_json() for key, rule in RULES.items() if (share := rule.of(work))},
        **{
            name: {key: share.as_json() for key, share in getattr(work, name).items()}
            for name in ("by_aspect", "golden_aspects", "repeat_aspects")
        },
        "examples": {key: codes for key, codes in work.examples.items() if codes},
    }


@transaction.atomic
def _act(standing: Standing, key: str, consequence: str) -> None:
    mine = Participation.objects.select_for_update().get(pk=standing.participation_id)
    stored = Standing.objects.get(participation=mine)
    if key in stored.acted:
        return
    Standing.objects.filter(pk=stored.pk).update(acted=[*stored.acted, key])
    if consequence == GOLDENS:
        Participation.objects.filter(pk=mine.pk).update(more_goldens=True)
    elif consequence == PAUSE:
        pause(mine, by=f"{BY_RULE}: {key}")
    else:
        with suppress(AlreadyExcluded):
            Exclusion.objects.exclude_assessor(mine, standing.reason(key), by=BY_RULE, rule=key)


def state_of(participation: Participation, standing: Standing | None, exclusion: Exclusion | None) -> str:
    """One of STANDINGS."""
    if exclusion:
        return EXCLUDED
    return WATCHED if participation.paused_at or (standing and standing.fired) else TRUSTED


def standings_now(comparison: Comparison) -> dict[str, str]:
    """The standing of everyone who takes part, by the assessor's code."""
    out = {each.participation_id: each for each in Exclusion.objects.active(comparison)}
    found = comparison.participations.select_related("assessor", "standing")
    return {
        str(each.assessor.code): state_of(each, getattr(each, "standing", None), out.get(each.pk)) for each in found
    }
