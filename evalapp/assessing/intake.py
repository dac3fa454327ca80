"""Votes cast elsewhere become a closed comparison: read completely first, then stored, or nothing is."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evalapp.assessing.choices import STRONGEST
from evalapp.assessing.exchange import plain_cell
from evalapp.assessing.models import Assignment, Ballot, Choice, Participation, ScreenChoice, Vote, turned_back
from evalapp.assessing.ratings import MOST_CONTENDERS
from evalapp.catalog.models import Contender, PromptSet, PromptText, digest
from evalapp.comparisons.aspects import HOUSE_ASPECTS, HouseAspect
from evalapp.comparisons.launch import InvalidPlan, create, plan_digest
from evalapp.comparisons.models import Comparison, Pair
from evalapp.generation.models import Clip
from evalapp.people import audit
from evalapp.people.models import Assessor
from evalapp.people.projects import first_project

REQUIRED = ("prompt_id", "assessor", "aspect", "choice")
WITHOUT_CLIPS = "votes were imported without clips"
BOTH_BAD = str(ScreenChoice.BOTH_BAD)
TRUTHS = ("true", "false", "")
LISTED = 30
LONGEST_NAME = 200
SEEDS = 2**32


class VotesRefused(Exception):
    """Nothing was stored; `problems` names every row that cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    @property
    def listed(self) -> list[str]:
        """The first of them, and how many more."""
        more = len(self.problems) - LISTED
        rest = ngettext("and %(n)s more", "and %(n)s more", more) % {"n": f"{more:,}"}
        return [*self.problems[:LISTED], *([rest] if more > 0 else [])]


class ImportedAlready(InvalidPlan):
    """These very votes are in `comparison`; the league would count them twice."""

    def __init__(self, comparison: Comparison) -> None:
        told = _("these very votes are in %(name)s already, and the league would count them twice")
        super().__init__(told % {"name": repr(comparison.name)})
        self.comparison = comparison


Place = tuple[str, int, str, str]
"""Prompt id, seed and two contenders, in the order of their names."""


class _Given(NamedTuple):
    """A choice; `strength` is None where the row gives none."""

    choice: Choice
    both_bad: bool
    strength: int | None


@dataclass
class _Sheet:
    """One assessor's answers on one pair; `left` is empty where sides are not known, `answered_at` as the row has it,
    `at` None where it has none."""

    left: str
    answered_at: str
    at: datetime | None
    choices: dict[str, "_Given"] = field(default_factory=dict)


@dataclass
class _Table:
    rated: bool
    prompts: dict[str, str] = field(default_factory=dict)
    aspects: dict[str, None] = field(default_factory=dict)
    assessors: dict[str, bool] = field(default_factory=dict)
    sheets: dict[tuple[Place, str], _Sheet] = field(default_factory=dict)


