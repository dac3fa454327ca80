"""`visavis measure …`: having a comparison's clips measured, following it, and what the measures say."""

import argparse
from typing import Any

from visavis.client import Json, Visavis


def add_measuring(verbs: Any) -> None:
    """Add the verb with its own verbs."""
    ways = verbs.add_parser("measure", help="automatic measures of clips and of sets of them").add_subparsers(
        required=True, metavar="WAY"
    )
    start = ways.add_parser("start", help="have a worker measure; what was measured before is not measured again")
    start.add_argument("comparison", metavar="COMPARISON")
    start.add_argument(
        "--metric", action="append", default=[], metavar="NAME", help="again for more; default: all without weights"
    )
    start.add_argument("--reference", default="", metavar="CONTENDER", help="sets are held against its clips")
    start.add_argument(
        "--wait", action="store_true", help="until it has ended; exit code 2 where it was not done whole"
    )
    start.set_defaults(act=_start)

    status = ways.add_parser("status", help="how many files wait, and the newest runs")
    status.add_argument("comparison", metavar="COMPARISON")
    status.set_defaults(act=_status)

    cancel = ways.add_parser("cancel", help="measure no more; values so far are kept")
    cancel.add_argument("run", metavar="RUN")
    cancel.set_defaults(act=lambda server, asked: print(_said(server.cancel_measuring(asked.run))))

    show = ways.add_parser("show", help="each contender's values with their intervals, as the report has them")
    show.add_argument("comparison", metavar="COMPARISON")
    show.set_defaults(act=_show)


def _start(server: Visavis, asked: argparse.Namespace) -> int:
    run = server.measure(server.find(asked.comparison)["code"], asked.metric, asked.reference)
    if asked.wait:
        run = server.wait_until_measured(run["code"])
    print(_said(run))
    return 0 if run["state"] in ("queued", "running", "done") and not run["reason"] else 2


def _status(server: Visavis, asked: argparse.Namespace) -> None:
    found = server.measurements(server.find(asked.comparison)["code"])
    print(f"{found['clips']} clips; {found['files_waiting']} files lack measures that need no weights")
    for run in found["runs"]:
        print(_said(run))


def _said(run: Json) -> str:
    against = f" against {run['reference']}" if run["reference"] else ""
    reason = "".join(f"\n  {line}" for line in run["reason"].splitlines())
    count = f"{len(run['metrics'])} measures{against}"
    return f"{run['code']}\t{run['state']}\t{run['done']} of {run['total']}\t{count}{reason}"


def _show(server: Visavis, asked: argparse.Namespace) -> None:
    found = server.report(server.find(asked.comparison)["code"])
    numbers = ("value", "low", "high", "as published", "count", "missing")
    print("\t".join(("metric", "contender", *numbers, "unit", "against", "version", "beside it")))
    for metric in found["metrics"]:
        for row in metric["rows"]:
            low, high = row["interval"] or (None, None)
            told = (row["value"], low, high, row.get("plain"), row["count"], row["missing"])
            cells = ["" if each is None else f"{each:.6g}" for each in told]
            beside = "; ".join(filter(None, (metric["label"], row["reason"])))
            of = (metric["unit"], metric.get("reference", ""), metric["version"], beside)
            print("\t".join((metric["metric"], row["contender"], *cells, *of)))
