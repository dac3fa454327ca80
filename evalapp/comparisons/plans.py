"""Plans to start from: those of comparisons, and those that were kept as templates."""

from typing import Any

from django.db import models, transaction

from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.comparisons.models import Comparison
from evalapp.comparisons.rules import WorkRules
from evalapp.people import audit
from evalapp.people.projects import InProject

OF_THE_MOMENT = ("name", "contenders", "prompts")
"""What a template leaves open."""


class TemplateManager(models.Manager["Template"]):
    @transaction.atomic
    def keep(self, project: int, name: str, plan: dict[str, Any], by: str) -> "Template":
        """Apart from what differs each time; a known name is overwritten."""
        plan = {key: value for key, value in plan.items() if key not in OF_THE_MOMENT}
        kept, new = self.update_or_create(name=name, project_id=project, defaults={"plan": plan, "created_by": by})
        audit.record("kept a template" if new else "overwrote a template", kept)
        return kept


class Template(InProject):
    """A plan without contenders: the form's fields as they were filled in."""

    name = models.CharField(max_length=200)
    plan = models.JSONField(default=dict)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TemplateManager()

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint("project", "name", name="one_template_per_name")]

    def __str__(self) -> str:
        return self.name

    def remove(self) -> None:
        """Nothing starts from it any more; what did start from it stays."""
        audit.record("removed a template", self)
        self.delete()


def plan_of(comparison: Comparison) -> dict[str, Any]:
    """The form's fields as that comparison has them, for a copy, a template, or going on with a draft."""
    aspects = list(comparison.aspects.all())
    house = {aspect.key for aspect in HOUSE_ASPECTS}
    plain = (
        "name",
        "overlap",
        "length_rule",
        "instructions",
        "planned_votes",
        "margin",
        "ask_both_bad",
        "ask_strength",
    )
    return (
        {name: getattr(comparison, name) for name in plain}
        | WorkRules.of(comparison)
        | {
            "contenders": list(comparison.contenders.order_by("entry__position").values_list("pk", flat=True)),
            "prompt_set": comparison.prompt_set_id,
            "seeds": len(comparison.seeds),
            "aspects": [aspect.key for aspect in aspects if aspect.key in house],
            "own_aspects": "\n".join(f"{each.name}: {each.question}" for each in aspects if each.key not in house),
            "planned_looks": bool(comparison.planned_looks),
        }
    )
