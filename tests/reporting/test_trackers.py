"""A report logged to MLflow or Weights & Biases, by stand-ins that take what the libraries' documented calls take."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from evalapp.assessing.simulate import simulate_votes
from tests.factories import make_comparison


@pytest.fixture
def voted(db):
    comparison = make_comparison(prompts=20)
    simulate_votes(comparison, 5)
    comparison.close()
    return comparison


def mlflow_into(seen):
    @contextmanager
    def start_run(run_name):
        seen["name"] = run_name
        yield SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    return SimpleNamespace(
        start_run=start_run,
        log_params=lambda facts: seen.update(facts=facts),
        log_metrics=lambda numbers: seen.update(numbers=numbers),
        log_artifact=lambda path: seen.setdefault("files", {}).update(
            {path.rpartition("/")[2]: Path(path).read_text()}
        ),
    )


def wandb_into(seen):
    class Artifact:
        def __init__(self, name, type):
            self.files = {}

        def add_file(self, path):
            self.files[path.rpartition("/")[2]] = Path(path).read_text()

    run = SimpleNamespace(
        id="r1",
        log=lambda numbers: seen.update(numbers=numbers),
        log_artifact=lambda artifact: seen.update(files=artifact.files),
        finish=lambda: seen.update(finished=True),
    )

    def init(project, name, config):
        seen.update(name=name, facts=config)
        return run

    return SimpleNamespace(init=init, Artifact=Artifact)


@pytest.mark.parametrize(("tracker", "library"), [("mlflow", mlflow_into), ("wandb", wandb_into)])
def test_a_report_becomes_a_run_with_its_numbers_and_files(voted, tracker, library, monkeypatch, capsys):
    seen = {}
    monkeypatch.setitem(sys.modules, tracker, library(seen))
    call_command("report", voted.name, "--log-to", tracker)
    assert capsys.readouterr().out.strip() == f"logged to {tracker} as run r1"
    snapshot = json.loads(seen["files"]["report.json"])
    row = next(row for row in snapshot["results"] if row["aspect"] == "preference")
    name = f"{row['contenders'][0]}_vs_{row['contenders'][1]}/preference"
    assert seen["numbers"][f"{name}/win_rate"] == row["win_rate"]
    assert [seen["numbers"][f"{name}/low"], seen["numbers"][f"{name}/high"]] == row["interval"]
    assert seen["facts"]["count_simulated_votes"] == snapshot["counts"]["simulated_votes"] > 0
    assert seen["files"]["report.html"].startswith("<!doctype html>")


def test_a_tracker_that_is_not_installed_is_named_with_the_remedy(voted, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(CommandError, match="mlflow is not installed: pip install mlflow-skinny"):
        call_command("report", voted.name, "--log-to", "mlflow")