def import_votes(
    rows: Iterable[dict[str, Any]],
    name: str,
    prompts: Sequence[PromptText] = (),
    prompt_set: str = "",
    rated: bool = False,
    again: bool = False,
) -> Comparison:
    """Votes cast elsewhere become a closed comparison of that name.

    A row names prompt_id, assessor, aspect, the two contenders (first and second, or left and right), which of them
    was on the left where that is known, and the choice: first, second, tie, both_bad (a tie that says more), left,
    right, same or a contender's name; `strength` may say how strong (0 for a tie, 1 a little, 2 clearly, 3 very).
    `answered_at` may say when, in ISO 8601 (UTC where it names no zone); without it votes count as answered now.
    With `prompts`, their texts and tags come from there; where the contenders' clips of these are stored, the votes
    show them. `rated`: the rows were made from ratings, which ballots and the report's methods then say.
    Raises, having stored nothing, VotesRefused when a row cannot be used, InvalidPlan when the name is taken, and
    ImportedAlready when these very votes came in before, unless `again`.
    """
    table, problems = _Table(rated=rated), []
    for number, cells in enumerate(rows, 2):
        row = {column: plain_cell(cell) for column, cell in cells.items() if column}
        problems += [f"{_('row %(n)d') % {'n': number}}: {problem}" for problem in _read(row, table)]
    if not table.sheets and not problems:
        problems.append(_("there are no votes in it"))
    given = [each for sheet in table.sheets.values() for each in sheet.choices.values()]
    if len({each.strength is None for each in given}) > 1:
        problems.append(_("some rows give a strength and others do not: give it for all of them, or leave it out"))
    if len({bool(sheet.left) for sheet in table.sheets.values()}) > 1:
        problems.append(
            _("some rows say who was on the left and others do not: give it for all of them, or leave it out")
        )
    if len({name for place, _who in table.sheets for name in place[2:]}) > MOST_CONTENDERS:
        problems.append(_("more than %(n)d contenders") % {"n": MOST_CONTENDERS})
    listed = {prompt.key: prompt for prompt in prompts}
    if prompts:
        unknown = _("prompt %(prompt)s is not in the list of prompts")
        problems += [unknown % {"prompt": repr(key)} for key in table.prompts if key not in listed]
    if problems:
        raise VotesRefused(problems)
    frozen = prompts or [PromptText(key, text) for key, text in table.prompts.items()]

    @transaction.atomic
    def stored() -> Comparison:
        if not again and (twin := _twin(table)):
            raise ImportedAlready(twin)
        return _store(table, name, _with_clips(table, frozen) or PromptSet.objects.freeze(prompt_set or name, frozen))

    try:
        return stored()
    except IntegrityError:  # another process stored one of that name meanwhile, which is seen now
        return stored()


def _twin(table: _Table) -> Comparison | None:
    """The comparison of this project that holds these very votes, imported before; the newest where several do."""
    cast = Q(assignment__pair__comparison=OuterRef("pk"), viewing__imported=True)
    counted = Ballot.objects.filter(cast).order_by().values("assignment__pair__comparison").annotate(n=Count("pk"))
    alike = Comparison.objects.filter(project=first_project(), state=Comparison.State.CLOSED)
    pair = "assignment__pair"
    facts = [f"{pair}__{fact}" for fact in ("prompt__key", "seed", "first__contender__name", "second__contender__name")]
    facts += ["assignment__participation__assessor__name", "assignment__swapped", "fingerprint"]
    sheets = table.sheets.items()
    mine = {(*place, who[:100], sheet.left == place[3], _fingerprint(sheet)) for (place, who), sheet in sheets}
    for each in alike.annotate(cast=Subquery(counted.values("n"))).filter(cast=len(table.sheets)).order_by("-pk"):
        if mine == set(Ballot.objects.filter(assignment__pair__comparison=each).values_list(*facts)):
            return each
    return None


def _fingerprint(sheet: _Sheet) -> str:
    return digest(sorted(sheet.choices.items()))


def _with_clips(table: _Table, prompts: Sequence[PromptText]) -> PromptSet | None:
    """The set of these very prompts, whatever it is called, with most of the contenders' clips; None without any."""
    names = {name for place, _who in table.sheets for name in place[2:]}
    shown = {"prompts__clip__state": Clip.State.READY, "prompts__clip__contender__name__in": names}
    held = PromptSet.objects.with_prompts(prompts).filter(**shown).annotate(clips=Count("prompts__clip"))
    return held.order_by("-clips", "pk").first()


