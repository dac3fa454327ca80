"""Votes, measures and features of comparisons, as the team's own judge is trained on them."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.files import Item, Unmeasurable, item_of
from evalapp.measuring.models import HALF, Features, Measurement
from evalapp.measuring.results import OUTCOMES
from evalapp.measuring.runs import PROTOCOL, measure, measured_values, waiting
from evalapp.measuring.sets import extractor_named, store_features
from metrics import METRICS, WITH_WEIGHTS, resolve
from metrics.features import EXTRACTORS
from metrics.judges.interface import Declaration
from metrics.judges.own.least import NotEnoughVotes, NothingToLearn
from metrics.judges.own.words import PICTURES, PRODUCT, Words, names_of_product
from metrics.weights import WeightsMissing, WeightsWrong, find

READING = frozenset(name for name, metric in WITH_WEIGHTS.items() if metric.asks_text)
"""Measures of text and picture together: the only features that hold words."""
BUILTIN = "builtin"
KNOWN_FOR = 0.9
"""A signal measure that fewer of the clips have, as movement where most are images, is no feature."""


def stored(name: str) -> dict[str, Any] | None:
    """What is written beside the weights of the own judge of that name, its card among it; None where there is none."""
    place = settings.WEIGHTS_DIR / "own" / name / "judge.json"
    return json.loads(place.read_text()) if place.is_file() else None


def card_of(declared: Declaration) -> dict[str, Any] | None:
    """The card of the team's own judge, of the very weights that are declared; None for others and for lost ones."""
    told = stored(declared.version) if declared.name == "own" else None
    if told is None:
        return None
    return dict(told["card"]) if told["sha256"] == declared.weights[0].sha256 else None


class UnknownFeatures(Exception):
    """Nothing of that name reads clips; the message names what does."""


REFUSALS = (NotEnoughVotes, NothingToLearn, Unmeasurable, UnknownFeatures, WeightsMissing, WeightsWrong)
"""What `learn` raises where a judge cannot be trained; the message says what would help."""


def features_known() -> list[str]:
    """What a judge may learn from, beside the signal measures and the built-in features."""
    return [*EXTRACTORS, PRODUCT, *sorted(READING)]


def weights_needed(feature: str) -> str:
    """Their name."""
    name: str = resolve("metrics.judges.own.saved:weights_of")(feature)
    return name


def weights_named(features: Iterable[str]) -> dict[str, str]:
    """Checksums of the weights that these need, by what needs them. Raises UnknownFeatures, WeightsMissing,
    WeightsWrong."""
    needed = {}
    for name in (each for each in dict.fromkeys(features) if each != BUILTIN):
        if name not in (known := features_known()):
            raise UnknownFeatures(f"no feature extractor is called {name!r}; known: {', '.join(known)}")
        needed[name] = find(weights_needed(name), settings.WEIGHTS_DIR).sha256
    return needed


@dataclass(frozen=True)
class Learned:
    """A judge that was trained, with its card, which is not yet stored."""

    name: str
    trained: Any
    extractors: dict[str, str]
    facts: dict[str, Any]

    @property
    def card(self) -> dict[str, Any]:
        return dict(self.trained.card | self.facts)

    def save(self) -> Path:
        """In place of an earlier one of that name."""
        place: Path = resolve("metrics.judges.own.saved:save")(
            self.trained, self.name, self.extractors, self.facts, settings.WEIGHTS_DIR
        )
        return place


def learn(
    comparisons: Sequence[Comparison],
    name: str,
    features: Sequence[str],
    how: dict[str, Any],
    done: Callable[[], object] = lambda: None,
    ahead: Callable[[int], object] = lambda steps: None,
) -> Learned:
    """Train on the votes of comparisons; `how`: settings of training by name; `done`, `ahead`: as of measuring sets.

    Raises one of REFUSALS, and ValueError for a wrong name or setting.
    """
    resolve("metrics.judges.own.saved:check_name")(name)
    settled = resolve("metrics.judges.own.training:Settings")(**how)
    extractors = prepare(comparisons, features, done, ahead)
    examples, facts = examples_of(comparisons, extractors)
    kept = {name: identity.removesuffix(HALF) for name, identity in extractors.items()}
    return Learned(name, resolve("metrics.judges.own.training:train")(examples, settled), kept, facts)


