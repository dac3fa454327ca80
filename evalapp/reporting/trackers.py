"""A report as a run of an experiment tracker: MLflow or Weights & Biases, each installed only by those who use it."""

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evalapp.reporting.exports import as_html, as_json
from evalapp.reporting.models import Report

HINT = {
    "mlflow": "pip install mlflow-skinny, and set MLFLOW_TRACKING_URI",
    "wandb": "pip install wandb, and run wandb login",
}


class NoTracker(Exception):
    """The tracker's library is not installed; the message says what to type."""


def log(report: Report, tracker: str) -> str:
    """Log win rates with intervals, their counts, and the report as files; returns the run's id. Raises NoTracker."""
    try:
        library = importlib.import_module(tracker)
    except ImportError as error:
        raise NoTracker(f"{tracker} is not installed: {HINT[tracker]}") from error
    snapshot = json.loads(report.snapshot)
    with TemporaryDirectory() as folder:
        files = [Path(folder) / "report.html", Path(folder) / "report.json"]
        files[0].write_text(as_html(report), encoding="utf-8")
        files[1].write_text(as_json(report), encoding="utf-8")
        return TRACKERS[tracker](library, report.comparison.name, _facts(report, snapshot), _numbers(snapshot), files)


def _facts(report: Report, snapshot: dict[str, Any]) -> dict[str, Any]:
    counts = {f"count_{key}": value for key, value in snapshot["counts"].items() if isinstance(value, int)}
    return {"comparison": str(report.comparison.code), "inputs": report.inputs} | counts


def _numbers(snapshot: dict[str, Any]) -> dict[str, float]:
    """Win rates of the first contender of each pairing, with the interval for new assessors, by tracker-safe names."""
    found = {}
    for row in snapshot["results"]:
        name = "/".join(_plain(part) for part in ("_vs_".join(row["contenders"]), row["aspect"]))
        if row["win_rate"] is not None:
            found[f"{name}/win_rate"] = row["win_rate"]
        if row["interval"]:
            found[f"{name}/low"], found[f"{name}/high"] = row["interval"]
        found[f"{name}/votes"] = float(row["votes"])
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^\w\-. ]", "_", text)


def _mlflow(mlflow: Any, name: str, facts: dict[str, Any], numbers: dict[str, float], files: list[Path]) -> str:
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params(facts)
        mlflow.log_metrics(numbers)
        for file in files:
            mlflow.log_artifact(str(file))
        return str(run.info.run_id)


def _wandb(wandb: Any, name: str, facts: dict[str, Any], numbers: dict[str, float], files: list[Path]) -> str:
    run = wandb.init(project="visavis", name=name, config=facts)
    try:
        run.log(numbers)
        artifact = wandb.Artifact(f"report-{facts['inputs'][:12]}", type="report")
        for file in files:
            artifact.add_file(str(file))
        run.log_artifact(artifact)
        return str(run.id)
    finally:
        run.finish()


TRACKERS: dict[str, Callable[..., str]] = {"mlflow": _mlflow, "wandb": _wandb}
