"""`visavis assessors|rules|goldens|queues …`: who answers how, known answers, when workers rest."""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from visavis.client import Visavis


def add_overseeing(verbs: Any) -> None:
    """Add the verbs with their own verbs."""
    ways = _ways(verbs, "assessors", "everyone's standing; leave votes out, count them again, pause")
    listed = ways.add_parser("list", help="who takes part, their standing and why")
    listed.add_argument("comparison", metavar="COMPARISON")
    listed.set_defaults(act=_assessors)
    for verb, told in (("exclude", "leave their votes out"), ("readmit", "count their votes again")):
        one = _of_assessor(ways, verb, told)
        one.add_argument("--reason", required=True, help="reports show it")
    _of_assessor(ways, "pause", "no new pair for them")
    _of_assessor(ways, "resume", "pairs again")
    _of_assessor(ways, "data", "everything stored of them, to hand to them").set_defaults(act=_data)
    forget = _of_assessor(ways, "forget", "erase the person; their votes stay without a name")
    forget.add_argument("--sure", action="store_true", required=True, help="it cannot be undone")
    forget.set_defaults(act=_forget)

    ways = _ways(verbs, "rules", "when a look at an assessor's work fires, and what follows")
    listed = ways.add_parser("list", help="as they are")
    listed.add_argument("comparison", metavar="COMPARISON")
    listed.set_defaults(act=_rules)
    change = ways.add_parser("set", help="change one; everyone is looked at anew")
    change.add_argument("comparison", metavar="COMPARISON")
    change.add_argument("rule", metavar="RULE", help="as list prints it")
    change.add_argument("--threshold", type=int, metavar="PERCENT")
    change.add_argument("--least", type=int, metavar="PAIRS", help="that it needs")
    change.add_argument("--consequence", choices=("off", "watch", "goldens", "pause", "exclude"))
    change.set_defaults(act=_set_rule)

    ways = _ways(verbs, "goldens", "pairs with a known answer")
    listed = ways.add_parser("list", help="what there is")
    listed.add_argument("comparison", metavar="COMPARISON")
    listed.set_defaults(act=_goldens)
    make = ways.add_parser("make", help="have a worker damage clips in one aspect each")
    make.add_argument("comparison", metavar="COMPARISON")
    make.add_argument("--per-aspect", type=int, default=4)
    make.add_argument("--aspect", action="append", default=[], help="again for more; default: all it can damage")
    make.add_argument("--use", choices=USES, default="work")
    make.set_defaults(act=_make)
    name = ways.add_parser("name", help="name known answers: CSV with prompt_id, first, second, aspect, choice")
    name.add_argument("comparison", metavar="COMPARISON")
    name.add_argument("file", type=Path, metavar="FILE")
    name.add_argument("--use", choices=USES, default="work")
    name.set_defaults(act=_name)
    withdraw = ways.add_parser("withdraw", help="hand one out to nobody new")
    withdraw.add_argument("comparison", metavar="COMPARISON")
    withdraw.add_argument("number", type=int)
    withdraw.set_defaults(act=_withdraw)

    ways = _ways(verbs, "queues", "queues of workers")
    ways.add_parser("list", help="what waits, and what rests").set_defaults(act=_queues)
    for verb, told in (("pause", "start nothing new"), ("resume", "go on")):
        one = ways.add_parser(verb, help=told)
        one.add_argument("hardware", metavar="QUEUE")
        one.set_defaults(act=_change_queue, paused=verb == "pause")
    hours = ways.add_parser("hours", help="quiet hours in the house's time zone; without both ends none")
    hours.add_argument("hardware", metavar="QUEUE")
    hours.add_argument("--from", dest="quiet_from", metavar="HH:MM")
    hours.add_argument("--until", dest="quiet_until", metavar="HH:MM")
    hours.set_defaults(act=_change_queue)


USES = ("work", "training", "qualification")


def _ways(verbs: Any, name: str, told: str) -> Any:
    return verbs.add_parser(name, help=told).add_subparsers(required=True, metavar="WAY")


