"""What a report says of behavioural suites, on votes small enough to count by hand."""

import json

import numpy as np
import pytest
from django.urls import reverse

from evalapp.assessing.models import Vote
from evalapp.assessing.simulate import simulate_votes
from evalapp.catalog.models import PromptSet, PromptText
from evalapp.catalog.suites import expand
from evalapp.reporting import suites
from evalapp.reporting.build import build, snapshot_of
from tests.factories import make_comparison
from tests.reporting.test_reasons import table

SUITES = [
    {"capability": "counting", "template": "{n} balls", "slots": {"n": [f"{n}" for n in range(4)]}},
    {
        **{"capability": "colour", "name": "paint", "test": "invariance", "varies": ["colour"], "tags": ["kind:plain"]},
        "template": "a {colour} {thing}",
        "slots": {"colour": ["red", "blue"], "thing": [f"thing {n}" for n in range(12)]},
    },
    {
        **{"capability": "motion", "name": "faster", "test": "directional", "varies": ["speed"]},
        "template": "a {thing} moves {speed}",
        "slots": {"speed": ["slowly", "fast", "at full speed"], "thing": [f"thing {n}" for n in range(10)]},
    },
]


def of_suites(outcomes, assessors=6):
    """The table of votes by prompt, the same of each assessor: `outcomes(tags)`; one prompt more is of no suite."""
    prompts = [*expand(SUITES), PromptText("lone", "a lone prompt", ("motion",))]
    cast = np.array([outcomes(prompt.tags) for prompt in prompts])[:, None, None] * np.ones((1, assessors, 1))
    found = table(cast, tags=[sorted(prompt.tags) for prompt in prompts])
    for prompt, row in zip(prompts, found.prompts, strict=True):
        row["key"] = prompt.key
    return found


def by_speed(tags):
    """Counting lost, blue wins, red loses every second group; a thing that moves faster wins more often."""
    if "capability:counting" in tags:
        return 0.0
    group = next((int(tag.rpartition(" ")[2]) for tag in tags if tag.startswith("group:")), 0)
    if "capability:colour" in tags:
        return 1.0 if "colour:blue" in tags else float(group % 2)
    return {"speed:slowly": float(group == 1), "speed:fast": 0.5, "speed:at full speed": float(group < 10)}.get(
        next((tag for tag in tags if tag.startswith("speed:")), ""), 0.0
    )


def of_each(found):
    return {test["name"]: test for group in found["pairings"][0]["groups"] for test in group["parts"]}


def test_capabilities_hold_tests_and_these_their_fillings_in_the_suites_order():
    found = suites.suites(of_suites(by_speed), tests=True)
    assert [(group["name"], group["prompts"]) for group in found["groups"]] == [
        *(("counting", 4), ("colour", 24), ("motion", 30))
    ], "the prompt that is tagged motion is of no suite"
    assert [part["name"] for group in found["groups"] for part in group["parts"]] == ["counting", "paint", "faster"]
    filled = [[part["name"] for part in group["parts"][0]["parts"]] for group in found["groups"]]
    assert filled == [[], ["colour:red", "colour:blue"], ["speed:slowly", "speed:fast", "speed:at full speed"]]
    rates = [part["win_rate"] for part in of_each(found)["faster"]["parts"]]
    assert rates == pytest.approx([0.1, 0.5, 0.9])
    assert [part["votes"] for part in of_each(found)["faster"]["parts"]] == [60, 60, 60]
    counting = of_each(found)["counting"]
    assert (counting["win_rate"], counting["votes"], counting["p_value"]) == (0, 24, None)
    assert "sentence" not in counting
    assert found["pairings"][0]["groups"][1]["win_rate"] == pytest.approx(18 / 24)


def test_fillings_that_matter_are_told_with_their_distance_or_rise_and_adjusted_for_each_other():
    told = of_each(suites.suites(of_suites(by_speed), tests=True))
    paint, faster = told["paint"], told["faster"]
    assert paint["apart"] == pytest.approx(0.5)
    assert paint["p_value"] == pytest.approx(2 * 0.5**6, abs=0.01), "six groups of twelve differ, all one way"
    assert paint["sentence"].startswith("the win rate changes with the filling by more than chance")
    assert (faster["rise"], faster["groups"]) == (pytest.approx(0.8), 10)
    differences = np.array([0.0, *[1.0] * 8, 0.0])
    assert faster["rise_interval"][0] < 0.8 < faster["rise_interval"][1] <= 1
    from scipy.stats import t

    error = np.sqrt(((differences - 0.8) ** 2).sum() / 90)
    assert faster["rise_interval"][0] == pytest.approx(0.8 - t.ppf(0.975, 5) * error)
    assert "rises from the first filling to the last" in faster["sentence"]
    smaller, larger = sorted([paint["p_value"], faster["p_value"]])
    assert sorted([paint["p_value_adjusted"], faster["p_value_adjusted"]]) == pytest.approx(
        [min(2 * smaller, larger), larger]
    )


