"""The registry of metrics and judges: light to import, helpful when a name is wrong."""

import subprocess
import sys

import pytest

import metrics
from metrics import Metric, load, resolve


def test_a_metric_loads_by_name_when_it_is_used(monkeypatch):
    monkeypatch.setitem(metrics.METRICS, "wilson", Metric("metrics.preference.winrate:wilson", "share", None))
    from metrics.preference.winrate import wilson

    assert load("wilson") is wilson


def test_an_unknown_name_is_an_error_that_names_the_nearest(monkeypatch):
    monkeypatch.setitem(metrics.METRICS, "wilson", Metric("metrics.preference.winrate:wilson", "share", None))
    with pytest.raises(KeyError, match="wilson"):
        load("wilsom")


def test_a_path_of_another_form_or_a_missing_name_is_refused():
    with pytest.raises(ValueError, match=r"package\.module:name"):
        resolve("metrics.preference.winrate.wilson")
    with pytest.raises(ImportError, match="no 'nothing'"):
        resolve("metrics.preference.winrate:nothing")


def test_importing_the_registry_loads_neither_numpy_nor_anything_heavier():
    code = "import sys, metrics; print([m for m in ('numpy', 'scipy', 'torch', 'sklearn') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
