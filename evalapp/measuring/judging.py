"""Asking judges about a comparison: each clip once, each pair in both orders, nothing that is known already."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.files import item_of
from evalapp.measuring.judges import JudgeRun, JudgeVersion, Verdict, usage_fields
from evalapp.measuring.models import Measurement
from evalapp.measuring.runs import PROTOCOL
from evalapp.measuring.verdicts import Key, clip_key
from evalapp.people import audit
from metrics.judges import judge_named
from metrics.judges.asking import ask
from metrics.judges.interface import (
    FINAL,
    Declaration,
    Judge,
    JudgeUnavailable,
    PaidJudge,
    Shown,
    ShownPair,
    Usage,
    prompt_key,
)
from metrics.weights import WeightsMissing, WeightsWrong

Needed = dict[Key, tuple[int, ...]]
"""The key of each answer that a comparison needs, and the clips (one, or two as shown) to show for it."""


class NotEstimable(Exception):
    """A budget was set for a judge that cannot say what an answer costs at most."""


class AskedAlready(Exception):
    """The same judge is being asked about the same comparison; the message names that run."""


@dataclass(frozen=True)
class Estimate:
    """Answers that a comparison needs, those of them known already, and what the others may take at most.

    silent_on: aspects of the comparison, by key, that the judge says nothing of.
    """

    total: int
    cached: int
    most: Usage
    silent_on: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        return self.total - self.cached


def needed(comparison: Comparison, declaration: Declaration) -> Needed:
    """What to ask: files with the same content and prompt once, whichever clips and pairs show them."""
    pairs = comparison.pairs.filter(left_out=False).order_by("pk")
    if declaration.needs_files:
        pairs = pairs.filter(first__state=Clip.State.READY, second__state=Clip.State.READY)
    columns = ("first", "second", clip_key("first__"), clip_key("second__"), "prompt__text")
    keys: dict[str, str] = {}
    wanted: Needed = {}
    for first, second, one, other, text in pairs.values_list(*columns):
        if declaration.needs_prompt and text not in keys:
            keys[text] = prompt_key(text)
        said = keys.get(text, "")
        if declaration.mode == "pointwise":
            wanted.setdefault((one, "", said), (first,))
            wanted.setdefault((other, "", said), (second,))
        else:
            wanted.setdefault((one, other, said), (first, second))
            wanted.setdefault((other, one, said), (second, first))
    return wanted


def lacking(comparison: Comparison, version: JudgeVersion, wanted: Needed) -> Needed:
    """Those without a final answer."""
    clips = comparison.clips().order_by().values(key=clip_key())
    known = Verdict.objects.filter(judge=version, status__in=FINAL, sha256__in=clips).order_by()
    final = set(known.values_list("sha256", "other_sha256", "prompt_sha256"))
    return {key: clips for key, clips in wanted.items() if key not in final}


def opened(name: str, options: Mapping[str, Any]) -> Judge:
    """The judge with this house's weights folder. Raises UnknownJudge."""
    return judge_named(name, options, settings.WEIGHTS_DIR)


def estimate(comparison: Comparison, judge: Judge) -> Estimate:
    """A dry run: nothing is asked, nothing stored but the declaration."""
    wanted = needed(comparison, judge.declaration)
    left = lacking(comparison, JudgeVersion.of(judge.declaration), wanted)
    most = Usage()
    if isinstance(judge, PaidJudge):
        for clips in left.values():
            most += judge.most(len(clips))
    asked_of = comparison.aspects.values_list("key", flat=True)
    silent_on = tuple(str(key) for key in asked_of if key not in judge.declaration.aspects)
    return Estimate(len(wanted), len(wanted) - len(left), most, silent_on)


@transaction.atomic
def start(
    comparison: Comparison,
    name: str,
    options: Mapping[str, Any],
    most_cost: float | None = None,
    most_calls: int | None = None,
) -> JudgeRun:
    """Queue a run. Raises UnknownJudge, JudgeUnavailable with what its probe says, NotEstimable for a budget on a judge
    without a price, AskedAlready where two runs would pay for the same answers."""
    judge = opened(name, options)
    if problems := judge.probe():
        raise JudgeUnavailable(f"{name}: {'; '.join(problems)}")
    if (most_cost is not None or most_calls is not None) and not isinstance(judge, PaidJudge):
        raise NotEstimable(f"{name} asks nobody for money: leave the budget out")
    if most_cost is not None and isinstance(judge, PaidJudge) and not judge.priced:
        raise NotEstimable(f"{name}: its server has no price; give input_price and output_price, or budget its calls")
    version = JudgeVersion.of(judge.declaration)
    _refuse_a_second(comparison, version)
    run = JudgeRun.objects.create(
        comparison=comparison,
        name=name,
        options=dict(options),
        judge=version,
        queue=judge.declaration.queue,
        most_cost=most_cost,
        most_calls=most_calls,
    )
    audit.record("asked a judge about", comparison, judge=str(run.judge), most_cost=most_cost, most_calls=most_calls)
    return run


def _refuse_a_second(comparison: Comparison, version: JudgeVersion) -> None:
    Comparison.objects.select_for_update().get(pk=comparison.pk)
    runs = JudgeRun.objects.filter(comparison=comparison, judge=version)
    runs.end_abandoned()
    if other := runs.unended().first():
        raise AskedAlready(
            f"{version} is being asked about {comparison} already: run {other.code} is {other.state}; wait for it, or "
            f"cancel it on the page or with `manage.py judge --cancel {other.code}`"
        )


@transaction.atomic
def cancel(run: JudgeRun) -> bool:
    """No further answer is asked for; False where it had ended."""
    if not run.cancel():
        return False
    audit.record("cancelled a judge of", run.comparison, judge=str(run.judge))
    return True