def test_fillings_that_do_not_matter_and_a_rise_that_falls_are_said_as_such():
    def alike(tags):
        group = next((int(tag.rpartition(" ")[2]) for tag in tags if tag.startswith("group:")), 0)
        if "capability:motion" in tags:
            return 1 - by_speed(tags)
        return float((group + ("colour:red" in tags)) % 2)

    told = of_each(suites.suites(of_suites(alike), tests=True))
    assert told["paint"]["apart"] == pytest.approx(0)
    assert told["paint"]["sentence"] == "no sign that the filling matters (p = 1)"
    assert told["faster"]["rise"] == pytest.approx(-0.8)
    assert "falls from the first filling to the last" in told["faster"]["sentence"]


def test_too_few_assessors_or_an_open_vote_get_numbers_but_no_test():
    few = of_each(suites.suites(of_suites(by_speed, assessors=4), tests=True))["paint"]
    assert (few["apart"], few["p_value"], few["p_value_adjusted"]) == (pytest.approx(0.5), None, None)
    assert few["sentence"].endswith("cannot be tested: 4 assessors, where 5 are the least")
    still = of_each(suites.suites(of_suites(by_speed), tests=False))["paint"]
    assert (still["p_value"], still["apart_by_chance"]) == (None, None)
    assert still["sentence"] == "tested in the report, once voting has ended"
    assert suites.suites(table(np.ones((5, 3, 1)), tags=[["red"]] * 5), tests=True) == suites.no_suites()


@pytest.fixture
def compared(db):
    asked = PromptSet.objects.freeze("suites", [*expand(SUITES), PromptText("lone", "a lone prompt", ("red",))])
    comparison = make_comparison(overlap=2, prompt_set=asked)
    simulate_votes(comparison, 6)
    return comparison


def test_every_number_of_a_suite_leads_to_the_pairs_behind_it(client, olga, compared):
    running = snapshot_of(compared, "")[suites.SECTION]["pairings"][0]["groups"][1]
    assert (running["interval"], running["parts"][0]["p_value"]) == (None, None)
    compared.close()
    found = json.loads(build(compared).snapshot)[suites.SECTION]
    client.force_login(olga)
    text = client.get(reverse("report", args=[compared.code])).content.decode()
    votes = Vote.objects.current().filter(aspect__key="preference")

    def check(row, place):
        alone = place == "suites.0"  # its only test bears its name, and stands for it
        assert (f"group={place}&" in text or f'group={place}"' in text) is not alone, place
        page = client.get(reverse("report-pairs", args=[compared.code]), {"aspect": "preference", "group": place})
        assert 2 * page.context["page"].paginator.count == row["votes"]
        for number, part in enumerate(row["parts"]):
            check(part, f"{place}.{number}")

    for number, group in enumerate(found["pairings"][0]["groups"]):
        check(group, f"suites.{number}")
    red = votes.filter(ballot__assignment__pair__prompt__text__startswith="a red")
    halves = {"first": 1, "tie": 0.5, "second": 0}
    (paint,) = found["pairings"][0]["groups"][1]["parts"]
    assert paint["parts"][0]["win_rate"] == pytest.approx(np.mean([halves[v.choice] for v in red]), abs=1e-6)
    assert "Ribeiro" in text
    for wrong in ("suites.9", "suites.1.0.9", "suites.1.0.0.0", "suites"):
        address = reverse("report-pairs", args=[compared.code])
        assert client.get(address, {"aspect": "preference", "group": wrong}).status_code == 404
    client.cookies["django_language"] = "ru"
    russian = client.get(reverse("report", args=[compared.code]), headers={"accept-language": "ru"}).content.decode()
    section = russian.split('id="suites"')[1].split("<h2")[0]
    assert "инвариантность" in section
    assert "invariance" not in section
    assert "the " not in section.replace("end-to-end", "").replace("frame-by-frame", "")


def test_a_report_built_before_suites_were_told_still_opens(client, olga, compared):
    compared.close()
    report = build(compared)
    old = json.loads(report.snapshot)
    del old[suites.SECTION]
    compared.reports.update(snapshot=json.dumps(old))
    client.force_login(olga)
    assert client.get(reverse("report", args=[compared.code])).status_code == 200
    address = reverse("report-pairs", args=[compared.code])
    assert client.get(address, {"aspect": "preference", "group": "suites.0"}).status_code == 404
