"""`visavis plan|edit|make|templates|forecast|sample|alike`: what helps to plan a comparison."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from visavis.client import Visavis
from visavis.keeping import in_project, show

NUMBERS: dict[str, tuple[type, str]] = {
    "seeds": (int, "clips per contender and prompt"),
    "overlap": (int, "assessors per pair"),
    "assessors": (int, "in all"),
    "effect": (int, "of 100, that you care about"),
    "vote_seconds": (float, "per pair"),
    "pay": (float, "per hour of assessors"),
    "machine": (float, "price per hour of a worker"),
}
"""What a forecast assumes: its type and what it is; the server has defaults."""


def add_planning(verbs: Any) -> None:
    """Add the verbs."""
    plan = verbs.add_parser("plan", help="a comparison's plan as JSON, to be edited, sent by edit, or made again")
    plan.add_argument("comparison", metavar="COMPARISON")
    plan.set_defaults(act=_plan)
    for verb, told in (("edit", "plan a draft anew"), ("make", "make a comparison of a plan")):
        one = verbs.add_parser(verb, help=told)
        if verb == "edit":
            one.add_argument("comparison", metavar="COMPARISON")
        one.add_argument("plan", type=Path, metavar="FILE", help="as plan prints it")
        one.add_argument("--launch", action="store_true", help="and launch it; without, it stays a draft")
        one.set_defaults(act=_edit if verb == "edit" else _make)

    ways = verbs.add_parser("templates", help="plans to start others from").add_subparsers(required=True, metavar="WAY")
    ways.add_parser("list", help="which there are").set_defaults(act=_templates)
    keep = ways.add_parser("keep", help="keep a comparison's plan; a known name is overwritten")
    keep.add_argument("name")
    keep.add_argument("comparison", metavar="COMPARISON")
    keep.set_defaults(act=_keep)
    remove = ways.add_parser("remove", help="nothing starts from it any more")
    remove.add_argument("number", type=int)
    remove.set_defaults(act=lambda server, asked: server.call("DELETE", f"templates/{asked.number}/"))

    foresee = verbs.add_parser("forecast", help="how wide intervals will be, what it takes and costs")
    foresee.add_argument("prompt_set", type=int, metavar="PROMPT_SET", help="its number")
    foresee.add_argument("contenders", nargs="+", metavar="CONTENDER")
    for name, (kind, told) in NUMBERS.items():
        foresee.add_argument(f"--{name.replace('_', '-')}", type=kind, help=told)
    foresee.add_argument("--pilot", metavar="COMPARISON", help="a closed one: its votes tell how much votes vary")
    foresee.add_argument("--pairing", nargs=2, metavar=("FIRST", "SECOND"), help="of the pilot (default: its first)")
    foresee.set_defaults(act=_forecast)

    sample = verbs.add_parser("sample", help="a smaller prompt set with an even share of every kind")
    sample.add_argument("prompt_set", type=int, metavar="PROMPT_SET", help="its number")
    sample.add_argument("count", type=int)
    sample.add_argument("--name", default="")
    sample.set_defaults(act=_sample)

    alike = verbs.add_parser("alike", help="prompts of a set that say the same, in whichever languages")
    alike.add_argument("prompt_set", type=int, metavar="PROMPT_SET", help="its number")
    alike.set_defaults(act=_alike)


def _plan(server: Visavis, asked: argparse.Namespace) -> None:
    show(server.call("GET", f"comparisons/{server.find(asked.comparison)['code']}/plan/"))


def _read(path: Path, launch: bool) -> dict[str, Any]:
    plan = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    if not isinstance(plan, dict):
        raise ValueError(f"{path}: a plan is one JSON object")
    return plan | {"launch": launch}


def _edit(server: Visavis, asked: argparse.Namespace) -> None:
    code = server.find(asked.comparison)["code"]
    told = server.call("PUT", f"comparisons/{code}/", _read(asked.plan, asked.launch))
    print(f"{told['name']}: {told['state']}")


def _make(server: Visavis, asked: argparse.Namespace) -> None:
    told = server.call("POST", "comparisons/", _read(asked.plan, asked.launch))
    print(f"{told['name']}: {told['code']}")


def _templates(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.pages(in_project(server, asked, "templates/")):
        print(f"{each['number']}\t{each['name']}\t{each['created_by']}")


def _keep(server: Visavis, asked: argparse.Namespace) -> None:
    body = {"name": asked.name, "comparison": server.find(asked.comparison)["code"]}
    server.call("POST", in_project(server, asked, "templates/"), body)


def _forecast(server: Visavis, asked: argparse.Namespace) -> None:
    assumed = {name: value for name in NUMBERS if (value := getattr(asked, name)) is not None}
    body = {"contenders": asked.contenders, "prompt_set": asked.prompt_set} | assumed
    if asked.pilot:
        body["pilot"] = server.find(asked.pilot)["code"]
    if asked.pairing:
        body["pairing"] = asked.pairing
    show(server.call("POST", in_project(server, asked, "forecast/"), body))


def _sample(server: Visavis, asked: argparse.Namespace) -> None:
    drawn = server.sample(asked.prompt_set, asked.count, asked.name)
    print(f"{drawn['name']}: {drawn['prompt_set']}")
    for each in drawn["groups"]:
        print(f"{each['drawn']} of {each['prompts']}\t{each['about']}")


def _alike(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.alike(asked.prompt_set):
        print(f"{each['cosine']:.2f}\t{each['first']}\t{each['second']}")