def _read(row: dict[str, str], table: _Table) -> Iterator[str]:
    """Add a row to the table, or say what is wrong with it."""
    row.setdefault("prompt_id", row.get("prompt", ""))
    flags = {"simulated": row.get("simulated", ""), "current": row.get("current", "")}
    if wrong := [f"{key} {value!r}" for key, value in flags.items() if value.lower() not in TRUTHS]:
        yield _("%(told)s is neither True nor False") % {"told": ", ".join(wrong)}
        return
    if flags["current"].lower() == "false":
        return
    if lacking := [column for column in REQUIRED if not row.get(column)]:
        yield _("has no %(columns)s") % {"columns": ", ".join(lacking)}
        return
    seed, left, choice = row.get("seed") or "0", row.get("left", ""), row["choice"]
    first, second = row.get("first") or left, row.get("second") or row.get("right", "")
    if not first or not second or first == second or left not in (first, second, ""):
        told = _("needs two contenders (first and second, or left and right), one of them on the left, not %(left)s")
        yield told % {"left": repr(left)}
        return
    if longer := [each[:30] for each in (row["prompt_id"], first, second) if len(each) > LONGEST_NAME]:
        yield _("%(name)s… is longer than %(n)d characters") % {"name": repr(longer[0]), "n": LONGEST_NAME}
        return
    if choice in (ScreenChoice.LEFT, ScreenChoice.RIGHT) and not left:
        yield _("choice %(choice)s needs to know who was on the left") % {"choice": repr(choice)}
        return
    if not (seed.isascii() and seed.isdigit() and len(seed) <= len(str(SEEDS)) and int(seed) < SEEDS):
        yield _("seed %(seed)s is not a whole number below 2³²") % {"seed": repr(seed[:20])}
        return
    one, other = sorted((first, second))
    named = {"first": first, "second": second, one: one, other: other}
    if choice in (Choice.TIE, BOTH_BAD):
        chosen = Choice.TIE
    elif choice in ScreenChoice.values:
        chosen = turned_back(choice, swapped=left == other)
    elif choice in named:
        chosen = Choice.FIRST if named[choice] == one else Choice.SECOND
    else:
        known = f"first, second, tie, both_bad, left, right, same, {first}, {second}"
        yield _("choice %(choice)s is none of %(known)s") % {"choice": repr(choice), "known": known}
        return
    least, most = (0, 0) if chosen is Choice.TIE else (1, STRONGEST)
    strength = row.get("strength") or None
    if strength and not (
        strength.isascii() and strength.isdigit() and len(strength) < 3 and least <= int(strength) <= most
    ):
        known = ", ".join(map(str, range(least, most + 1)))
        values = {"strength": repr(strength), "known": known, "choice": repr(choice)}
        yield _("strength %(strength)s is none of %(known)s for %(choice)s") % values
        return
    text, simulated = row.get("prompt") or row["prompt_id"], flags["simulated"].lower() == "true"
    if table.prompts.setdefault(row["prompt_id"], text) != text:
        yield _("prompt %(prompt)s has another text than before") % {"prompt": repr(row["prompt_id"])}
    if table.assessors.setdefault(row["assessor"], simulated) != simulated:
        told = _("assessor %(assessor)s is simulated in one row and not in another")
        yield told % {"assessor": repr(row["assessor"])}
    place, when = (row["prompt_id"], int(seed), one, other), row.get("answered_at", "")
    try:
        at = _moment(when)
    except ValueError as error:
        yield str(error)
        return
    sheet = table.sheets.setdefault((place, row["assessor"]), _Sheet(left, when, at))
    if sheet.left != left:
        yield _("the same assessor, prompt and contenders come with two different left sides")
    if row["aspect"] in sheet.choices:
        told = _("%(assessor)s answers %(aspect)s of this pair twice")
        yield told % {"assessor": row["assessor"], "aspect": row["aspect"]}
    sheet.choices[row["aspect"]] = _Given(chosen, choice == BOTH_BAD, int(strength) if strength else None)
    table.aspects.setdefault(row["aspect"])


def _moment(told: str) -> datetime | None:
    """Raises ValueError where it is no time, or lies in the future."""
    if not told:
        return None
    try:
        at = datetime.fromisoformat(told)
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            _("answered_at %(at)s is not a time such as 2026-05-31T14:05:00Z") % {"at": repr(told)}
        ) from error
    if at > timezone.now():
        raise ValueError(_("answered_at %(at)s lies in the future") % {"at": repr(told)})
    return at


