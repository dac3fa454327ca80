"""Quality against cost and the front of consistency, diversity and realism, as a report shows them."""

import json

import pytest
from django.core.management import call_command

from evalapp.assessing.simulate import simulate_votes
from evalapp.catalog.models import Contender, Recipe
from evalapp.comparisons.launch import create, launch
from evalapp.generation.models import Clip
from evalapp.measuring.judges import JudgeRun, JudgeVersion, Verdict
from evalapp.measuring.models import Measurement, SetMeasurement
from evalapp.measuring.runs import PROTOCOL
from evalapp.measuring.sets import measure_sets
from evalapp.reporting.build import build
from evalapp.reporting.knobs import knobs
from evalapp.reporting.presenting import presented
from evalapp.reporting.tradeoff_charts import front
from metrics.judges.interface import Declaration, Outcome, prompt_key
from tests.factories import give_media, make_contender, make_prompt_set

SECONDS = {"teacher": 50.0, "student": 4.0, "poor": 8.0}
SHARPNESS = {"teacher": 0.8, "student": 0.7, "poor": 0.6}


@pytest.fixture
def distilled(db):
    """A teacher, a student of few steps and a poor one: three costs, one measure, votes of programs."""
    steps = {"teacher": {"scheduler": {"steps": 50}}, "student": {"steps": 4}, "poor": {"steps": 8}}
    chosen = [make_contender(name, settings=settings) for name, settings in steps.items()]
    comparison = create("distilled", make_prompt_set(4), chosen, overlap=1, seeds=(0, 1))
    launch(comparison)
    for number, clip in enumerate(comparison.clips().order_by("pk")):
        energy = {"provenance": {"energy_wh": SECONDS[clip.contender.name] / 10}}
        give_media(clip, shade=60 + number)
        name = clip.contender.name
        Clip.objects.filter(pk=clip.pk).update(state="ready", seconds=SECONDS[name] + clip.seed, facts=energy)
        clip.refresh_from_db()
        value = SHARPNESS[name] + 0.001 * clip.prompt.position
        Measurement.objects.get_or_create(
            sha256=clip.sha256, metric="sharpness", version=PROTOCOL, defaults={"value": value}
        )
    comparison.open()
    simulate_votes(comparison, 2)
    comparison.close()
    return comparison


def points_of(snapshot, cost, quality):
    (found,) = [each for each in snapshot["tradeoffs"]["costs"] if each["cost"] == cost]
    (chosen,) = [each for each in found["qualities"] if each["quality"] == quality]
    return {point["contender"]: point for point in chosen["points"]}


def test_loading_weights_is_no_part_of_what_a_clip_costs(distilled):
    first = distilled.clips().filter(contender__name="student").order_by("pk").first()
    loaded = {"provenance": {"energy_wh": 500, "seconds": {"load": 90}}}
    Clip.objects.filter(pk=first.pk).update(seconds=90 + first.seconds, facts=loaded)
    snapshot = json.loads(build(distilled).snapshot)
    for cost, of_student in (("seconds", SECONDS["student"] + 0.5), ("energy", SECONDS["student"] / 10)):
        assert points_of(snapshot, cost, "sharpness")["student"]["cost"] == pytest.approx(of_student)


def test_a_distilled_checkpoint_stays_on_the_front_and_a_dearer_worse_one_is_named_beaten(distilled):
    snapshot = json.loads(build(distilled).snapshot)
    assert [each["cost"] for each in snapshot["tradeoffs"]["costs"]] == ["steps", "seconds", "energy"]
    for cost, of_teacher in (("steps", 50), ("seconds", 50.5), ("energy", 5)):
        points = points_of(snapshot, cost, "sharpness")
        assert list(points) == ["student", "poor", "teacher"]  # the cheapest first
        assert points["teacher"]["cost"] == of_teacher
        assert {name: (point["on_front"], point["share_on_front"]) for name, point in points.items()} == {
            "student": (True, 1.0),
            "poor": (False, 0.0),
            "teacher": (True, 1.0),
        }
        assert points["poor"]["beaten_by"] == ["student"]
    people = points_of(snapshot, "seconds", "people:preference")
    assert sum(point["value"] for point in people.values()) == pytest.approx(1.5, abs=1e-5)
    assert all(point["interval"][0] <= point["value"] <= point["interval"][1] for point in people.values())


def test_a_cost_that_tells_contenders_apart_nowhere_is_named_with_the_reason(distilled, client, olga):
    distilled.clips().update(facts={})
    Recipe.objects.update(settings={"steps": 8})
    found = json.loads(build(distilled).snapshot)["tradeoffs"]
    assert [each["cost"] for each in found["costs"]] == ["seconds"]
    assert {each["cost"]: each["reason"] for each in found["left_out"]} == {
        "steps": "the same for all of which it is known: 8",
        "energy": "0 of 3 contenders have clips made where a meter could be read (NVML, RAPL) and their weights were "
        "loaded already, and two are needed",
    }
    client.force_login(olga)
    page = client.get(f"/comparisons/{distilled.code}/report/", headers={"Accept-Language": "ru"}).content.decode()
    assert "Шаги сэмплирования: одно и то же у всех, о ком известно: 8." in page
    assert "есть у 0 участников из 3, а нужно двое" in page


