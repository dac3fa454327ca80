"""`visavis train-judge …`: having the team's own judge trained on votes, following it, and its card."""

import argparse
from typing import Any

from visavis.client import Json, Visavis


def add_training(verbs: Any) -> None:
    """Add the verb."""
    train = verbs.add_parser("train-judge", help="have a worker train the team's own judge on votes")
    train.add_argument("comparisons", metavar="COMPARISON", nargs="*")
    train.add_argument("--name", default="own", help="of the judge; one of that name is replaced (default: own)")
    train.add_argument(
        "--features", action="append", default=[], metavar="EXTRACTOR", help="besides signal measures; again for more"
    )
    train.add_argument("--hidden", type=int, default=0, metavar="WIDTH", help="of a hidden layer; 0: none")
    train.add_argument("--mesa", type=float, default=0.0, metavar="WEIGHT", help="of that regularisation; 0: none")
    train.add_argument("--wait", action="store_true", help="until it has ended; exit code 2 where it was not done")
    train.add_argument("--status", action="store_true", help="the trainings of each COMPARISON; none is begun")
    train.add_argument("--cancel", metavar="RUN", help="a training that was begun; no judge comes of it")
    train.set_defaults(act=_train)


def _train(server: Visavis, asked: argparse.Namespace) -> int:
    if asked.cancel:
        print(_said(server.cancel_training(asked.cancel)))
        return 0
    if not asked.comparisons:
        raise ValueError("name a COMPARISON whose votes the judge learns from")
    code, *others = [server.find(name)["code"] for name in asked.comparisons]
    if asked.status:
        for each in (code, *others):
            for run in server.trainings(each):
                print(_said(run))
        return 0
    run = server.train_judge(code, asked.name, others, asked.features, hidden=asked.hidden, mesa=asked.mesa)
    if asked.wait:
        run = server.wait_until_trained(run["code"])
    print(_said(run))
    return 0 if run["state"] in ("queued", "running", "done") else 2


def _said(run: Json) -> str:
    reason = f": {run['reason']}" if run["reason"] else ""
    line = f"{run['code']}\t{run['name']}\t{run['state']}{reason}; {run['done']} of {run['total']} readings of clips"
    return "\n".join((line, *_card(run.get("card"))))


def _card(card: Json | None) -> list[str]:
    if not card:
        return []
    simulated = f", {card['simulated_votes']} of them SIMULATED" if card["simulated_votes"] else ""
    lines = [f"{card['votes']} votes{simulated}, {card['prompts']} prompts; on held-out prompts:"]
    for row in card["scores"]:
        share = row["accuracy"]
        value = share["reason"] if share["value"] is None else f"{share['value']:.3f}"
        ends = "" if share["low"] is None else f" [{share['low']:.3f}, {share['high']:.3f}]"
        lines.append(f"  {row['aspect']}: {row['method']} {value}{ends} of {share['count']} decided votes")
    return lines
