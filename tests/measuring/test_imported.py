"""Values from elsewhere: held against people as ours are, under their own names; refused whole where a row is wrong."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from evalapp.comparisons.models import Comparison
from evalapp.measuring.imported import ValuesRefused, import_values
from evalapp.measuring.models import SetMeasurement
from evalapp.measuring.results import results_of
from evalapp.reporting.build import build
from evalapp.reporting.presenting import presented
from metrics.following import ranks
from tests.factories import make_comparison

ROOT = Path(__file__).resolve().parents[2]
ROW = {"contender": "end-to-end", "metric": "FVD", "value": "310.5", "better": "lower", "clips": "64"}


def published():
    with (ROOT / "docs/fetv_published.csv").open() as file:
        values = defaultdict(list)
        for row in csv.DictReader(file):
            values[row["metric"], row["system"]].append(float(row["value"]))
    return {key: np.mean(runs) for key, runs in values.items()}


def test_published_fid_and_fvd_do_not_order_four_systems_as_people_do_and_fvd_umt_does(shared_data):
    """FETV (Liu et al., 2023), over the 35 prompts of the data at hand; quality is static and temporal."""
    with (shared_data / "fetv/human_ratings.csv").open() as file:
        ratings = defaultdict(list)
        for row in csv.DictReader(file):
            if row["aspect"] != "alignment":
                ratings[row["system"]].append(int(row["rating"]))
    systems, values = sorted(ratings), published()
    people = np.array([np.mean(ratings[system]) for system in systems])
    found = {
        name: ranks(-np.array([values[name, system] for system in systems]), people)
        for name in ("FID", "FVD", "FVD-UMT")
    }
    assert {name: (round(each.tau, 3), each.rho) for name, each in found.items()} == {
        "FID": (0.0, 0.0),
        "FVD": (-0.333, -0.6),
        "FVD-UMT": (1.0, 1.0),
    }
    assert found["FVD-UMT"].chance == pytest.approx(1 / 24)


def test_imported_figures_stand_in_the_report_beside_votes_made_of_ratings(db, shared_data, capsys):
    fetv = shared_data / "fetv"
    call_command("import_votes", fetv / "human_ratings.csv", name="FETV", ratings=True, prompts=fetv / "prompts.jsonl")
    call_command("import_metrics", "FETV", ROOT / "docs/fetv_published.csv")
    assert "FVD-UMT against people on temporal_quality: τ 1.00, ρ 1.00 over 4 contenders" in capsys.readouterr().out
    snapshot = json.loads(build(Comparison.objects.get()).snapshot)
    by_title = {metric["title"]: metric for metric in snapshot["metrics"]}
    assert {title: len(metric["rows"]) for title, metric in by_title.items()} == {"FID": 4, "FVD": 4, "FVD-UMT": 4}
    row = next(row for row in by_title["FVD"]["rows"] if row["contender"] == "zeroscope")
    assert (row["value"], row["runs"], row["count"]) == (pytest.approx(901.508835, abs=1e-5), 4, 1024)
    taus = {title: {row["aspect"]: row["tau"] for row in metric["following"]} for title, metric in by_title.items()}
    assert taus["FID"] == pytest.approx(
        {"static_quality": -1 / 3, "temporal_quality": 0, "alignment": -1 / 3}, abs=1e-5
    )
    assert taus["FVD"]["alignment"] == pytest.approx(-2 / 3, abs=1e-5)
    shown = presented(snapshot)
    assert [metric["drawn"] for metric in shown["followed"]] == [True] * 3
    assert all("imported from fetv_published.csv" in metric["label"] for metric in shown["sets"])
    with override("ru"):
        russian = presented(snapshot)["sets"]
    assert all(metric["label"].startswith("импортировано из fetv_published.csv, здесь не") for metric in russian)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contender": "end-to-and"}, "it has end-to-end"),
        ({"value": "nan"}, "is not a number"),
        ({"better": "up"}, "write lower or higher"),
        ({"clips": ""}, "has no clips"),
        ({"clips": "0"}, "how many clips"),
        ({"metric": "m" * 60}, "longer than"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_stored(db, change, said):
    comparison = make_comparison()
    with pytest.raises(ValuesRefused, match=f"row 3: .*{said}"):
        import_values(comparison, [ROW, ROW | change], "a file")
    assert not SetMeasurement.objects.exists()


def test_a_metric_that_changes_its_direction_within_a_file_is_refused(db):
    with pytest.raises(ValuesRefused, match="row 3: better, unit or protocol of FVD differ"):
        import_values(make_comparison(), [ROW, ROW | {"better": "higher", "contender": "frame-by-frame"}], "a file")


def test_importing_again_replaces_and_makes_a_new_report(db, tmp_path):
    comparison = make_comparison(state="closed")
    import_values(comparison, [ROW, ROW | {"contender": "frame-by-frame", "value": "1"}], "first")
    before = build(comparison)
    import_values(comparison, [ROW | {"value": "300"}, ROW | {"value": "302"}], "second")
    (metric,) = results_of(comparison)
    assert [(row["contender"], row["value"], row["runs"]) for row in metric["rows"]] == [("end-to-end", 301.0, 2)]
    assert build(comparison) != before
    empty = tmp_path / "empty.csv"
    empty.write_text("contender,metric,value,better,clips\n")
    with pytest.raises(CommandError, match="the file has no rows"):
        call_command("import_metrics", comparison.name, empty)
