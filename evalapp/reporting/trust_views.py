"""The page "Judge against people" and its files. They read the latest snapshot and compute nothing."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import slugify
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from evalapp.comparisons.models import Comparison
from evalapp.measuring.judges import JudgeVersion, TrainingRun
from evalapp.measuring.own_judge import card_of
from evalapp.measuring.sentences import declared_words, in_parts, spoken_of_judge
from evalapp.people import audit
from evalapp.people.access import access_of, project_of
from evalapp.people.harvest import TooMuch, verdicts_exported
from evalapp.people.projects import Project
from evalapp.people.views import researchers_only, viewers_only
from evalapp.reporting import trust_charts
from evalapp.reporting.behind import Behind, ShownPair, shown
from evalapp.reporting.explore import kept
from evalapp.reporting.exports import csv_of, json_of
from evalapp.reporting.review import inputs_of_review, review_key
from evalapp.reporting.tasks import ring_judges, ring_review
from evalapp.reporting.trust import inputs_of_trust, key_of
from evalapp.reporting.views import refused
from evalapp.reporting.wording import spoken

Row = dict[str, Any]
SHOWN_DISAGREEMENTS = 12
SHARES = ("decided", "strict", "dropped", "three_way", "auc", "ceiling")
RULES = (
    *("half", "wrong", "dropped", "three_way", "pick_a_pic", "tau_a", "tau_b", "tau_10", "tau_13", "tau_14", "tau_eq"),
    *("three_way_best", "best_margin", "videoscore", "videogen_rewardbench", "win_ratio_pearson", "win_ratio_spearman"),
)
"""Published measures, as `manage.py judge_table --rules` explains them."""
COLUMNS = (
    *("judge", "version", "hash", "aspect", "pairs", "answered", "coverage"),
    *(f"{name}{end}" for name in SHARES for end in ("", "_low", "_high", "_count")),
    *("margin", "level", "calibration_error", "kendall", "spearman", "winner", "judges_winner"),
    *("first_share", "inconsistent", "tie_rate", "human_tie_rate", "degenerate", "inverted", "few"),
    *(f"rule_{name}" for name in RULES),
    "simulated_votes",
)


def latest(of: Comparison | Project) -> tuple[Row | None, bool]:
    """The snapshot, and whether a newer one is under way."""
    found = kept(key_of(of))
    behind = found is None or found["inputs"] != inputs_of_trust(of)
    if behind:
        ring_judges(of)
    return found, behind


@viewers_only
@require_safe
def judges(request: HttpRequest, code: UUID | None = None) -> HttpResponse:
    """Every judge version against people: of one comparison, or over all of the project's."""
    comparison = get_object_or_404(Comparison, code=code) if code else None
    found, behind = latest(comparison or project_of(request))
    context: Row = {"comparison": comparison, "behind": behind}
    if found:
        context |= presented(found)
        chosen = _chosen(context["judges"], request.GET.get("judge", ""), request.GET.get("aspect", ""))
        if chosen:
            judge, row = chosen
            context |= {"chosen": row, "chosen_judge": judge}
            if row["reliability"]:
                context["figures"]["calibration"] = trust_charts.calibration(row["reliability"])
            if comparison:
                context |= _disagreements(comparison, row, access_of(request).researches)
    if comparison:
        context["review"] = _review(comparison)
    response = render(request, "reporting/judges.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


@viewers_only
@require_safe
def judge_version(request: HttpRequest, code: UUID, number: int) -> HttpResponse:
    """One judge version: what it declares, its weights, its runs here, and of the team's own its card."""
    comparison = get_object_or_404(Comparison, code=code)
    version = get_object_or_404(JudgeVersion.objects.filter(runs__comparison=comparison).distinct(), pk=number)
    found, _ = latest(comparison)
    told = next((each for each in presented(found)["judges"] if each["id"] == version.pk), None) if found else None
    context: Row = {"comparison": comparison, "version": version, "declared": version.declaration}
    context["settings"] = _plain(version.declaration.settings)
    context["words"] = declared_words(version.declaration.model_dump(mode="json"))
    context["weights"] = [(each, in_parts(each.licence)) for each in version.declaration.weights]
    titles = {str(aspect.key): str(aspect) for aspect in comparison.aspects.all()}
    aspects = version.declaration.aspects
    context["aspects"] = [(titles.get(key) or gettext(key.capitalize()), parts) for key, parts in aspects.items()]
    context |= {"runs": comparison.judge_runs.filter(judge=version), "told": told}
    for run in context["runs"]:
        run.reason = spoken_of_judge(run.reason)
    context["card"] = _card(card_of(version.declaration), titles)
    return render(request, "reporting/judge_version.html", context)


@viewers_only
@require_safe
def trained_judge(request: HttpRequest, training: UUID) -> HttpResponse:
    """The card of the team's own judge as a training run left it."""
    run = get_object_or_404(
        TrainingRun.objects.select_related("comparison").filter(state=TrainingRun.State.DONE), code=training
    )
    titles = {str(aspect.key): str(aspect) for aspect in run.comparison.aspects.all()}
    context: Row = {"comparison": run.comparison, "run": run, "card": _card(run.card, titles)}
    return render(request, "reporting/trained_judge.html", context)


@researchers_only
@require_safe
def judges_file(request: HttpRequest, kind: str, code: UUID | None = None) -> HttpResponse:
    """The snapshot as JSON, or a row per judge version and aspect as CSV."""
    comparison = get_object_or_404(Comparison, code=code) if code else None
    if kind not in ("json", "csv"):
        raise Http404
    found, _ = latest(comparison or project_of(request))
    if not found:
        return HttpResponse(
            "Judges are being held against people: try again in a few seconds.\n", status=503, content_type="text/plain"
        )
    project = project_of(request)
    try:
        mark = verdicts_exported(request, "judges", comparison or project, project=project.pk, kind=kind)
    except TooMuch as refusal:
        return refused(refusal)
    text = {"csv": as_csv, "json": json_of}[kind](found, mark)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8" if kind == "csv" else "application/json")
    name = f"{slugify(comparison.name) or 'comparison'}-judges" if comparison else "judges"
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def as_csv(snapshot: Row, canary: str = "") -> str:
    return csv_of(COLUMNS, _rows(snapshot), canary)


def _rows(snapshot: Row) -> Iterator[Row]:
    """One per judge version and aspect."""
    for judge in snapshot["judges"]:
        for row in judge["aspects"]:
            order, odd = row["contenders"] or {}, row["oddities"]
            cells = order | odd | row | {"judge": judge["name"], "version": judge["version"], "hash": judge["hash"]}
            for name in SHARES:
                share = row[name]
                cells |= {name: share["value"], f"{name}_low": share["low"], f"{name}_high": share["high"]}
                cells[f"{name}_count"] = share["count"]
            cells |= {f"rule_{name}": value for name, value in row["rules"].items()}
            yield cells | {"simulated_votes": snapshot["simulated_votes"]}


def presented(snapshot: Row) -> Row:
    """What the template takes: shares in percent, titles in the reader's language, and figures."""
    titles = {key: gettext(name) for key, name in snapshot["names"].items()}
    snapshot = spoken(snapshot, titles)
    judges = [_judge(each, titles) for each in snapshot["judges"]]
    figures: Row = {}
    drawn: list[Row] = []
    for key, title in titles.items():
        rows = [
            {"label": judge["label"], "share": row["decided"], "ceiling": row["ceiling"]}
            for judge in judges
            for row in judge["aspects"]
            if row["aspect"] == key and row["decided"]["value"] is not None
        ]
        if rows:
            drawn.append({"title": title, "figure": f"accuracy-{key}"})
            figures[f"accuracy-{key}"] = trust_charts.accuracies(rows)
    for judge in judges:
        if any(
            cell["share"] and cell["share"]["value"] is not None for row in judge["natives"] for cell in row["cells"]
        ):
            judge["heat"] = f"natives-{judge['id']}"
            figures[judge["heat"]] = trust_charts.heat(judge["natives"], titles, judge["declared"]["aspects"])
    running = [each["name"] for each in snapshot["comparisons"] if each["state"] != "closed"]
    grouped = any(judge["criteria"] or judge["fairness"] for judge in judges)
    return snapshot | {
        **{"judges": judges, "figures": figures, "drawn": drawn, "titles": titles},
        **{"running": running, "grouped": grouped},
    }


def _judge(judge: Row, titles: dict[str, str]) -> Row:
    label = f"{judge['name']} {judge['version']} · {judge['hash'][:6]}"
    people = (gettext("people: first"), gettext("tie"), gettext("second"))
    rows = [
        row
        | {f"{name}_said": _said(row[name]) for name in SHARES}
        | {
            "repeats_said": row["repeats"] and _said(row["repeats"]),
            "title": titles[row["aspect"]],
            "judge_label": label,
            "covered": _hundred(row["coverage"]),
            "reached": _hundred(row["level"], 0),
            "degenerate_said": gettext(row["oddities"]["degenerate"]) if row["oddities"]["degenerate"] else "",
            "confusion_rows": list(zip(people, row["confusion"], strict=True)),
            "odd": row["oddities"]
            | {
                key: _hundred(row["oddities"][key])
                for key in ("first_share", "inconsistent", "tie_rate", "human_tie_rate")
            },
        }
        for row in judge["aspects"]
    ]
    criteria = [
        row
        | {"title": titles[row["aspect"]]}
        | {f"{name}_said": _said(row[name]) for name in ("with_ties", "without_ties")}
        for row in judge["criteria"]
    ]
    fair = [
        row
        | {"title": titles.get(row["aspect"], ""), "alike_said": _hundred(row.get("alike"))}
        | {
            f"{name}_ends": f"{factor * low:.{digits}f} – {factor * high:.{digits}f}"
            for name, (low, high) in row.get("intervals", {}).items()
            for factor, digits in ((100, 1) if name == "alike" else (1, 3),)
        }
        for row in judge["fairness"]
    ]
    return judge | {
        **{"label": label, "aspects": rows, "criteria": criteria, "fairness": fair, "warnings": list(_warnings(judge))},
        "words": declared_words(judge["declared"]),
    }


def _card(card: Row | None, titles: dict[str, str]) -> Row | None:
    """The card of the team's own judge, its shares written out."""
    if card is None:
        return None
    methods = {"head": gettext("the judge's head"), "scikit-learn": "scikit-learn"}
    scores = [
        row
        | {f"{name}_said": _said(row[name]) for name in ("accuracy", "three_way")}
        | {"title": titles.get(row["aspect"], row["aspect"]), "method": methods[row["method"]]}
        for row in card["scores"]
    ]
    unseen = [
        row
        | {
            "title": titles.get(row["aspect"], row["aspect"]),
            "said": _said(row["accuracy"] or {"value": None, "low": None, "count": 0, "reason": row["reason"]}),
        }
        for row in card["unseen_contenders"]
    ]
    calibration = [row | {"title": titles.get(key, key)} for key, row in card["calibration"].items()]
    return card | {"scores": scores, "unseen": unseen, "calibrated": calibration, "set": _plain(card["settings"])}


def _plain(settings: Row) -> Row:
    """Lists and tables of settings as they are read: one, two; alignment 3, beauty 1."""
    found = {name: [f"{key} {each}" for key, each in value.items()] if isinstance(value, dict) else value
             for name, value in settings.items()}  # fmt: skip
    return {name: ", ".join(map(str, each)) if isinstance(each, list | tuple) else each for name, each in found.items()}


def _warnings(judge: Row) -> Iterator[str]:
    """What an organizer should know of a judge before believing it."""
    if judge["trained_here"]:
        yield gettext("trained on votes of this: its accuracy here says nothing of other prompts ({names})").format(
            names=", ".join(judge["trained_here"])
        )
    for kin in judge["kin"]:
        yield gettext(
            "{contender} is of the same makers as the judge ({makers}): judges tend to favour their own kin"
        ).format(contender=kin["contender"], makers=", ".join(kin["makers"]))
    if not judge["declared"]["deterministic"] and judge["draws"] == 1:
        yield gettext("no repeats measured: asked again it may answer otherwise; another draw would show how often")
    if judge["declared"]["settings"].get("sees_no_words"):
        yield gettext("its features hold no words: what it says of relevance it says of the pictures alone")


def _said(share: Row) -> Row:
    ends = "" if share["low"] is None else f"{_hundred(share['low'])} – {_hundred(share['high'])}"
    return {"share": _hundred(share["value"]), "ends": ends, "count": share["count"], "reason": share["reason"]}


def _hundred(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def _review(comparison: Comparison) -> Row | None:
    """The review order in points of 100; the last one is shown while a newer one is worked out."""
    found = kept(review_key(comparison))
    if found is None or found["inputs"] != inputs_of_review(comparison):
        ring_review(comparison)
    if found is None:
        return None
    found = spoken(found, {})
    trained = {each["assessor"]: _points(each) for each in found["trained"]}
    moves = [
        row
        | {"both": list(zip_longest(*([_points(each, "moved") for each in row[k]] for k in ("assessors", "prompts"))))}
        for row in found["moves"]
    ]
    assessors = [_points(each) | {"trained": trained.get(each["assessor"])} for each in found["assessors"]]
    shown: dict[str, Any] = found | {
        "moves": moves,
        "assessors": assessors,
        "votes": [_points(each, digits=3) for each in found["votes"]],
    }
    return shown


def _points(row: Row, key: str = "value", digits: int = 1) -> Row:
    """Shares as signed points."""
    ends = row.get("interval")
    said = "" if row[key] is None else f"{100 * row[key]:+.{digits}f}"
    return row | {"points": said, "ends": f"{100 * ends[0]:+.{digits}f} – {100 * ends[1]:+.{digits}f}" if ends else ""}


def _chosen(judges: list[Row], judge: str, aspect: str) -> tuple[Row, Row] | None:
    """The judge version and aspect to look into: those asked for, else the first."""
    every = [(each, row) for each in judges for row in each["aspects"]]
    asked = [(each, row) for each, row in every if str(each["id"]) == judge and (row["aspect"] == aspect or not aspect)]
    if (judge or aspect) and not asked:
        raise Http404
    return next(iter(asked or every), None)


def _disagreements(comparison: Comparison, row: Row, named: bool) -> Row:
    """The surest wrong verdicts with both clips; names of contenders are for researchers and upwards."""
    behind = Behind.read(comparison, {"aspect": row["aspect"]})
    wrong = {each["pair"]: each for each in row["disagreements"][:SHOWN_DISAGREEMENTS]}
    pairs = comparison.pairs.filter(pk__in=wrong).select_related("prompt", "first__contender", "second__contender")
    found = {each.pair.pk: each for each in shown(list(pairs), behind, named)}
    if named and found:
        audit.record("looked behind the blind of", comparison, aspect=row["aspect"], pairs=len(found))
    return {
        "named": named,
        "disagreements": [_disagreement(found[pk], each) for pk, each in wrong.items() if pk in found],
        "all_disagreements": len(row["disagreements"]),
    }


def _disagreement(pair: ShownPair, told: Row) -> Row:
    first = told["chance"] > 0.5
    chosen = pair.left_name if first != pair.turned else pair.right_name
    return {"shown": pair, "judge": chosen, "sure": f"{100 * max(told['chance'], 1 - told['chance']):.0f}"}
