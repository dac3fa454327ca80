"""`visavis report|explore|pairs|league`: what votes say, of all of them or some, and the pairs behind a number."""

import argparse
import json
from pathlib import Path
from typing import Any

from visavis.client import Json, Visavis
from visavis.members import ROLES, project_of

STANDINGS = ("trusted", "watched", "excluded")


def add_reading(verbs: Any) -> None:
    """Add the verbs."""
    report = _of_comparison(verbs, "report", "the verdicts, of the votes there are now")
    report.add_argument("--json", action="store_true", help="the whole snapshot")
    report.add_argument("--file", type=Path, help="write it to this .html, .csv, .parquet or .json instead")
    report.set_defaults(act=_report)

    explore = _of_comparison(verbs, "explore", "the verdicts of some of the votes, marked exploratory")
    _add_filters(explore)
    explore.add_argument("--json", action="store_true", help="the whole snapshot")
    explore.set_defaults(act=_explore)

    pairs = _of_comparison(verbs, "pairs", "the pairs behind a number with each vote, a JSON object a line")
    pairs.add_argument("--aspect", default="preference", help="or * for all (default: preference)")
    pairs.add_argument("--between", nargs=2, default=[], metavar=("FIRST", "SECOND"), help="of these two contenders")
    pairs.add_argument("--contender", default="", help="with clips of this one")
    pairs.add_argument("--choice", default="", help="first, second, tie, decided, both_bad, single or corrected")
    pairs.add_argument("--of-tag", default="", metavar="TAG", help="of the prompt")
    pairs.add_argument("--by", default="", metavar="CODE", help="with votes of this assessor")
    pairs.add_argument("--group", default="", help="that the report found, as its page names it: found_slices.0")
    pairs.add_argument("--skip", default="", metavar="REASON", help="skipped for this reason")
    pairs.add_argument("--left-out", action="store_true", help="left out, since a clip was missing")
    pairs.add_argument("--everyone", action="store_true", help="votes of excluded assessors too")
    _add_filters(pairs)
    pairs.set_defaults(act=_pairs)

    league = verbs.add_parser("league", help="contenders of all comparisons of a project in one ranking")
    league.add_argument("--json", action="store_true", help="the whole snapshot")
    league.set_defaults(act=_league)


def _of_comparison(verbs: Any, verb: str, told: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = verbs.add_parser(verb, help=told)
    one.add_argument("comparison", metavar="COMPARISON")
    return one


def _add_filters(one: argparse.ArgumentParser) -> None:
    one.add_argument("--tag", action="append", help="of the prompt; again for more")
    one.add_argument("--assessor", action="append", metavar="CODE", help="again for more")
    one.add_argument("--since", metavar="DAY", help="answered on that day (UTC) or later")
    one.add_argument("--until", metavar="DAY", help="or before")
    one.add_argument("--voters", choices=("people", "programs"))
    one.add_argument("--standing", action="append", choices=STANDINGS, help="of the assessor now; again for more")


def _filters(asked: argparse.Namespace, prefix: str = "") -> dict[str, list[str]]:
    names = ("tag", "assessor", "since", "until", "voters", "standing")
    given = {name: getattr(asked, name) for name in names}
    return {prefix + name: [each] if isinstance(each, str) else each for name, each in given.items() if each}


def _report(server: Visavis, asked: argparse.Namespace) -> None:
    code = server.find(asked.comparison)["code"]
    if asked.file:
        asked.file.write_bytes(server.report_file(code, asked.file.suffix.removeprefix(".")))
    else:
        _say(server.report(code), asked.json)


def _explore(server: Visavis, asked: argparse.Namespace) -> None:
    found = server.find(asked.comparison)
    _say(server.once_counted(f"comparisons/{found['code']}/exploration/", query=_filters(asked)), asked.json)


def _say(snapshot: Json, whole: bool) -> None:
    if whole:
        print(json.dumps(snapshot, ensure_ascii=False, sort_keys=True))
        return
    if snapshot["counts"]["simulated_votes"]:
        print(f"Of {snapshot['counts']['votes']} votes, programs cast {snapshot['counts']['simulated_votes']}.")
    for verdict in snapshot["verdicts"]:
        print(verdict["sentence"])


def _pairs(server: Visavis, asked: argparse.Namespace) -> None:
    first, second = asked.between or ("", "")
    given = {name: getattr(asked, name) for name in ("aspect", "contender", "choice", "group", "skip")}
    given |= {"first": first, "second": second, "tag": asked.of_tag, "assessor": asked.by}
    given |= {name: "1" for name in ("left_out", "everyone") if getattr(asked, name)}
    query = {name: each for name, each in given.items() if each} | _filters(asked, "only_")
    for each in server.pages(f"comparisons/{server.find(asked.comparison)['code']}/pairs/", **query):
        print(json.dumps(each, ensure_ascii=False))


def _league(server: Visavis, asked: argparse.Namespace) -> None:
    found = server.once_counted(f"projects/{project_of(server, asked.within, ROLES)}/league/")
    if asked.json:
        print(json.dumps(found, ensure_ascii=False, sort_keys=True))
        return
    for row in found["aspects"]:
        for each in row["rated"]:
            ends = "" if each["interval"] is None else "{:.0f} to {:.0f}".format(*each["interval"])
            cells = (row["aspect"], each["contender"], f"{each['rating']:.0f}", ends, f"{each['votes']} votes")
            print("\t".join(cells))
        if row["reason"]:
            print(f"{row['aspect']}\t{row['reason']}")
