"""The pairs and votes behind a number: both clips and who chose what."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import BigIntegerField, Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast
from django.db.models.lookups import Exact
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Assignment, Choice, Vote
from evalapp.catalog.models import digest
from evalapp.comparisons.models import Aspect, Comparison, Pair
from evalapp.generation.models import Clip
from evalapp.people import audit
from evalapp.people.access import access_of
from evalapp.people.views import viewers_only
from evalapp.reporting.build import METHOD, newest
from evalapp.reporting.filters import EVERYTHING, NAMES, Filters, NoSuchFilter, in_words, tags_of
from evalapp.reporting.grouping import SECTIONS
from evalapp.reporting.suites import SECTION

PAIRS_PER_PAGE = 12
DECIDED, BOTH_BAD, SINGLE, CORRECTED = "decided", "both_bad", "single", "corrected"
ONLY = "only_"
"""Before the name of a filter of an exploration, in an address."""
EVERY = "*"
"""Every aspect at once."""


@dataclass(frozen=True)
class Behind:
    """Which pairs, with votes on an aspect (None: on any): of these two contenders, or with this one; on prompts with a
    tag; with a vote of this choice (`decided` is either side, `single`: of all votes there is one, `corrected`: an
    answer was); by this assessor; skipped for this reason; of a group that the latest report found (`found_slices.0`:
    its section and place, `found_slices.0.1`: a part of it) or of a suite (`suites.0.1.2`: capability, test, filling).
    What is empty leaves nothing out."""

    comparison: Comparison
    aspect: Aspect | None
    first: str = ""
    second: str = ""
    contender: str = ""
    choice: str = ""
    tag: str = ""
    assessor: str = ""
    everyone: str = ""
    """`1`: votes of excluded assessors too."""
    group: str = ""
    skip: str = ""
    left_out: str = ""
    """`1`: those left out of the comparison, which nobody voted on."""
    only: Filters = field(default=EVERYTHING, kw_only=True)
    """Of an exploration: votes that it counts."""

    @classmethod
    def read(cls, comparison: Comparison, given: Mapping[str, str], only: Filters = EVERYTHING) -> "Behind":
        """From an address; an unknown aspect, choice, tag or assessor is not found."""
        asked = given.get("aspect", "")
        aspect = None if asked == EVERY else get_object_or_404(Aspect, comparison=comparison, key=asked)
        names = ("first", "second", "contender", "choice", "tag", "assessor", "everyone", "group", "skip", "left_out")
        found = replace(cls(comparison, aspect, *(given.get(name, "") for name in names)), only=only)
        if found.choice and found.choice not in (*Choice.values, DECIDED, BOTH_BAD, SINGLE, CORRECTED):
            raise Http404
        if found.choice == SINGLE and not aspect:  # of one vote on each aspect there are several
            raise Http404
        if found.group:
            group_of(comparison, found.group)
        if found.tag and found.tag not in tags_of(comparison):
            raise Http404
        if found.assessor and not _is_assessor(comparison, found.assessor):
            raise Http404
        return found

    @property
    def votes(self) -> QuerySet[Vote]:
        """Votes on the aspect that count, by this assessor if one is named; those excluded do not count."""
        # cast, so that no database begins at the index of an aspect, which a seventh of all votes share
        cast = Vote.objects.current()
        if self.aspect:
            cast = cast.filter(Exact(Cast("aspect", BigIntegerField()), self.aspect.pk))
        if self.only:
            cast = cast.filter(self.only.within(self.comparison, "ballot__"))
        if not self.everyone and "excluded" not in self.only.standings:
            out = Exclusion.objects.active(self.comparison).values("participation")
            cast = cast.exclude(ballot__assignment__participation__in=out)
        return cast.filter(ballot__assignment__participation__assessor__code=self.assessor) if self.assessor else cast

    @property
    def key(self) -> str:
        """Of the aspect, as an address has it."""
        return self.aspect.key if self.aspect else EVERY

    def pairs(self, comparison: Comparison) -> QuerySet[Pair]:
        votes = self.votes.filter(ballot__assignment__pair=OuterRef("pk"))
        if self.choice == BOTH_BAD:
            votes = votes.filter(both_bad=True)
        elif self.choice == CORRECTED:
            votes = votes.filter(ballot__version__gt=1)
        elif self.choice and self.choice != SINGLE:
            votes = votes.filter(choice__in=("first", "second") if self.choice == DECIDED else (self.choice,))
        asked = Q(left_out=True) if self.left_out else self._skipped() if self.skip else Exists(votes)
        found = comparison.pairs.filter(asked)
        if self.first or self.second:
            found = found.filter(first__contender__name=self.first, second__contender__name=self.second)
        if self.contender:
            met = Q(first__contender__name=self.contender) | Q(second__contender__name=self.contender)
            found = found.filter(met)
        if self.choice == SINGLE:
            counted = votes.order_by().values("ballot__assignment__pair").annotate(n=Count("pk"))
            found = found.filter(pk__in=Subquery(counted.filter(n=1).values("ballot__assignment__pair")))
        if self.group:
            found = found.filter(_within(comparison, self.group))
        if self.tag:
            prompts = comparison.prompt_set.prompts.all()
            found = found.filter(prompt__in=[each.pk for each in prompts if self.tag in each.tags])
        return self.ordered(found)

    def _skipped(self) -> Exists:
        why = Q(skip_reason=self.skip) | Q(skip_reason__startswith=f"{self.skip}:")
        return Exists(Assignment.objects.filter(why, pair=OuterRef("pk"), state=Assignment.State.RELEASED))

    @staticmethod
    def ordered(pairs: QuerySet[Pair]) -> QuerySet[Pair]:
        named = pairs.select_related("prompt", "first__contender", "second__contender")
        return named.order_by("prompt__position", "seed", "pk")

    def blind(self) -> "Behind":
        """The same without what tells whose clip is whose: a pair with votes for a contender shows its side, a clip of
        a kind that one contender makes shows its contender."""
        kind = "" if self.group.startswith("found_clips") else self.group
        return replace(self, choice=DECIDED if self.choice in ("first", "second") else self.choice, group=kind)

    def told(self) -> list[str]:
        """What was asked for, in words."""
        choices = {
            "first": gettext("with votes for %s") % (self.first or gettext("the first")),
            "second": gettext("with votes for %s") % (self.second or gettext("the second")),
            "tie": gettext("with ties"),
            DECIDED: gettext("with votes for either side"),
            BOTH_BAD: gettext("with ties that said both are bad"),
            SINGLE: gettext("with one vote only"),
            CORRECTED: gettext("with corrected answers"),
        }
        return [
            f"{self.first} {gettext('against')} {self.second}" if self.first or self.second else self.contender,
            str(self.aspect.translated_name) if self.aspect else gettext("All aspects"),
            choices.get(self.choice, self.choice),
            gettext("tag %s") % self.tag if self.tag else "",
            gettext("group %s") % group_of(self.comparison, self.group)["name"] if self.group else "",
            gettext("assessor %s") % self.assessor[:8] if self.assessor else "",
            gettext("excluded assessors too") if self.everyone else "",
            gettext("skipped: %s") % self.skip if self.skip else "",
            gettext("left out: a clip was missing") if self.left_out else "",
            *in_words(self.only.told()),
        ]


def group_of(comparison: Comparison, group: str) -> dict[str, Any]:
    """A group that the latest report found, or a part of one (`found_slices.0.1`), or what it tells of a suite. Not
    found: one that is not there, or of a report by an older method, which may tell of groups in another way."""
    section, *places = group.split(".")
    chosen = _found(comparison, section)
    for key, place in zip(("groups", "parts", "parts"), places, strict=False):
        rows = chosen.get(key, [])
        if not place.isdecimal() or int(place) >= len(rows):
            raise Http404
        chosen = rows[int(place)]
    if not 1 <= len(places) <= 3:
        raise Http404
    return chosen


def _found(comparison: Comparison, section: str) -> dict[str, Any]:
    report = newest(comparison)[0] if section in (*SECTIONS, SECTION) else None
    snapshot = json.loads(report.snapshot) if report else {}
    if not snapshot or snapshot["provenance"]["method"] != METHOD:
        raise Http404
    found: dict[str, Any] = snapshot.get(section, {})
    return found


def _within(comparison: Comparison, group: str) -> Q:
    """Pairs of a group of prompts; of a kind of clips, those with one clip of that kind and one of another."""
    section, *places = group.split(".")
    if section != "found_clips":
        return Q(prompt__key__in=group_of(comparison, group)["keys"])
    found, wanted = _found(comparison, section), [int(place) for place in places]
    members = [found[key] for key in ("members", "part_members")[: len(wanted)]]

    def of_kind(contender: str, prompt: str, seed: int) -> bool:
        place: int = comparison.seeds.index(seed)
        kinds = [(level.get(contender, {}).get(prompt) or [None] * (place + 1))[place] for level in members]
        return kinds == wanted

    names = ("pk", "prompt__key", "seed", "first__contender__name", "second__contender__name")
    chosen = [
        pk
        for pk, prompt, seed, first, second in comparison.pairs.values_list(*names)
        if of_kind(first, prompt, seed) != of_kind(second, prompt, seed)
    ]
    return Q(pk__in=chosen)


@dataclass
class ShownPair:
    """A pair with its votes on one aspect; the sides as shown here, which for viewers are drawn by lot."""

    pair: Pair
    left: Clip
    right: Clip
    left_name: str
    right_name: str
    turned: bool
    several: bool
    """Votes on every aspect are shown."""
    votes: list[tuple[str, str, bool | None, int | None, Aspect]] = field(default_factory=list)
    """Assessor's code and choice, `first` or `second` of the pair; whether both are bad and how strongly, if asked; on
    which aspect."""

    def _count(self, choice: str) -> int:
        return sum(made == choice for _, made, *_ in self.votes)

    @property
    def left_votes(self) -> int:
        return self._count("second" if self.turned else "first")

    @property
    def right_votes(self) -> int:
        return self._count("first" if self.turned else "second")

    @property
    def ties(self) -> int:
        return self._count("tie")

    @property
    def told(self) -> list[dict[str, str]]:
        """Each vote in words."""
        first, second = (self.right_name, self.left_name) if self.turned else (self.left_name, self.right_name)
        words = {"first": first, "second": second, "tie": gettext("tie")}
        strengths = {1: gettext("a little"), 2: gettext("clearly"), 3: gettext("very clearly")}
        return [
            {
                "assessor": code,
                "choice": gettext("both bad") if bad else words.get(choice, choice),
                "strength": strengths.get(strength or 0, ""),
                "aspect": str(aspect.translated_name) if self.several else "",
            }
            for code, choice, bad, strength, aspect in self.votes
        ]


@viewers_only
@require_safe
def pairs(request: HttpRequest, code: UUID) -> HttpResponse:
    """The pairs behind a number. Names of contenders are for researchers and upwards, who leave a trace by looking."""
    comparison = get_object_or_404(Comparison, code=code)
    named = access_of(request).researches
    behind = asked_of(comparison, request.GET, named)
    # one look for all of them, as the database would otherwise search twice: to count and to show
    found = behind.pairs(comparison)
    page = Paginator(list(found.values_list("pk", flat=True)), PAIRS_PER_PAGE).get_page(request.GET.get("page"))
    if named and page.number == 1:
        audit.record("looked behind the blind of", comparison, aspect=behind.key, pairs=page.paginator.count)
    filtered = [(key, value) for key in request.GET if key.startswith(ONLY) for value in request.GET.getlist(key)]
    query = request.GET.copy()
    query.pop("page", None)
    context: dict[str, Any] = {
        "comparison": comparison,
        "behind": behind,
        "told": [each for each in behind.told() if each],
        "aspects": list(comparison.aspects.all()),
        "known_tags": tags_of(comparison),
        "pairings": list(comparison.entries.values_list("contender__name", flat=True)),
        "page": page,
        "pairs": shown(list(behind.ordered(comparison.pairs.filter(pk__in=list(page)))), behind, named),
        "named": named,
        "simulated": comparison.participations.filter(assessor__simulated=True).exists(),
        "query": query.urlencode(),
        "filtered": filtered,
    }
    return render(request, "reporting/pairs.html", context)


def asked_of(comparison: Comparison, given: QueryDict, named: bool) -> Behind:
    """What an address asks for, for who may read names or may not. Raises Http404."""
    try:
        only = Filters.read(comparison, {name: given.getlist(f"{ONLY}{name}") for name in NAMES})
    except NoSuchFilter as error:
        raise Http404 from error
    behind = Behind.read(comparison, {key: str(given[key]) for key in given}, only)
    return behind if named else behind.blind()


def shown(pairs: list[Pair], behind: Behind, named: bool) -> list[ShownPair]:
    """Pairs with their votes, in one query."""
    found = {pair.pk: _shown(pair, named, not behind.aspect) for pair in pairs}
    cast = behind.votes.filter(ballot__assignment__pair__in=pairs).order_by("pk")
    code = "ballot__assignment__participation__assessor__code"
    aspects = {each.pk: each for each in ([behind.aspect] if behind.aspect else behind.comparison.aspects.all())}
    columns = ("ballot__assignment__pair", code, "aspect", "choice", "both_bad", "strength")
    for pair, assessor, aspect, *made in cast.values_list(*columns):
        found[pair].votes.append((str(assessor), *made, aspects[aspect]))
    return list(found.values())


def _shown(pair: Pair, named: bool, several: bool) -> ShownPair:
    turned = not named and int(digest(str(pair.first.folder)), 16) % 2 == 1
    left, right = (pair.second, pair.first) if turned else (pair.first, pair.second)
    names = (left.contender.name, right.contender.name) if named else (gettext("left"), gettext("right"))
    return ShownPair(pair, left, right, *names, turned, several)


def _is_assessor(comparison: Comparison, given: str) -> bool:
    try:
        code = UUID(given)
    except ValueError:
        return False
    return comparison.participations.filter(assessor__code=code).exists()
