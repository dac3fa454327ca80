"""From a plan to work: a draft comparison, then its clips, its pairs and the bells that wake the workers."""

from collections.abc import Callable, Sequence

from django.db import connection, transaction
from django.utils.translation import gettext as _

from evalapp.catalog.models import IMPORT, Contender, PromptSet, digest
from evalapp.comparisons.aspects import HOUSE_ASPECTS, HouseAspect
from evalapp.comparisons.models import Aspect, Comparison, Entry, NotReady, Pair
from evalapp.comparisons.pairing import meetings
from evalapp.generation.models import Clip
from evalapp.generation.tasks import ring
from evalapp.people import audit
from evalapp.people.webhooks import announce


class InvalidPlan(ValueError):
    """The comparison cannot be made as asked; the message says why."""


def name_taken(name: str) -> str:
    return _("there is a comparison named %(name)s already: choose another name") % {"name": repr(name)}


@transaction.atomic
def create(
    name: str,
    prompt_set: PromptSet,
    contenders: Sequence[Contender],
    seeds: Sequence[int] = (0,),
    overlap: int = 3,
    aspects: Sequence[HouseAspect] = HOUSE_ASPECTS,
    rng_seed: int = 0,
    instructions: str = "",
    length_rule: str = Comparison.LengthRule.HOLD,
    planned_looks: int = 0,
    planned_votes: int | None = None,
    margin: float | None = None,
    ask_both_bad: bool = False,
    ask_strength: bool = False,
) -> Comparison:
    """A draft comparison in the prompt set's project. Raises InvalidPlan."""
    if foreign := [contender.name for contender in contenders if contender.project_id != prompt_set.project_id]:
        told = {"name": name, "contenders": ", ".join(foreign)}
        raise InvalidPlan(_("%(name)s: %(contenders)s and the prompts lie in different projects") % told)
    if len({contender.pk for contender in contenders}) < max(2, len(contenders)):
        raise InvalidPlan(_("%(name)s: a comparison needs two or more different contenders") % {"name": name})
    if not seeds or len(set(seeds)) < len(seeds):
        raise InvalidPlan(_("%(name)s: give one or more seeds, each once") % {"name": name})
    if overlap < 1:
        raise InvalidPlan(_("%(name)s: overlap is how many assessors judge each pair: 1 or more") % {"name": name})
    if not aspects or len({aspect.key for aspect in aspects}) < len(aspects):
        raise InvalidPlan(_("%(name)s: give one or more aspects, each once") % {"name": name})
    if length_rule not in Comparison.LengthRule:
        told = {"name": name, "rules": ", ".join(Comparison.LengthRule)}
        raise InvalidPlan(_("%(name)s: clips of different length follow one of %(rules)s") % told)
    if planned_votes is not None and not planned_looks:
        raise InvalidPlan(
            _("%(name)s: a planned number of votes belongs to planned looks: ask for looks, or leave it out")
            % {"name": name}
        )
    most = prompt_set.prompts.count() * len(seeds) * overlap
    if planned_votes is not None and not planned_looks <= planned_votes <= most:
        told = {"name": name, "planned": str(planned_votes), "least": str(planned_looks), "most": str(most)}
        raise InvalidPlan(
            _(
                "%(name)s: %(planned)s planned votes per pairing: take %(least)s to %(most)s "
                "(prompts × seeds × assessors per pair)"
            )
            % told
        )
    if margin is not None and not 0 < margin < 0.5:
        raise InvalidPlan(
            _("%(name)s: the margin is a difference in win rate between 0 and 0.5, such as 0.05") % {"name": name}
        )
    if Comparison.objects.filter(name=name, project=prompt_set.project_id).exists():
        raise InvalidPlan(name_taken(name))
    comparison = Comparison.objects.create(
        name=name,
        project_id=prompt_set.project_id,
        prompt_set=prompt_set,
        seeds=list(seeds),
        overlap=overlap,
        rng_seed=rng_seed,
        instructions=instructions,
        length_rule=length_rule,
        planned_looks=planned_looks,
        planned_votes=planned_votes,
        margin=margin,
        ask_both_bad=ask_both_bad,
        ask_strength=ask_strength,
    )
    Entry.objects.bulk_create(
        Entry(comparison=comparison, contender=contender, position=position)
        for position, contender in enumerate(contenders)
    )
    Aspect.objects.bulk_create(
        Aspect(
            comparison=comparison,
            key=aspect.key,
            name=aspect.name,
            question=aspect.question,
            hint=aspect.hint,
            position=position,
        )
        for position, aspect in enumerate(aspects)
    )
    return comparison


@transaction.atomic
def drafted(make: Callable[[], Comparison], draft: Comparison | None = None, begun_from: str = "") -> Comparison:
    """The comparison that is made; in the place of a draft where one is given: under its code. Raises InvalidPlan.

    begun_from: the comparison or template whose plan it began as.
    """
    if draft is None:
        made = make()
        audit.record("made the draft of", made, digest=plan_digest(made), begun_from=begun_from)
        return made
    if not Comparison.objects.select_for_update().filter(pk=draft.pk, state=Comparison.State.DRAFT).exists():
        raise InvalidPlan(_("%(name)s is launched: its plan cannot be changed any more") % {"name": draft.name})
    place = {"code": draft.code, "created_at": draft.created_at}
    draft.delete()
    made = make()
    Comparison.objects.filter(pk=made.pk).update(**place)
    made.refresh_from_db()
    before = draft.name if draft.name != made.name else ""
    audit.record("edited the draft of", made, digest=plan_digest(made), before=before)
    return made