def _store(table: _Table, name: str, prompt_set: PromptSet) -> Comparison:
    places = Counter(place for place, _who in table.sheets)
    given = [each for sheet in table.sheets.values() for each in sheet.choices.values()]
    bad = any(each.both_bad for each in given)
    here = Contender.objects.filter(project=prompt_set.project_id)
    contenders = {
        name: here.filter(name=name).first() or Contender.objects.imported(name, prompt_set.project_id)
        for name in sorted({name for place in places for name in place[2:]})
    }
    comparison = create(
        name,
        prompt_set,
        list(contenders.values()),
        seeds=sorted({seed for _key, seed, *_both in places}),
        overlap=max(places.values()),
        aspects=[_aspect(key) for key in table.aspects],
        ask_both_bad=bad,
        ask_strength=given[0].strength is not None,
    )
    swapped = Counter(place for (place, _who), sheet in table.sheets.items() if sheet.left == place[3])
    pairs = _pairs(comparison, contenders, places, swapped)
    people = Assessor.objects.bulk_create(
        Assessor(name=name[:100], simulated=simulated) for name, simulated in table.assessors.items()
    )
    joined = Participation.objects.bulk_create(Participation(comparison=comparison, assessor=each) for each in people)
    participations = dict(zip(table.assessors, joined, strict=True))
    assignments = Assignment.objects.bulk_create(
        Assignment(
            pair=pairs[place],
            participation=participations[assessor],
            swapped=sheet.left == place[3],
            state=Assignment.State.SUBMITTED,
            lease_until=Now(),
            closed_at=sheet.at or Now(),
            version=1,
        )
        for (place, assessor), sheet in table.sheets.items()
    )
    now = timezone.now()
    ballots = Ballot.objects.bulk_create(
        Ballot(
            created_at=sheet.at or now,
            assignment=assignment,
            version=1,
            key=assignment.code.hex,
            fingerprint=_fingerprint(sheet),
            viewing={"imported": True, "answered_at": sheet.answered_at} | ({"rated": True} if table.rated else {}),
        )
        for assignment, sheet in zip(assignments, table.sheets.values(), strict=True)
    )
    aspects = dict(zip(table.aspects, comparison.aspects.all(), strict=True))
    Vote.objects.bulk_create(
        (
            Vote(
                ballot=ballot,
                aspect=aspects[key],
                choice=each.choice,
                both_bad=each.both_bad if bad else None,
                strength=each.strength,
            )
            for ballot, sheet in zip(ballots, table.sheets.values(), strict=True)
            for key, each in sheet.choices.items()
        ),
        batch_size=2000,
    )
    sides_known = all(sheet.left for sheet in table.sheets.values())
    Comparison.objects.filter(pk=comparison.pk).update(digest=plan_digest(comparison), sides_known=sides_known)
    comparison.close()
    audit.record("imported votes into", comparison, answers=len(ballots))
    return comparison


def _pairs(
    comparison: Comparison, contenders: dict[str, Contender], places: Counter[Place], swapped: Counter[Place]
) -> dict[Place, Pair]:
    """The voted pairs, between stored clips where there are any and placeholders without files where not."""
    prompts = {prompt.key: prompt for prompt in comparison.prompt_set.prompts.all()}
    Clip.objects.bulk_create(
        (
            Clip(
                contender=contenders[contender],
                prompt=prompts[key],
                seed=seed,
                state=Clip.State.CANCELLED,
                reason=WITHOUT_CLIPS,
            )
            for key, seed, contender in sorted({(*place[:2], contender) for place in places for contender in place[2:]})
        ),
        ignore_conflicts=True,
        batch_size=2000,
    )
    clips = {
        (clip.prompt_id, clip.seed, clip.contender_id): clip
        for clip in Clip.objects.filter(prompt__in=prompts.values(), contender__in=contenders.values())
    }
    pairs = Pair.objects.bulk_create(
        Pair(
            comparison=comparison,
            prompt=prompts[key],
            seed=seed,
            first=clips[prompts[key].pk, seed, contenders[first].pk],
            second=clips[prompts[key].pk, seed, contenders[second].pk],
            overlap=comparison.overlap,
            taken=taken,
            taken_swapped=swapped[key, seed, first, second],
            shuffle=0,
        )
        for (key, seed, first, second), taken in places.items()
    )
    return dict(zip(places, pairs, strict=True))


def _aspect(key: str) -> HouseAspect:
    known = {aspect.key: aspect for aspect in HOUSE_ASPECTS}
    return known.get(key) or HouseAspect(slugify(key, allow_unicode=True)[:50] or key[:50], key[:100], key[:200], "")