def prepare(
    comparisons: Sequence[Comparison],
    extractors: Sequence[str],
    done: Callable[[], object] = lambda: None,
    ahead: Callable[[int], object] = lambda steps: None,
) -> dict[str, str]:
    """Measure the clips and store their features where they are not yet; name → identity of each extractor.

    A measure of text and picture, such as clip_score, counts as one, and so does clip_product: by them the judge reads
    the prompt. Raises Unmeasurable, UnknownFeatures, WeightsMissing and WeightsWrong.
    """
    words = {name: sha256 for name, sha256 in weights_named(extractors).items() if name in READING}
    made = {
        name: extractor_named(PICTURES if name == PRODUCT else name)
        for name in dict.fromkeys((BUILTIN, *extractors))
        if name not in words
    }
    items: dict[str, Item] = {}
    for comparison in comparisons:
        ahead(len(waiting(comparison, [*METRICS, *words])))
        measure(comparison, [*METRICS, *words], done)
        ready = comparison.clips().filter(state=Clip.State.READY).select_related("contender", "prompt")
        items |= {clip.sha256: item_of(clip) for clip in ready}
    for using in made.values():
        store_features(using, list(items.values()), done, ahead)
    return {name: using.identity for name, using in made.items()} | words


def examples_of(comparisons: Sequence[Comparison], extractors: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    """Examples of the votes that count, and facts for the judge's card.

    An excluded assessor's votes are left out, and clips without every feature, with their votes; both are counted.
    """
    rows, excluded = votes_of(comparisons)
    clips = {key: (sha256, name) for row in rows for key, sha256, name in (row[:3], row[3:6])}
    files = {sha256 for sha256, _ in clips.values()}
    columns, features, reasons = features_of(files, extractors)
    reading = {*extractors} & (READING | {PRODUCT})
    read, words = _words_of(comparisons, reading, extractors.get(PRODUCT, ""))
    columns += read
    usable = [row for row in rows if {row[1], row[4]} <= features.keys() and {row[0], row[3]} <= words.keys()]
    if rows and not usable:
        raise NothingToLearn("none of the votes is on clips whose files are here: import them under the same prompts")
    place = {key: number for number, key in enumerate(sorted({row[side] for row in usable for side in (0, 3)}))}
    contenders = sorted({clips[key][1] for key in place})
    texts = {text: number for number, text in enumerate(sorted({row[6] for row in usable}))}
    aspects = sorted({row[7] for row in usable})
    examples = resolve("metrics.judges.own.examples:Examples")(
        aspects=tuple(aspects),
        contenders=tuple(contenders),
        columns=tuple(columns),
        features=np.array([[*features[clips[key][0]], *words[key]] for key in place], dtype=np.float32).reshape(
            -1, len(columns)
        ),
        contender=np.array([contenders.index(clips[key][1]) for key in place], dtype=np.int64),
        first=np.array([place[row[0]] for row in usable], dtype=np.int64),
        second=np.array([place[row[3]] for row in usable], dtype=np.int64),
        prompt=np.array([texts[row[6]] for row in usable], dtype=np.int64),
        aspect=np.array([aspects.index(row[7]) for row in usable], dtype=np.int64),
        outcome=np.array([OUTCOMES[row[8]] for row in usable], dtype=np.float64),
    )
    facts = {
        "comparisons": sorted(comparison.name for comparison in comparisons),
        "projects": sorted({str(comparison.project.code) for comparison in comparisons}),
        "simulated_votes": sum(row[9] for row in usable),
        "assessors": len({row[10] for row in usable}),
        "excluded_votes": excluded,
        "votes_on_clips_without_features": len(rows) - len(usable),
        "without_features": reasons[:20],
        "extractors": extractors,
        "reads_words": bool(reading),
    }
    return examples, facts


def _words_of(
    comparisons: Sequence[Comparison], names: Collection[str], identity: str
) -> tuple[list[str], dict[int, list[float]]]:
    """Columns of what reads the prompt, and their values of each clip, by its id, that has them all.

    identity: of the embeddings of pictures that clip_product takes.
    """
    clips = {
        clip.pk: clip
        for comparison in comparisons
        for clip in comparison.clips().filter(state=Clip.State.READY).select_related("prompt")
    }
    scores = sorted(READING & {*names})
    measured = measured_values(list(clips.values())) if scores else {}
    told = {pk: [measured[name][1].get(pk) for name in scores] for pk in clips}
    columns, values = scores, {pk: [value for value in row if value is not None] for pk, row in told.items()}
    values = {pk: row for pk, row in values.items() if len(row) == len(scores)}
    if PRODUCT in names:
        words = Words(find(PICTURES, settings.WEIGHTS_DIR).paths)
        of: dict[str, list[Clip]] = defaultdict(list)
        for pk in values:
            if (clip := clips[pk]).prompt.text.strip():
                of[clip.sha256].append(clip)
        whole, width = {}, 0
        for row in Features.objects.filter(extractor=identity, sha256__in=of, width__gt=0).iterator(200):
            for clip in of[row.sha256]:
                whole[clip.pk] = values[clip.pk] + words.product(row.rows(), clip.prompt.text).tolist()
            width = row.width
        columns, values = columns + names_of_product(width), whole
    return columns, values


def votes_of(comparisons: Sequence[Comparison]) -> tuple[list[tuple[Any, ...]], int]:
    """Per vote that counts: each clip's id, checksum and contender, the prompt's text, aspect, choice, whether the
    assessor is a program, and the assessor's id; and how many votes of excluded assessors were left out."""
    rows: list[tuple[Any, ...]] = []
    excluded = 0
    pair = "ballot__assignment__pair"
    for comparison in comparisons:
        shut_out = set(Exclusion.objects.active(comparison).values_list("participation", flat=True))
        found = Vote.objects.of(comparison).current().order_by("pk")
        for *row, participation in found.values_list(
            *(f"{pair}__first", f"{pair}__first__sha256", f"{pair}__first__contender__name"),
            *(f"{pair}__second", f"{pair}__second__sha256", f"{pair}__second__contender__name"),
            *(f"{pair}__prompt__text", "aspect__key", "choice"),
            "ballot__assignment__participation__assessor__simulated",
            "ballot__assignment__participation__assessor",
            "ballot__assignment__participation",
        ):
            if participation in shut_out:
                excluded += 1
            else:
                rows.append(tuple(row))
    return rows, excluded


def features_of(files: set[str], extractors: dict[str, str]) -> tuple[list[str], dict[str, list[float]], list[str]]:
    """Names of the columns, the row of each file that has them all, and why others have not."""
    pooled, names_of = (resolve(f"metrics.judges.own.examples:{name}") for name in ("pooled", "names_of"))
    measured: dict[str, dict[str, float]] = {sha256: {} for sha256 in files}
    stored = Measurement.objects.filter(version=PROTOCOL, sha256__in=files, metric__in=METRICS, value__isnull=False)
    for sha256, metric, value in stored.values_list("sha256", "metric", "value"):
        measured[sha256][metric] = float(value or 0.0)
    signals = [
        name for name in METRICS if sum(name in each for each in measured.values()) >= KNOWN_FOR * max(1, len(files))
    ]
    columns, parts = list(signals), {sha256: [] for sha256 in files}  # type: tuple[list[str], dict[str, list[float]]]
    lacking: dict[str, str] = {}
    for sha256, known in measured.items():
        if missing := [name for name in signals if name not in known]:
            lacking[sha256] = f"{sha256[:12]}: no {', '.join(missing)}"
        else:
            parts[sha256] += [known[name] for name in signals]
    for name, identity in ((name, each) for name, each in extractors.items() if name not in {*READING, PRODUCT}):
        width, found = 0, set()
        for row in Features.objects.filter(extractor=identity, sha256__in=files).iterator(200):
            if row.width:
                parts[row.sha256] += pooled(row.rows()).tolist()
                width = row.width
                found.add(row.sha256)
        columns += names_of(name, width)
        lacking |= {sha256: f"{sha256[:12]}: no features by {name}" for sha256 in files - found}
    return columns, {sha256: row for sha256, row in parts.items() if sha256 not in lacking}, sorted(lacking.values())
