"""The catalog: what can be compared (checkpoint × recipe = contender) and on which prompts."""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models, transaction

from evalapp.people.projects import InProject, first_project

TRIALS = 3
"""How many workers may die of trying a recipe."""
IMPORT = "import"  # the generator of contenders whose clips came as finished files


def digest(value: Any) -> str:
    """sha256 of a JSON-able value, the same for equal values."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class Checkpoint(InProject):
    """One set of trained weights, with its revision and hash."""

    name = models.CharField(max_length=200)
    source = models.CharField(max_length=500, blank=True, help_text="Folder, file or hub id; empty where unknown.")
    revision = models.CharField(max_length=100, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the manifest.")
    manifest = models.JSONField(default=dict, blank=True, help_text="sha256 of each file, by its path.")
    training = models.CharField(max_length=200, blank=True, help_text="The run that saved it and its siblings.")
    step = models.PositiveBigIntegerField(null=True, blank=True, help_text="Training steps when it was saved.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("project", "name", name="one_checkpoint_per_name")]

    def __str__(self) -> str:
        return self.name


class Recipe(models.Model):
    """All that turns checkpoint + prompt + seed into a clip; never changed, since clips depend on it.

    Known by a hash of its content alone, it belongs to no project: only contenders lead to it.
    """

    generator = models.CharField(max_length=50, help_text="A name in generators.GENERATORS, or 'import'.")
    settings = models.JSONField(default=dict)
    identity = models.CharField(max_length=64, unique=True, editable=False)

    def __str__(self) -> str:
        return f"{self.generator} {self.identity[:8]}"


class ContenderQuerySet(models.QuerySet["Contender"]):
    def register(
        self,
        name: str,
        checkpoint: Checkpoint,
        generator: str,
        settings: dict[str, Any],
        identity: str,
        weights: str = "",
        hardware: str = "cpu",
    ) -> "Contender":
        """The contender of that name in the checkpoint's project, made if it is new; an existing one must be the same.

        `weights` names what must be loaded (without it: this checkpoint for this generator), `hardware` the class of
        worker that may render it; where it renders, but not what, may change.
        """
        recipe, _ = Recipe.objects.get_or_create(
            identity=identity, defaults={"generator": generator, "settings": settings}
        )
        weights = weights or digest({"generator": generator, "checkpoint": checkpoint.name})
        contender, _ = self.get_or_create(
            name=name,
            project=checkpoint.project,
            defaults={"checkpoint": checkpoint, "recipe": recipe, "weights": weights, "hardware": hardware},
        )
        if (contender.checkpoint_id, contender.recipe_id) != (checkpoint.pk, recipe.pk):
            raise ValueError(f"contender {name!r} exists with another checkpoint or recipe: choose another name")
        return contender

    def imported(self, name: str, project: int | None = None) -> "Contender":
        """The contender whose clips or votes come from elsewhere: nothing is known of its recipe."""
        checkpoint, _ = Checkpoint.objects.get_or_create(name=name, project_id=project or first_project())
        return self.register(name, checkpoint, IMPORT, {}, digest({"generator": IMPORT, "settings": {}}))


class Contender(InProject):
    """Checkpoint × recipe: what competes."""

    name = models.CharField(max_length=200)
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT)
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT)
    weights = models.CharField(max_length=64, blank=True, help_text="Names all that must be loaded to render it.")
    hardware = models.CharField(max_length=30, default="cpu", help_text="The class of worker that may render it.")
    trial = models.JSONField(default=dict, blank=True, help_text="What trying it at registration told.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ContenderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("checkpoint", "recipe", name="one_contender_per_checkpoint_and_recipe"),
            models.UniqueConstraint("project", "name", name="one_contender_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def ask_trial(self) -> None:
        """A worker of its hardware class is to try its recipe: see generation.trials."""
        self.trial = {"waits": TRIALS, "until": 0}
        self.save(update_fields=["trial"])

    @property
    def is_being_tried(self) -> bool:
        return bool(self.trial.get("until", 0) > time.time())


@dataclass(frozen=True)
class PromptText:
    """A prompt before it is stored."""

    key: str
    text: str
    tags: Sequence[str] = field(default_factory=tuple)
    image: str = ""

    @property
    def tags_in_order(self) -> list[str]:
        return sorted(self.tags)


def key_of(number: int, count: int, prefix: str = "p", digits: int = 3) -> str:
    """The id of a prompt that brings none: its number among `count`, in as many digits for each of them."""
    return f"{prefix}{number:0{max(digits, len(str(count)))}d}"


class PromptSetQuerySet(models.QuerySet["PromptSet"]):
    def freeze(self, name: str, prompts: Iterable[PromptText], project: int | None = None) -> "PromptSet":
        """The set with exactly these prompts: the stored one if there is one, else a new version of that name."""
        rows = _rows(prompts)
        if not rows:
            raise ValueError(f"prompt set {name!r} has no prompts")
        if len({row[0] for row in rows}) < len(rows):
            raise ValueError(f"prompt set {name!r} names a prompt twice")
        content = digest(rows)
        with transaction.atomic():
            versions = self.filter(name=name, project=project or first_project())
            if same := versions.filter(digest=content).first():
                return same
            prompt_set = self.create(
                name=name, version=versions.count() + 1, digest=content, project_id=project or first_project()
            )
            Prompt.objects.bulk_create(
                Prompt(prompt_set=prompt_set, position=position, key=key, text=text, tags=tags, image="".join(image))
                for position, (key, text, tags, *image) in enumerate(rows)
            )
        return prompt_set

    def with_prompts(self, prompts: Iterable[PromptText]) -> "PromptSetQuerySet":
        """The stored sets with exactly these prompts, whatever they are called."""
        return self.filter(digest=digest(_rows(prompts)), project=first_project())


def _rows(prompts: Iterable[PromptText]) -> list[tuple[Any, ...]]:
    """Key, text, tags, and the image where there is one."""
    return [
        (prompt.key, prompt.text, sorted(prompt.tags), *([prompt.image] if prompt.image else [])) for prompt in prompts
    ]


class PromptSet(InProject):
    """A frozen, versioned list of prompts."""

    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromptSetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("project", "name", "version", name="one_prompt_set_per_version")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def texts(self) -> list[PromptText]:
        """Its prompts as they were frozen."""
        return [PromptText(each.key, each.text, each.tags, each.image) for each in self.prompts.all()]


class Prompt(models.Model):
    """One text to generate from."""

    prompt_set = models.ForeignKey(PromptSet, on_delete=models.PROTECT, related_name="prompts")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=200, help_text="The organizer's own id of the prompt.")
    text = models.TextField()
    tags = models.JSONField(default=list)
    image = models.CharField(
        max_length=64,
        blank=True,
        help_text="sha256 of its reference or conditioning image, which assessors see with the clips.",
    )

    class Meta:
        ordering = ("prompt_set", "position")
        constraints = [models.UniqueConstraint("prompt_set", "key", name="one_prompt_per_key")]

    def __str__(self) -> str:
        return self.text

    @property
    def picture(self) -> Path | None:
        """The file of its image, if it has one."""
        return picture_path(self.image) if self.image else None


def picture_path(sha256: str) -> Path:
    """Where the image with this sha256 lies, as browsers get it."""
    return Path(settings.MEDIA_DIR) / "prompts" / f"{sha256}.webp"
