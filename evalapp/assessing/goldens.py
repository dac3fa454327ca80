"""Making goldens: automatically, by damaging one clip of a pair in one aspect, or from a list of known answers.

It decodes and encodes clips: for commands and workers, not for the web process.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from evalapp.assessing.choices import Choice
from evalapp.assessing.controls import Golden
from evalapp.comparisons.models import Comparison, Pair
from evalapp.generation.files import discard, write_files
from evalapp.generation.models import Clip

RELEVANCE, OTHER_PROMPT = "relevance", "other_prompt"
# What the assessor reads after the answer, in training.
EXPLANATIONS = {
    "blur": _("One clip was blurred on purpose: the crisp one is more beautiful."),
    "dullness": _("One clip lost its colours and contrast on purpose: the colourful one is more beautiful."),
    "drops": _("Frames of one clip were dropped on purpose: it jerks, the other one is smoother."),
    "jitter": _("Time in one clip jumps to and fro on purpose: it twitches, the other one is smoother."),
    "frozen": _("One clip was stopped on purpose: nothing moves in it, so the other one has the better movement."),
    "shaken": _("One clip was shaken on purpose: that is too much movement, the other one has the better one."),
    "colour_change": _("Colours in one clip change on purpose halfway: in the other one things stay what they are."),
    "another_object": _("Part of one clip turns into something else on purpose: in the other one things stay."),
    "flicker": _("One clip was made to flicker on purpose: the calm one has fewer defects."),
    "boiling": _("A boiling texture was laid over one clip on purpose: the clean one has fewer defects."),
    "blocks": _("One clip was broken into blocks on purpose: the clean one has fewer defects."),
    OTHER_PROMPT: _("One clip was made from another text: the other one fits the text shown."),
}


class GoldensRefused(Exception):
    """Nothing was stored; `problems` says why, row by row or aspect by aspect."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def unheard(made: int) -> None:
    """Progress that nobody asked for."""


def make_goldens(
    comparison: Comparison,
    per_aspect: int,
    use: str = Golden.Use.WORK,
    rng_seed: int = 0,
    aspects: Sequence[str] = (),
    progress: Callable[[int], None] = unheard,
    then: Callable[[int], None] = unheard,
) -> list[Golden]:
    """So many goldens for each aspect that can be damaged (all of the comparison's, or `aspects`): an intact clip
    first, its damaged copy, or a clip of another prompt, second; the right answer is first.

    Copies go through the same pipeline as clips: same container, size, rate and names that tell nothing. Prompts and
    contenders vary. `progress` is told how many are made; `then` as well, within the transaction that stores them all.
    Raises GoldensRefused, having stored nothing, when the clips do not give enough goldens; what those two raise stops
    it likewise.
    """
    from generators.damage import DAMAGES

    wanted = list(aspects or comparison.aspects.values_list("key", flat=True))
    kinds = {aspect: [name for name, each in DAMAGES.items() if each.aspect == aspect] for aspect in wanted}
    if RELEVANCE in kinds:
        kinds[RELEVANCE] = [OTHER_PROMPT]
    if aspects and (unknown := [aspect for aspect in aspects if not kinds[aspect]]):
        told = gettext("%(aspect)s: no damage is known for this aspect")
        raise GoldensRefused([told % {"aspect": aspect} for aspect in unknown])
    made: list[Golden] = []
    try:
        for aspect, names in kinds.items():
            if names:
                rng = random.Random(f"{rng_seed}:{use}:{aspect}")
                for golden in _of_aspect(comparison, aspect, names, per_aspect, rng, use):
                    made.append(golden)
                    progress(len(made))
        if not made:
            raise GoldensRefused(["none of the comparison's aspects can be damaged automatically: name known answers"])
        with transaction.atomic():
            then(len(made))
            return Golden.objects.bulk_create(made)
    except BaseException:
        for golden in made:
            if golden.folder:
                discard(Clip(folder=golden.folder))
        raise


def _of_aspect(
    comparison: Comparison, aspect: str, names: list[str], count: int, rng: random.Random, use: str
) -> Iterator[Golden]:
    clips = _clips(comparison, rng)
    known = Golden.objects.filter(comparison=comparison, answers__has_key=aspect)
    met = set(known.exclude(damage="").values_list("first", "damage"))
    found, why = 0, ""
    for clip, name in zip(clips, cycle(names), strict=False):
        for chosen in (name, *(other for other in names if other != name)):
            if (clip.pk, chosen) in met:
                continue
            shown, why = _shown(clip, chosen, comparison, rng)
            if shown:
                yield Golden(
                    comparison=comparison,
                    use=use,
                    prompt=clip.prompt,
                    first=clip,
                    damage=chosen,
                    answers={aspect: str(Choice.FIRST)},
                    **shown,
                )
                found += 1
                break
        if found == count:
            return
    why = why or ("every ready clip has one already" if clips else "there are no ready clips")
    raise GoldensRefused([f"{aspect}: only {found} of {count} goldens can be made from these clips (the last: {why})"])


