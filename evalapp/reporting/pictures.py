"""The figures of a report as PNG and SVG files, drawn by a browser on this machine (kaleido); nothing is downloaded."""

import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

import plotly

from evalapp.reporting.figures import Figure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
WIDTH = 900
KINDS = {"png": 2, "svg": 1}
"""Formats, and how many points stand for one pixel."""


class NoBrowser(RuntimeError):
    """Nothing here can draw figures; the message says what to install."""


def browser() -> str:
    """The browser that BROWSER_PATH names, or the first of the known ones; raises NoBrowser."""
    if named := os.environ.get("BROWSER_PATH"):
        if not shutil.which(named):
            raise NoBrowser(f"BROWSER_PATH={named!r} is no program: set it to a Chromium or Chrome, or unset it")
        return named
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise NoBrowser(
        "figures are drawn by Chromium or Chrome, and none is found: install one (Debian: apt install chromium) or set "
        "BROWSER_PATH to it. On the report's page each figure has buttons that save it without this"
    )


def draw(figures: dict[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as <name>.png and <name>.svg; raises NoBrowser."""
    path = browser()
    folder.mkdir(parents=True, exist_ok=True)
    jobs: list[dict[str, Any]] = [
        {
            "fig": {"data": _numbered(figure["data"]), "layout": figure["layout"]},
            "path": folder / f"{name}.{kind}",
            "opts": {"format": kind, "scale": scale, "width": WIDTH, "height": figure["layout"]["height"]},
        }
        for name, figure in sorted(figures.items())
        for kind, scale in KINDS.items()
    ]
    if jobs:
        import kaleido

        for chatty in ("kaleido", "choreographer"):  # several lines a figure
            logging.getLogger(chatty).setLevel(logging.WARNING)
        script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        kaleido.write_fig_from_object_sync(jobs, kopts={"path": path, "plotlyjs": script, "mathjax": False})
    for job in jobs:
        if job["opts"]["format"] == "svg":
            job["path"].write_text(_same_names(job["path"].read_text(encoding="utf-8")), encoding="utf-8")
    return [job["path"] for job in jobs]


def _numbered(traces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Traces with names of their own within the file, where plotly would draw lots."""
    return [trace | {"uid": f"trace{number}"} for number, trace in enumerate(traces)]


def _same_names(drawing: str) -> str:
    """The SVG with the name that plotly drew by lot for it replaced, so that one figure is always the same bytes."""
    lot = re.search(r'id="defs-(\w+)"', drawing)
    return re.sub(f"(?<=[a-z-]){lot[1]}", "figure", drawing) if lot else drawing