def work(run: JudgeRun, judge: Judge | None = None, done: Callable[[int], object] = lambda answers: None) -> bool:
    """Ask until nothing is left, the budget would be passed, or it was cancelled. False where another worker has it.

    `done` is told how many answers came. A judge that cannot load fails the run by its own words.
    """

    def act() -> None:
        asked = judge or opened(run.name, run.options)
        asked.load()
        _ask_all(run, asked, done)

    return run.carry_out(act, (JudgeUnavailable, WeightsMissing, WeightsWrong))


def _ask_all(run: JudgeRun, judge: Judge, done: Callable[[int], object]) -> None:
    declaration = judge.declaration
    version = JudgeVersion.of(declaration)
    wanted = needed(run.comparison, declaration)
    left = list(lacking(run.comparison, version, wanted).items())
    # Answers of an earlier attempt of this run are among the known ones: what it asked is counted once.
    run.total, run.judge = len(wanted), version
    run.cached = max(0, len(wanted) - len(left) - run.asked)
    if not run.store(total=run.total, cached=run.cached, judge=version):
        return
    for start_at in range(0, len(left), declaration.max_batch):
        batch = left[start_at : start_at + declaration.max_batch]
        if reason := _over_budget(run, judge, batch):
            return run.end(JudgeRun.State.STOPPED, reason)
        before = run.counts.get("unavailable", 0)
        if not _ask_some(run, judge, version, batch):
            return
        done(len(batch))
        if run.counts.get("unavailable", 0) - before == len(batch):
            reasons = Verdict.objects.filter(judge=version, status="unavailable").order_by("-pk")
            return run.end(JudgeRun.State.FAILED, reasons.values_list("reason", flat=True)[0])
    run.end(JudgeRun.State.DONE)


def _over_budget(run: JudgeRun, judge: Any, batch: Sequence[tuple[Key, tuple[int, ...]]]) -> str:
    if run.most_cost is None and run.most_calls is None:
        return ""
    most = sum((judge.most(len(clips)) for _, clips in batch), Usage())
    if run.most_calls is not None and run.calls + most.calls > run.most_calls:
        return f"{run.calls} calls were made, and the next answers may take {most.calls}: {run.most_calls} are allowed"
    if run.most_cost is not None and run.cost + most.cost > run.most_cost:
        return (
            f"{run.cost:.4f} were spent, and the next answers may cost {most.cost:.4f}: {run.most_cost:.4f} are allowed"
        )
    return ""


def _ask_some(run: JudgeRun, judge: Any, version: JudgeVersion, batch: list[tuple[Key, tuple[int, ...]]]) -> bool:
    """Ask one batch and store it with the run's progress; False where the run is another's or cancelled by now."""
    clips = _clips({clip for _, clips in batch for clip in clips})
    names = getattr(judge, "measures", ())
    stored = _stored(clips, names)
    shown = [[_shown(clips[clip], stored[clips[clip].sha256]) for clip in each] for _, each in batch]
    items: Any = [one[0] if len(one) == 1 else ShownPair(*one) for one in shown]
    rows, usage, counts = [], Usage(), Counter(run.counts)
    for place, outcome in ask(judge, items):
        rows.append(Verdict.from_outcome(version, batch[place][0], outcome))
        usage += outcome.usage
        counts[outcome.status] += 1
    run.asked, run.counts = run.asked + len(rows), dict(counts)
    spent = {name: getattr(run, name) + value for name, value in usage_fields(usage).items()}
    for name, value in spent.items():
        setattr(run, name, value)
    with transaction.atomic():
        # What the judge measured is a measurement, so that nobody measures it again.
        Measurement.objects.bulk_create(
            (
                Measurement(sha256=row.sha256, metric=name, version=PROTOCOL, value=row.natives[name])
                for row in rows
                for name in names
                if name in row.natives and name not in stored[row.sha256]
            ),
            ignore_conflicts=True,
        )
        # Paid for, so kept even where the run was cancelled meanwhile. What was no final answer is replaced.
        Verdict.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["judge", "sha256", "other_sha256", "prompt_sha256"],
            update_fields=[*spent, "status", "natives", "raw", "reason"],
        )
        return run.store(
            asked=run.asked, counts=run.counts, **{name: getattr(run, name) for name in usage_fields(usage)}
        )


def _clips(keys: set[int]) -> dict[int, Clip]:
    return Clip.objects.select_related("contender", "prompt").in_bulk(keys)


def _stored(clips: dict[int, Clip], names: Sequence[str]) -> dict[str, dict[str, float | str]]:
    """Of each file the measures of these names that are stored: the value, or why there is none."""
    found: dict[str, dict[str, float | str]] = {clip.sha256: {} for clip in clips.values()}
    if names:
        rows = Measurement.objects.filter(sha256__in=list(found), metric__in=names, version=PROTOCOL)
        for sha256, name, value, reason in rows.values_list("sha256", "metric", "value", "reason"):
            found[sha256][name] = reason if value is None else value
    return found


def _shown(clip: Clip, measured: Mapping[str, float | str]) -> Shown:
    item = item_of(clip)

    def read() -> tuple[Any, float]:
        footage = item.read()
        return footage.frames, footage.fps

    return Shown(
        sha256=clip.sha256,
        prompt=clip.prompt.text,
        read=read,
        kind="image" if clip.kind == Clip.Kind.IMAGE else "video",
        called=item.called,
        facts={"contender": clip.contender.name, "prompt": clip.prompt.key, "seed": str(clip.seed)},
        measured=measured,
    )