@transaction.atomic
def launch(comparison: Comparison) -> None:
    """Freeze the plan, make its clips and pairs, and wake the workers. Clips that exist already are used again.

    Raises NotReady unless the comparison is a draft.
    """
    claimed = Comparison.objects.filter(pk=comparison.pk, state=Comparison.State.DRAFT)
    if not claimed.update(state=Comparison.State.RENDERING):
        told = {"name": comparison.name, "state": _(comparison.state)}
        raise NotReady(_("%(name)s is %(state)s: only a draft can be launched") % told)
    comparison.refresh_from_db()
    contenders = list(comparison.contenders.select_related("recipe").order_by("entry__position"))
    scenes = _scenes(comparison, contenders)
    if comparison.planned_looks and comparison.planned_votes is None:
        comparison.planned_votes = len(scenes) * comparison.overlap
    comparison.digest = plan_digest(comparison)
    comparison.save(update_fields=["planned_votes", "digest"])
    clips = _clips(contenders, scenes)
    Pair.objects.bulk_create(
        (
            Pair(
                comparison=comparison,
                prompt_id=meeting.prompt,
                seed=meeting.seed,
                first_id=clips[meeting.first, meeting.prompt, meeting.seed],
                second_id=clips[meeting.second, meeting.prompt, meeting.seed],
                overlap=comparison.overlap,
                shuffle=meeting.shuffle,
            )
            for meeting in meetings([contender.pk for contender in contenders], scenes, comparison.rng_seed)
        ),
        batch_size=2000,
    )
    _count_rows()
    audit.record("launched", comparison, digest=comparison.digest)
    announce("comparison.launched", comparison, **comparison.told())
    ring()


def _count_rows() -> None:
    """PostgreSQL learns at once that there are many pairs and clips more. Without that it reads them all for the next
    pair, until it finds out by itself: 61 ms instead of 9 among 20,000 pairs."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in (Clip, Pair):
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def plan_digest(comparison: Comparison) -> str:
    """sha256 of all that votes depend on: contenders, prompts, seeds, aspects, overlap, random seed, length rule, the
    rule by which pairings are decided where there is one, and what can be answered beyond left, same and right."""
    return digest(
        {
            "contenders": list(
                comparison.entries.values_list("contender__name", "contender__recipe__identity", "position")
            ),
            "prompts": comparison.prompt_set.digest,
            "seeds": comparison.seeds,
            "aspects": list(comparison.aspects.values_list("key", "question", "position")),
            "overlap": comparison.overlap,
            "rng_seed": comparison.rng_seed,
            "length_rule": comparison.length_rule,
        }
        | (
            {
                "planned_looks": comparison.planned_looks,
                "planned_votes": comparison.planned_votes,
                "margin": comparison.margin,
            }
            if comparison.planned_looks or comparison.margin is not None
            else {}
        )
        | {name: True for name in ("ask_both_bad", "ask_strength") if getattr(comparison, name)}
    )


def _scenes(comparison: Comparison, contenders: Sequence[Contender]) -> list[tuple[int, int]]:
    """Prompts and seeds to pair: all of them, or, where nothing can be rendered, those of which some clip exists."""
    prompts = comparison.prompt_set.prompts.values_list("pk", flat=True)
    scenes = [(prompt, seed) for prompt in prompts for seed in comparison.seeds]
    if any(contender.recipe.generator != IMPORT for contender in contenders):
        return scenes
    imported = Clip.objects.filter(contender__in=contenders, prompt__prompt_set=comparison.prompt_set)
    existing = set(imported.values_list("prompt", "seed"))
    return [scene for scene in scenes if scene in existing]


def _clips(contenders: Sequence[Contender], scenes: Sequence[tuple[int, int]]) -> dict[tuple[int, int, int], int]:
    """Ids of the clips by contender, prompt and seed; new ones are queued, failed ones queued again."""
    Clip.objects.bulk_create(
        (
            _new_clip(contender, prompt, seed, turn)
            for contender in contenders
            for turn, (prompt, seed) in enumerate(scenes)
        ),
        ignore_conflicts=True,
        batch_size=2000,
    )
    needed = Clip.objects.filter(
        contender__in=contenders,
        prompt__in={prompt for prompt, _ in scenes},
        seed__in={seed for _, seed in scenes},
    )
    needed.exclude(contender__recipe__generator=IMPORT).retry()
    return {
        (contender, prompt, seed): pk
        for contender, prompt, seed, pk in needed.values_list("contender", "prompt", "seed", "pk")
    }


def _new_clip(contender: Contender, prompt: int, seed: int, turn: int) -> Clip:
    clip = Clip(contender=contender, prompt_id=prompt, seed=seed, turn=turn)
    clip.weights, clip.hardware = contender.weights, contender.hardware
    if contender.recipe.generator == IMPORT:
        clip.state = Clip.State.FAILED
        clip.reason = "no file was imported for this prompt and seed: import it, or leave its pairs out"
    return clip