def _of_assessor(ways: Any, verb: str, told: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = ways.add_parser(verb, help=told)
    one.add_argument("comparison", metavar="COMPARISON")
    one.add_argument("assessor", metavar="CODE")
    one.set_defaults(act=_act, verb=verb)
    return one


def _at(server: Visavis, asked: argparse.Namespace, of: str) -> str:
    return f"comparisons/{server.find(asked.comparison)['code']}/{of}/"


def _assessors(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.pages(_at(server, asked, "assessors")):
        name = each["name"] or "–"
        print("\t".join([each["code"], name, each["standing"], "; ".join(each["reasons"])]).rstrip())


def _act(server: Visavis, asked: argparse.Namespace) -> None:
    body = {"reason": asked.reason} if "reason" in asked else None
    told = server.call("POST", _at(server, asked, f"assessors/{asked.assessor}/{asked.verb}"), body)
    print(f"{told['name'] or told['code']}: {told['standing']}{', paused' if told['paused_at'] else ''}")


def _data(server: Visavis, asked: argparse.Namespace) -> None:
    found = server.call("GET", _at(server, asked, f"assessors/{asked.assessor}/data"))
    print(json.dumps(found, indent=2, ensure_ascii=False))


def _forget(server: Visavis, asked: argparse.Namespace) -> None:
    told = server.call("DELETE", _at(server, asked, f"assessors/{asked.assessor}/data") + "?sure=yes")
    print(f"forgotten; their votes stay under {told['code']}")


def _rules(server: Visavis, asked: argparse.Namespace) -> None:
    for name, rule in server.call("GET", _at(server, asked, "rules")).items():
        print(f"{name}\t{rule['threshold']} %\tfrom {rule['least']} pairs\t{rule['consequence']}")


def _set_rule(server: Visavis, asked: argparse.Namespace) -> None:
    there = server.call("GET", _at(server, asked, "rules"))
    if asked.rule not in there:
        raise ValueError(f"there is no rule {asked.rule!r}; there are {', '.join(there)}")
    names = ("threshold", "least", "consequence")
    wanted = {name: value for name in names if (value := getattr(asked, name)) is not None}
    server.call("PATCH", _at(server, asked, "rules"), {asked.rule: there[asked.rule] | wanted})


def _goldens(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.pages(_at(server, asked, "goldens")):
        right = ", ".join(f"{aspect} {choice}" for aspect, choice in each["answers"].items())
        withdrawn = " (withdrawn)" if each["withdrawn"] else ""
        print(f"{each['number']}\t{each['use']}\t{each['prompt']}\t{each['damage'] or 'known'}\t{right}{withdrawn}")


def _make(server: Visavis, asked: argparse.Namespace) -> None:
    body = {"aspects": asked.aspect, "per_aspect": asked.per_aspect, "use": asked.use}
    told = server.call("POST", _at(server, asked, "golden-orders"), body)
    print(f"order {told['number']}: {told['state']}")


def _name(server: Visavis, asked: argparse.Namespace) -> None:
    with asked.file.open(encoding="utf-8-sig", newline="") as file:
        rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
    told = server.call("POST", _at(server, asked, "goldens"), {"known": rows, "use": asked.use})
    print(f"{len(told['goldens'])} pairs with known answers are taken")


def _withdraw(server: Visavis, asked: argparse.Namespace) -> None:
    server.call("DELETE", _at(server, asked, f"goldens/{asked.number}"))


_REFUSES = {
    "behind": "its code is newer than the database: run `manage.py migrate`, or start it with the house's version",
    "full": "its disk is full: free some space under the media folder",
}


def _queues(server: Visavis, asked: argparse.Namespace) -> None:
    for each in server.pages("queues/"):
        heard = [worker for worker in each["workers"] if worker["heard"]]
        state = f"{'rests' if each['rests'] else 'works'}\t{each['waiting']} clips wait\t{len(heard)} workers"
        print(f"{each['hardware']}\t{state}")
        for worker in heard:
            if worker["refuses"]:
                print(f"  {worker['name']} renders nothing: {_REFUSES[worker['refuses']]}")


def _change_queue(server: Visavis, asked: argparse.Namespace) -> None:
    names = ("paused", "quiet_from", "quiet_until")
    told = server.call("PATCH", f"queues/{asked.hardware}/", {n: getattr(asked, n) for n in names if n in asked})
    quiet = f", quiet from {told['quiet_from']} until {told['quiet_until']}" if told["quiet_from"] else ""
    print(f"{told['hardware']}: {'rests' if told['rests'] else 'works'}{quiet}")
