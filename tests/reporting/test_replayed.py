"""Scores that were reckoned elsewhere: what the page says of them is what counting the votes by hand gives."""

import csv
import itertools
import random

import pytest

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Vote
from evalapp.measuring.judging import start, work
from evalapp.reporting.trust import build_trust
from evalapp.reporting.trust_views import as_csv
from tests.factories import make_comparison, make_participation
from tests.reporting.test_review import PREFERENCE
from tests.reporting.test_trust import with_files


@pytest.fixture
def replayed(db, tmp_path, settings):
    """Three contenders, six prompts, votes and whole-numbered scores drawn from fixed seeds, ties among both."""
    comparison = with_files(make_comparison(contenders=3, prompts=6, overlap=3, aspects=PREFERENCE))
    order = {pair: number for number, pair in enumerate(comparison.pairs.order_by("pk").values_list("pk", flat=True))}
    for name in ("alice", "bob", "carol"):
        someone = make_participation(comparison, name)
        while task := next_assignment(someone):
            choice = random.Random(f"{name} {order[task.pair_id]}").choice(("left", "same", "right"))
            if task.swapped:
                choice = {"left": "right", "right": "left"}.get(choice, choice)
            task.submit(dict.fromkeys(comparison.aspects.all(), choice), key=task.code.hex, viewing={})
    rng, path = random.Random(4), tmp_path / "scores.csv"
    scores = {}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sha256", "score"])
        for clip in comparison.clips().order_by("pk"):
            scores[clip.pk] = rng.randint(1, 4)
            writer.writerow([clip.sha256, scores[clip.pk]])
    run = start(
        comparison, "replay", {"path": str(path), "judge": "elsewhere", "aspects": {"preference": {"score": 1}}}
    )
    work(run)
    return comparison, scores


def test_accuracies_under_each_tie_rule_are_those_counted_by_hand(replayed):
    comparison, scores = replayed
    labels, verdicts = [], []
    for pair in comparison.pairs.order_by("pk"):
        cast = list(Vote.objects.filter(ballot__assignment__pair=pair).values_list("choice", flat=True))
        first, second = cast.count("first"), cast.count("second")
        labels.append((first > second) - (first < second))
        verdicts.append(scores[pair.first_id] - scores[pair.second_id])
    both = list(zip(labels, verdicts, strict=True))
    right = sum(label * verdict > 0 for label, verdict in both)
    decided = [verdict for label, verdict in both if label]
    ties = sum(verdict == 0 for verdict in decided)
    assert ties
    assert right < len(decided) < len(both)
    (judge,) = build_trust(comparison)["judges"]
    (row,) = judge["aspects"]
    assert row["decided"]["value"] == pytest.approx((right + ties / 2) / len(decided), abs=1e-6)
    assert row["strict"]["value"] == pytest.approx(right / len(decided), abs=1e-6)
    assert row["dropped"]["value"] == pytest.approx(right / (len(decided) - ties), abs=1e-6)
    won, lost = (
        [v if label > 0 else -v for label, v in both if label],
        [-v if label > 0 else v for label, v in both if label],
    )
    above = sum((a > b) + (a == b) / 2 for a, b in itertools.product(won, lost))
    assert row["auc"]["value"] == pytest.approx(above / len(won) ** 2, abs=1e-6)
    assert sum(map(sum, row["confusion"])) == len(both)
    assert f",{row['strict']['value']}," in as_csv(build_trust(comparison))
