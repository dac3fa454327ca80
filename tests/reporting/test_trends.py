"""Curves over checkpoints, drift, looks and exclusions as pages show them."""

import json

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting import trends
from evalapp.reporting.build import build
from evalapp.reporting.presenting import _looks
from tests.factories import make_comparison


def point(step, win_rate, interval=None):
    return {"contender": f"at {step}", "step": step, "votes": 9, "win_rate": win_rate, "interval": interval} | {
        **{"gain": None, "gain_interval": None, "reason": ""}
    }


CURVE = {
    **{"training": "run", "aspect": "preference", "anchor": "old", "slope_per_1000_steps": 0.02, "reason": ""},
    **{"slope_interval": [0.01, 0.03], "points": [point(100, 0.4, [0.3, 0.5]), point(200, 0.6), point(300, None)]},
}
DRIFT = {
    **{"axis": "days", "measure": "win rate", "contenders": ["a", "b"], "slope": 0.01, "slope_interval": [-0.01, 0.03]},
    **{"early": 0.5, "late": 0.6, "votes": 20, "assessors": 5, "points": [[0.5, 0.5, 10], [1.5, 0.6, 10]]},
    **{"p_value": 0.3, "reason": ""},
}


def test_a_curve_has_a_point_at_each_step_with_votes_and_says_its_slope():
    other = CURVE | {"aspect": "beauty"}
    names = ["at 100", "old", "at 200", "at 300"]
    snapshot = {"curves": [CURVE, other], "headline_aspect": "preference", "comparison": {"contenders": names}}
    shown, drawn = trends.curves(snapshot, {"preference": "Preference", "beauty": "Beauty"})
    line = drawn["curve-0"]["data"][0]
    assert (line["x"], line["y"]) == ([100, 200], [40, 60])
    assert line["error_y"]["array"] == [pytest.approx(10), None]
    assert [row["title"] for row in shown[0]["rows"]] == ["Preference", "Beauty"]
    assert shown[0]["rows"][0]["slope"] == "+2.00"
    pairs = [each["pair"] for each in shown[0]["rows"][0]["points"]]
    assert pairs == [["at 100", "old"], ["old", "at 200"], ["old", "at 300"]], "as pairs have their first and second"
    text = render_to_string("reporting/_trends.html", {"curves": shown, "drift": []})
    assert "Per 1000 steps +2.00 of 100 (+1.00 – +3.00)" in text


def test_drift_is_told_in_percent_and_seconds_as_they_are():
    seconds = DRIFT | {"measure": "seconds", "contenders": None, "early": 8.0, "late": 6.0}
    nothing = DRIFT | dict.fromkeys(("slope", "slope_interval", "early", "late")) | {"points": [], "reason": "one day"}
    shown, drawn = trends.drift({"drift": [DRIFT, seconds, nothing]})
    assert [row["early"] for row in shown] == ["50.0", "8.0", ""]
    assert [row["slope"] for row in shown] == ["+1.00", "+1.00", ""]
    assert set(drawn) == {"drift-0", "drift-1"}
    assert drawn["drift-0"]["data"][0]["y"] == [50, 60]
    assert "one day" in render_to_string("reporting/_trends.html", {"curves": [], "drift": shown})


def test_who_is_excluded_is_told_and_whether_it_matters_and_pairs_still_add_up(client, olga, db):
    comparison = make_comparison(prompts=3, overlap=3)
    simulate_votes(comparison, 3)
    comparison.close()
    Exclusion.objects.exclude_assessor(comparison.participations.first(), "always the left one", "olga")
    snapshot = json.loads(build(comparison).snapshot)
    client.force_login(olga)
    text = client.get(reverse("report", args=[comparison.code])).content.decode()
    assert "always the left one" in text
    assert "with everyone" in text
    row = next(row for row in snapshot["results"] if row["aspect"] == "beauty")
    query = {"first": row["contenders"][0], "second": row["contenders"][1], "aspect": "beauty"}
    shown = client.get(reverse("report-pairs", args=[comparison.code]), query).context["pairs"]
    assert sum(len(pair.votes) for pair in shown) == row["votes"] == 3 * 2


def test_planned_looks_stand_in_the_page_with_their_bounds():
    look = {
        "boundary": 4.56,
        "verdict": "worse",
        "number": 1,
        "votes": 20,
        "win_rate": 0.7,
        "look_interval": [0.4, 1.0],
        "statistic": 1.5,
    }
    looks = {
        **{"planned_looks": 5, "planned_votes": 100, "margin": 0.05},
        "pairings": [
            {
                "contenders": ["a", "b"],
                "sentence": "Undecided.",
                "looks": [look],
            }
        ],
    }

    text = render_to_string("reporting/_looks.html", {"looks": _looks(looks)})
    assert "± 4.56" in text
    assert "40.0 – 100.0" in text
    assert "5.0 of 100" in text
