"""Training curves, drift and repeats in the report, on votes made to show them."""

import json

import numpy as np
import pytest

from evalapp.assessing.controls import Control, ControlAnswer
from evalapp.assessing.intake import import_votes
from evalapp.assessing.models import Assignment, Ballot
from evalapp.catalog.models import Checkpoint
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.reporting import over_time
from evalapp.reporting.build import build
from evalapp.reporting.table import table_of
from tests.assessing.test_looks import people, voted
from tests.factories import make_comparison

ONE_ASPECT = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


def snapshot(comparison):
    return json.loads(build(comparison).snapshot)


@pytest.fixture
def trained(db):
    """Three checkpoints of one training beat the fourth contender in 25, 50 and 75 of 100 votes."""
    comparison = make_comparison(contenders=4, prompts=20, overlap=4, aspects=ONE_ASPECT)
    people(comparison, 8)
    contenders = list(comparison.contenders.order_by("entry__position"))
    for number, contender in enumerate(contenders[:3]):
        Checkpoint.objects.filter(contender=contender).update(training="run 1", step=1000 * 2**number)
        wins = number + 1
        voted(comparison, 80, lambda n, wins=wins: (n + n // 20) % 4 < wins, contenders=[contender, contenders[3]])
    comparison.close()
    return comparison


def test_a_training_curve_holds_win_rates_against_the_anchor_in_order_of_steps(trained):
    (curve,) = snapshot(trained)["curves"]
    assert (curve["training"], curve["anchor"]) == ("run 1", "fourth")
    assert [point["step"] for point in curve["points"]] == [1000, 2000, 4000]
    assert [point["win_rate"] for point in curve["points"]] == [0.25, 0.5, 0.75]
    assert [point["gain"] for point in curve["points"]] == [None, 0.25, 0.25]
    # least squares by hand: steps around their mean 7000/3 are −4/3, −1/3, 5/3 thousand
    assert curve["slope_per_1000_steps"] == pytest.approx((0.25 * 4 / 3 + 0.25 * 5 / 3) / (42 / 9), abs=1e-5)
    low, high = curve["slope_interval"]
    assert low < curve["slope_per_1000_steps"] < high


def test_checkpoints_without_steps_or_of_several_trainings_make_no_curve(trained):
    Checkpoint.objects.filter(step=2000).update(training="run 2")
    Checkpoint.objects.filter(step=1000).update(step=None)
    assert snapshot(trained)["curves"] == []


def test_where_contenders_have_steps_and_no_curve_a_sentence_says_why(trained):
    def said():
        return " ".join(each for each in snapshot(trained)["warnings"] if "make no curve" in each)

    assert said() == ""
    stepped = Checkpoint.objects.filter(training="run 1")
    Checkpoint.objects.filter(step=4000).update(step=2000)
    assert said().endswith("third have steps of training but make no curve: a step comes twice.")
    first, second, third = stepped.order_by("step", "pk").values_list("pk", flat=True)
    for n, pk in enumerate((first, second, third)):
        Checkpoint.objects.filter(pk=pk).update(step=1000 + n, training=f"run {n}")
    assert "each comes from another training" in said()
    Checkpoint.objects.filter(pk=first).update(training="")
    assert "it is not known of all which training" in said()
    Checkpoint.objects.filter(pk__in=(first, second, third)).update(step=None)
    assert said() == ""


def test_where_all_contenders_are_of_one_training_its_first_checkpoint_is_the_anchor(trained):
    fourth = trained.contenders.get(name="fourth")
    Checkpoint.objects.filter(contender=fourth).update(training="run 1", step=500)
    assert [curve["anchor"] for curve in snapshot(trained)["curves"]] == ["fourth"]


@pytest.fixture
def tiring(db, monkeypatch):
    """Eight assessors who choose the first contender early in a session and the second late, ever faster."""
    comparison = make_comparison(prompts=40, overlap=8, aspects=ONE_ASPECT)
    people(comparison, 8)
    voted(comparison, 320, lambda n: n // 40 < 4 if n % 5 else n % 2 == 0)
    comparison.close()
    table = table_of(comparison)
    rng = np.random.default_rng(0)
    rank = np.zeros(len(table), dtype=np.int64)
    for who in range(8):
        mine = np.flatnonzero(table.assessor == who)
        rank[mine] = np.arange(len(mine))
    at = 1e9 + rank * 60.0 + table.assessor * 86_400.0
    seconds = 60 * np.exp(-0.02 * rank + rng.normal(0, 0.05, len(rank)))
    moments = over_time._Moments(at, seconds, rank)
    monkeypatch.setattr(over_time, "_moments", lambda *_: moments)
    return comparison


def test_fatigue_shows_as_drift_over_the_place_in_the_session(tiring):
    rows = {(row["axis"], row["measure"]): row for row in snapshot(tiring)["drift"]}
    faster = rows["place in session", "seconds"]
    assert faster["slope"] == pytest.approx(np.expm1(-0.02), abs=0.002)
    assert faster["p_value"] < 0.001
    assert faster["late"] < faster["early"]
    falling = rows["place in session", "win rate"]
    assert falling["contenders"] == ["end-to-end", "frame-by-frame"]
    assert falling["slope"] < 0
    assert falling["slope_interval"][1] < 0
    assert sum(n for _, _, n in falling["points"]) == falling["votes"] == 320
    assert falling["points"][0][1] > falling["points"][-1][1]
    # nobody voted on two days: within assessors nothing moves over days beyond the minutes of a session
    assert rows["days", "win rate"]["votes"] == 320


def test_votes_of_one_day_say_nothing_of_days_and_so_it_is_said(db):
    comparison = make_comparison(prompts=6, overlap=2, aspects=ONE_ASPECT)
    people(comparison, 2)
    voted(comparison, 12)
    rows = snapshot(comparison)["drift"]
    assert {row["reason"] for row in rows if row["axis"] == "days"} == {"all votes came on one day"}
    seconds = next(row for row in rows if row["axis"] == "place in session" and row["measure"] == "seconds")
    assert seconds["reason"] == "it is not known how long answers took"


def test_times_of_votes_come_from_their_ballots(db):
    comparison = make_comparison(prompts=3, overlap=1, aspects=ONE_ASPECT)
    people(comparison, 1)
    voted(comparison, 3)
    table = table_of(comparison)
    found = over_time._moments(comparison, table)
    stored = [at.timestamp() for at in Ballot.objects.order_by("pk").values_list("created_at", flat=True)]
    assert found.at.tolist() == stored
    assert np.isnan(found.seconds).all()
    assert found.place.tolist() == [0, 1, 2]


def test_repeats_give_self_consistency_and_no_votes(db):
    comparison = make_comparison(prompts=12, overlap=2, aspects=ONE_ASPECT, state="open")
    people(comparison, 2)
    voted(comparison, 24)
    type(comparison).objects.filter(pk=comparison.pk).update(repeat_share=0.2)
    before = snapshot(comparison)["agreement"][0]
    names = [found["name"] for found in before["coefficients"]]
    assert names[-1] == "human_ceiling"
    repeats = Assignment.objects.order_by("pk")[:8]
    for number, assignment in enumerate(repeats):
        control = Control.objects.create(
            participation=assignment.participation,
            kind="repeat",
            repeated=assignment,
            swapped=True,
            version=1,
            state="submitted",
            lease_until=assignment.lease_until,
        )
        chosen = {"preference": "first" if number < 6 else "second"}
        ControlAnswer.objects.create(control=control, version=1, key=str(number), fingerprint="", choices=chosen)
    comparison.close()
    found = snapshot(comparison)
    assert found["counts"]["votes"] == 24
    consistency = next(each for each in found["agreement"][0]["coefficients"] if each["name"] == "self_consistency")
    assert (consistency["estimate"], consistency["pairs"]) == (0.75, 8)
    low, high = consistency["interval"]
    assert low < 0.75 < high


@pytest.mark.parametrize(("told", "days"), [(True, 5), (False, None)], ids=["told", "untold"])
def test_imported_votes_drift_over_the_days_on_which_they_were_cast(db, told, days):
    row = {"first": "a", "second": "b", "left": "a", "aspect": "preference"}
    rows = [
        row
        | {"prompt": f"p{n}", "assessor": f"w{who}", "choice": "ab"[(n + who) % 3 == 0]}
        | ({"answered_at": f"2026-05-0{1 + n // 5}T1{who}:0{n % 5}:00Z"} if told else {})
        for n in range(25)
        for who in range(5)
    ]
    (over_days,) = (
        each
        for each in snapshot(import_votes(rows, "elsewhere"))["drift"]
        if (each["axis"], each["measure"]) == ("days", "win rate")
    )
    if not told:
        assert over_days["reason"] == "imported votes do not say when they were cast"
        return
    assert over_days["votes"] == len(rows)
    assert int(over_days["points"][-1][0]) == days - 1
