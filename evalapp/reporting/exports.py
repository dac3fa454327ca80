"""The snapshot as files: JSON, CSV, Parquet, and one HTML page that needs nothing else. The same snapshot gives the
same bytes, but for the canary of whoever took it (evalapp.people.harvest), which each format has a place for."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import plotly
from django.conf import settings
from django.template.loader import render_to_string

from evalapp.assessing.exchange import safe_cell
from evalapp.reporting.models import Report
from evalapp.reporting.presenting import presented

COLUMNS = (
    *("first", "second", "aspect", "votes", "wins", "ties", "both_bad", "losses", "prompts", "assessors"),
    *("win_rate", "interval_low", "interval_high", "interval_same_assessors_low", "interval_same_assessors_high"),
    *("weighted_win_rate", "weighted_interval_low", "weighted_interval_high"),
    *("p_value", "p_value_adjusted", "too_few", "sides_fixed", "reason", "simulated_votes_in_comparison"),
)


def as_json(report: Report, canary: str = "") -> str:
    return json_of(json.loads(report.snapshot), canary)


def json_of(snapshot: dict[str, Any], canary: str = "") -> str:
    marked = snapshot | {"canary": canary} if canary else snapshot
    return json.dumps(marked, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def csv_of(columns: Iterable[str], rows: Iterable[dict[str, Any]], canary: str = "") -> str:
    """A table that no spreadsheet runs; a canary stands in a last column of its own."""
    file = io.StringIO()
    writer = csv.DictWriter(file, [*columns, *(["canary"] if canary else [])], restval=canary)
    writer.writeheader()
    for row in rows:
        writer.writerow({column: safe_cell(row.get(column)) for column in columns})
    return file.getvalue()


def rows_of(snapshot: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per pairing and aspect; win rates are those of `first`, from 0 to 1."""
    for row in snapshot["results"]:
        cells = row | dict(zip(("first", "second"), row["contenders"], strict=True))
        for key in ("interval", "interval_same_assessors", "weighted_interval"):
            cells[f"{key}_low"], cells[f"{key}_high"] = row[key] or (None, None)
        cells["simulated_votes_in_comparison"] = snapshot["counts"]["simulated_votes"]
        yield {column: cells.get(column) for column in COLUMNS}  # an older report knows fewer


def as_csv(report: Report, canary: str = "") -> str:
    return csv_of(COLUMNS, rows_of(json.loads(report.snapshot)), canary)


def as_parquet(report: Report, canary: str = "") -> bytes:
    """The rows of the CSV, typed."""
    from evalapp.reporting.parquet import results

    return results(list(rows_of(json.loads(report.snapshot))), canary)


def as_html(report: Report, canary: str = "") -> str:
    """One page with its styles, scripts and data in it."""
    static = Path(settings.BASE_DIR) / "frontend" / "static"
    bundle = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    context: dict[str, Any] = presented(json.loads(report.snapshot)) | {
        "css": (static / "css" / "app.css").read_text() + (static / "css" / "report.css").read_text(),
        "plotly": bundle.read_text().replace("</script", "<\\/script"),
        "script": (static / "js" / "report.js").read_text(),
        "file": True,
        "canary": canary,
    }
    return render_to_string("reporting/report_file.html", context)


FORMATS: dict[str, Callable[[Report, str], str | bytes]] = {
    **{"json": as_json, "csv": as_csv, "html": as_html, "parquet": as_parquet},
}