def test_steps_that_no_recipe_names_are_those_that_the_pipeline_counted(distilled):
    poor = Contender.objects.get(name="poor")
    Recipe.objects.filter(pk=poor.recipe_id).update(settings={"modifiers": [{"kind": "distilled"}]})
    distilled.clips().filter(contender=poor).update(facts={"generator": {"steps": 6}})
    points = points_of(json.loads(build(distilled).snapshot), "steps", "sharpness")
    assert {name: point["cost"] for name, point in points.items()} == {"student": 4, "poor": 6, "teacher": 50}


def test_while_voting_goes_on_no_share_tells_what_an_interval_would(distilled):
    type(distilled).objects.filter(pk=distilled.pk).update(state="open")
    points = points_of(json.loads(build(distilled).snapshot), "seconds", "people:preference")
    assert {point["share_on_front"] for point in points.values()} == {None}
    assert {point["interval"] for point in points.values()} == {None}


def test_consistency_diversity_and_realism_make_a_front_with_shares(distilled, client, olga):
    measure_sets(distilled, ["builtin_diversity", "builtin_vendi"], None)
    of_set = SetMeasurement.objects.get(metric="builtin_diversity", contender__name="student", tag="")
    assert len(of_set.result["by_prompt"]) == 4
    snapshot = json.loads(build(distilled).snapshot)
    found = snapshot["tradeoffs"]["front"]
    assert [each["corner"] for each in found["corners"]] == ["consistency", "diversity", "realism"]
    assert {point["contender"] for point in found["points"]} == set(SECONDS)
    assert sum(point["share_on_front"] for point in found["points"]) >= 1
    assert any(point["on_front"] for point in found["points"])
    client.force_login(olga)
    page = client.get(f"/comparisons/{distilled.code}/report/").content.decode()
    assert "Quality against cost" in page
    assert 'data-figure="front"' in page
    assert "by prompt tag" in page


def test_contenders_that_differ_by_one_setting_of_a_recipe_are_joined_in_its_order(db):
    told = {"a": (7.5, 20), "b": (1, 20), "c": (7.5, 50), "d": (4, 20)}
    chosen = [
        make_contender(name, settings={"guidance": guidance, "scheduler": {"name": "ddim", "steps": steps}})
        for name, (guidance, steps) in told.items()
    ]
    Contender.objects.update(checkpoint=chosen[0].checkpoint)
    other = make_contender("other", settings={"guidance": 2, "scheduler": {"name": "ddim", "steps": 20}})
    comparison = create("knobs", make_prompt_set(1), [*chosen, other], overlap=1)
    found = {each["knob"]: each for each in knobs(comparison, [*told, "other"])}
    assert found["guidance"]["contenders"] == ["b", "d", "a"]  # 1, 4, 7.5 at 20 steps; c has 50
    assert found["guidance"]["values"] == [1, 4, 7.5]
    assert found["scheduler.steps"]["contenders"] == ["a", "c"]
    assert [each["knob"] for each in knobs(comparison, ["a", "b"])] == ["guidance"]
    points = [{"contender": name, "values": [value, -value], "on_front": True} for name, (value, _) in told.items()]
    corners = [{"corner": "consistency", "title": "one"}, {"corner": "diversity", "title": "two"}]
    dotted, _ = front(corners, points, [found["guidance"]])["data"]
    corners[0]["title"] = "a judge 1 (random weights) · a network of a long name"
    assert front(corners, points, [])["layout"]["xaxis"]["title"]["text"].count("<br>") == 2
    assert dotted["x"] == [1, 4, 7.5]


def test_a_program_that_was_asked_about_the_prompt_stands_for_consistency(distilled):
    asked = Declaration(
        name="vqascore",
        version="1",
        mode="pointwise",
        natives=("yes",),
        aspects={"relevance": {"yes": 1.0}},
        runtime="cpu",
    )
    judge = JudgeVersion.of(asked)
    JudgeRun.objects.create(comparison=distilled, judge=judge, name="vqascore")
    for clip in distilled.clips().select_related("prompt", "contender"):
        chance = {"teacher": 0.9, "student": 0.5, "poor": 0.1}[clip.contender.name] + 0.01 * clip.prompt.position
        key = (clip.sha256, "", prompt_key(clip.prompt.text))
        Verdict.from_outcome(judge, key, Outcome("ok", {"yes": chance})).save()
    measure_sets(distilled, ["builtin_diversity"], None)
    found = json.loads(build(distilled).snapshot)["tradeoffs"]["front"]
    assert found["corners"][0]["title"] == "vqascore 1"
    means = {point["contender"]: point["values"][0] for point in found["points"]}
    middle = sum(range(4)) / 4 * 0.01  # places 0 to 3 of four prompts
    assert means == pytest.approx({"teacher": 0.9 + middle, "student": 0.5 + middle, "poor": 0.1 + middle}, abs=1e-4)


def test_the_section_speaks_russian_and_its_figures_are_told_apart_without_colour(distilled, tmp_path):
    build(distilled)
    call_command("report", distilled.name, format="html", language="ru", output=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "Качество против цены" in text
    assert "секунд на клип" in text
    figure = presented(json.loads(build(distilled).snapshot))["figures"]["seconds-1"]
    assert [trace.get("marker", {}).get("symbol") for trace in figure["data"]] == [None, "diamond", "circle-open"]
