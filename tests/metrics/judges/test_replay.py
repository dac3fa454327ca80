"""Scores from elsewhere: looked up by file or by name, per clip or per pair, and what is missing stays missing."""

import json

import numpy as np
import pytest

from metrics.judges import UnknownJudge, judge_named
from metrics.judges.asking import ask, told_in_both_orders, told_of_scores
from metrics.judges.interface import JudgeUnavailable, Shown, ShownPair


def clip(contender, sha256=""):
    facts = {"contender": contender, "prompt": "p1", "seed": "0"}
    return Shown(sha256 or f"{contender} file", "a cat", lambda: (np.zeros((1, 8, 8, 3), np.uint8), 1.0), facts=facts)


def replay(path, content, **options):
    path.write_text(content if isinstance(content, str) else "\n".join(json.dumps(row) for row in content))
    return judge_named("replay", {"path": str(path), "judge": "their-model", **options})


def outcomes(judge, items):
    found = dict(ask(judge, items))
    return [found[place] for place in range(len(items))]


def test_scores_of_clips_are_found_by_name_and_by_file_and_give_each_aspect_its_sign(tmp_path):
    text = "contender,prompt,seed,sha256,visual,artefacts\nraft,p1,0,,3.5,0.5\n,,,dory file,2.0,0.1\n"
    aspects = {"beauty": {"visual": 1.0}, "defects": {"artefacts": -1.0}}
    judge = replay(tmp_path / "scores.csv", text, aspects=aspects)
    raft, dory, other = outcomes(judge, [clip("raft"), clip("dory"), clip("other")])
    assert dict(raft.values) == {"visual": 3.5, "artefacts": 0.5}
    assert (other.status, other.reason) == ("skipped", "no row in scores.csv")
    told = told_of_scores(judge.declaration, raft, dory)
    assert told.aspects == pytest.approx({"beauty": 1.5, "defects": -0.4})
    assert judge.declaration.name == "their-model"


def test_scores_of_pairs_are_turned_for_the_other_order_unless_that_is_given_too(tmp_path):
    pair = ShownPair(clip("raft"), clip("dory"))
    row = {"first": "raft", "second": "dory", "prompt": "p1", "seed": 0, "choice": 1}
    judge = replay(tmp_path / "pairs.jsonl", [row])
    forward, turned = outcomes(judge, [pair, pair.turned])
    assert (forward.values["choice"], turned.values["choice"]) == (1.0, -1.0)
    both = replay(tmp_path / "both.jsonl", [row, {**row, "first": "dory", "second": "raft"}])
    told = told_in_both_orders(both.declaration, *outcomes(both, [pair, pair.turned]))
    assert (told.natives, told.inconsistent) == ({"choice": 0.0}, {"choice"})
    assert judge.declaration.settings["both_orders"] is False
    assert "both_orders" not in both.declaration.settings


def test_a_row_that_says_it_was_refused_or_has_no_score_is_not_filled_in(tmp_path):
    rows = [
        {"sha256": "raft file", "visual": "", "status": "refused", "raw": "I will not"},
        {"sha256": "dory file", "visual": None},
        {"sha256": "hull file", "visual": 2},
    ]
    judge = replay(tmp_path / "scores.jsonl", rows)
    raft, dory, hull = outcomes(judge, [clip("raft"), clip("dory"), clip("hull")])
    assert [each.status for each in (raft, dory, hull)] == ["refused", "unparsed", "ok"]
    assert raft.raw == "I will not"


def test_other_scores_are_another_version(tmp_path):
    one = replay(tmp_path / "one.csv", "sha256,visual\na,1\n").declaration
    two = replay(tmp_path / "two.csv", "sha256,visual\na,2\n").declaration
    assert one.version_hash != two.version_hash


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "sha256\na\n", "no column of scores"),
        ("a.csv", "sha256,visual\na,high\n", "row 1: visual is 'high'"),
        ("a.csv", "sha256,visual\na,nan\n", "no finite number"),
        ("a.csv", "sha256,visual\na,1\na,2\n", "twice"),
        ("a.csv", "contender,visual\nraft,1\n", "whose they are"),
        ("a.csv", "sha256,visual,status\na,1,fine\n", "status 'fine'"),
        ("a.csv", "sha256,visual\na,1\nb,2,3\n", "line 3 has more cells"),
        ("a.jsonl", '{"sha256": "a", "visual": 1}\n{"sha', "line 2 is no JSON"),
        ("a.jsonl", "[1]", "entry 1 of the list is no JSON object"),
    ],
)
def test_a_file_that_is_not_as_told_is_refused_by_line(tmp_path, name, content, told):
    with pytest.raises(JudgeUnavailable, match=told):
        replay(tmp_path / name, content)


def test_a_missing_file_or_column_or_option_is_named(tmp_path):
    with pytest.raises(JudgeUnavailable, match="No such file"):
        judge_named("replay", {"path": str(tmp_path / "none.csv"), "judge": "x"})
    with pytest.raises(JudgeUnavailable, match=r"no column 'glamour' for beauty: visual"):
        replay(tmp_path / "a.csv", "sha256,visual\na,1\n", aspects={"beauty": {"glamour": 1}})
    with pytest.raises(UnknownJudge, match="path"):
        judge_named("replay", {"judge": "x"})