def _clips(comparison: Comparison, rng: random.Random) -> list[Clip]:
    """Ready clips in random order, one of each prompt before any prompt comes again."""
    ready = list(comparison.clips().filter(state=Clip.State.READY).select_related("prompt").order_by("pk"))
    rng.shuffle(ready)
    turns: dict[int, int] = {}
    order: list[tuple[int, int, Clip]] = []
    for clip in ready:
        turns[clip.prompt_id] = turns.get(clip.prompt_id, -1) + 1
        order.append((turns[clip.prompt_id], len(order), clip))
    return [clip for _turn, _place, clip in sorted(order, key=lambda each: each[:2])]


def _shown(clip: Clip, name: str, comparison: Comparison, rng: random.Random) -> tuple[dict[str, Any], str]:
    """The second clip's columns, or nothing and why not."""
    if name == OTHER_PROMPT:
        same = {key: clip.facts.get(key) for key in ("frames", "width", "height", "fps")}
        others = comparison.clips().filter(state=Clip.State.READY, contender=clip.contender_id, kind=clip.kind)
        unlike = others.exclude(prompt__text=clip.prompt.text).order_by("pk")
        fits = [each for each in unlike if {key: each.facts.get(key) for key in same} == same]
        return ({"second": rng.choice(fits)}, "") if fits else ({}, f"{clip} has no like clip of another prompt")
    import numpy as np

    from generators.damage import DamageError, damage
    from generators.video import MediaError, read

    try:
        footage = read(clip.master)
        frames = damage(footage.frames, footage.fps, name, np.random.default_rng(rng.getrandbits(64)))
    except (DamageError, MediaError) as error:
        return {}, str(error)
    written = write_files(frames, footage.fps)
    sums = {key: written[key] for key in ("sha256", "rendition_sha256")}
    return {"folder": written["folder"], "kind": written["kind"], "facts": written["facts"] | sums}, ""


def known_goldens(comparison: Comparison, rows: Iterable[dict[str, str]], use: str = Golden.Use.WORK) -> list[Golden]:
    """Goldens from pairs whose right answers an organizer knows, one for each pair.

    A row names prompt_id, first, second (contenders), aspect, choice (first, second, tie or a contender) and may add
    seed (0) and explanation. Raises GoldensRefused, having stored nothing, naming every row that cannot be used.
    """
    pairs = {
        (pair.prompt.key, str(pair.seed), pair.first.contender.name, pair.second.contender.name): pair
        for pair in comparison.pairs.filter(left_out=False).select_related(
            "prompt", "first__contender", "second__contender"
        )
    }
    aspects = set(comparison.aspects.values_list("key", flat=True))
    found: dict[int, Golden] = {}
    problems = []
    for number, row in enumerate(rows, 2):
        cells = {key: (value or "").strip() for key, value in row.items() if key}
        one, other, aspect = cells.get("first", ""), cells.get("second", ""), cells.get("aspect", "")
        place = (cells.get("prompt_id", ""), cells.get("seed") or "0")
        pair: Pair | None = pairs.get((*place, one, other)) or pairs.get((*place, other, one))
        chosen = {"first": one, "second": other}.get(cells.get("choice", ""), cells.get("choice", ""))
        if pair is None:
            told = {"n": number, "first": repr(one), "second": repr(other), "prompt": repr(place[0])}
            problems.append(
                gettext("row %(n)s: there is no pair of %(first)s and %(second)s on prompt %(prompt)s") % told
            )
        elif aspect not in aspects:
            told = {"n": number, "aspect": repr(aspect), "aspects": ", ".join(sorted(aspects))}
            problems.append(gettext("row %(n)s: aspect %(aspect)s is none of %(aspects)s") % told)
        elif chosen not in (one, other, "tie"):
            told = {"n": number, "choice": repr(chosen), "first": one, "second": other}
            problems.append(
                gettext("row %(n)s: choice %(choice)s is none of first, second, tie, %(first)s, %(second)s") % told
            )
        else:
            golden = found.setdefault(
                pair.pk,
                Golden(
                    comparison=comparison,
                    use=use,
                    prompt=pair.prompt,
                    first=pair.first,
                    second=pair.second,
                    answers={},
                    explanation=cells.get("explanation", ""),
                ),
            )
            right = "tie" if chosen == "tie" else "first" if chosen == pair.first.contender.name else "second"
            if golden.answers.setdefault(aspect, right) != right:
                told = {"n": number, "aspect": aspect}
                problems.append(
                    gettext("row %(n)s: another row gives another answer to %(aspect)s of this pair") % told
                )
    if problems or not found:
        raise GoldensRefused(problems or [gettext("there are no rows")])
    with transaction.atomic():
        return Golden.objects.bulk_create(found.values())


def sheet(golden: Golden) -> bytes:
    """Eight frames of the intact clip above the same ones of its damaged copy, as WebP: to look at."""
    import numpy as np

    from generators.video import contact_sheet, read

    pair = golden.pair()
    above, below = (read(Path(clip.master)).frames for clip in (pair.first, pair.second))
    length, height, width = (min(a, b) for a, b in zip(above.shape[:3], below.shape[:3], strict=True))
    both = [frames[:length, :height, :width] for frames in (above, below)]
    return contact_sheet(np.concatenate(both, axis=1))
