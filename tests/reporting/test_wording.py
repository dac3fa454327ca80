"""Frozen sentences of a report, said in the reader's language."""

import ast
import json
import re
from pathlib import Path

import polib
import pytest
from django.utils.translation import override

from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting.build import build, rounded
from evalapp.reporting.presenting import presented
from evalapp.reporting.wording import KNOWN, LATE, TOLD, joined, recognised, said, spoken
from metrics.preference.drivers import NOT_A_CAUSE
from tests.factories import make_comparison, make_participation, make_vote

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = polib.pofile(str(ROOT / "frontend/locale/ru/LC_MESSAGES/django.po"))
RUSSIAN = {entry.msgid: entry.msgstr for entry in CATALOGUE if entry.msgstr and not entry.fuzzy}


def templates():
    """What is passed to `said` in the code of reports, and what libraries are known to say."""
    for path in (ROOT / "evalapp/reporting").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                found = [node.args[0]] if node.args else []
                yield from (each.value for each in found if isinstance(each, ast.Constant))
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "template":
                found = [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
                yield from (text for text in found if " {" in text)
    yield from KNOWN


def test_a_sentence_is_frozen_in_english_with_its_template_beside_it():
    inner = said("{n} prompts, where {least} are the least", n=3, least=20)
    snapshot = rounded({"sentence": said("Too few: {why}.", why=inner), "reason": "no votes", "n": 1})
    assert snapshot["sentence"] == "Too few: 3 prompts, where 20 are the least."
    assert snapshot["reason" + TOLD] == {"say": "no votes", "with": {}}
    assert snapshot["sentence" + TOLD]["with"]["why"]["with"] == {"n": 3, "least": 20}
    json.dumps(snapshot)


def test_a_russian_page_says_the_sentence_in_russian_and_an_english_one_as_it_was_frozen():
    sentence = said("Nobody has answered on {aspect} yet, the aspect that verdicts speak of.", aspect="beauty")
    frozen = rounded({"warnings": [sentence]})
    with override("ru"):
        assert spoken(frozen, {"beauty": "Красота"})["warnings"] == [
            "На аспект «Красота», о котором говорят выводы, ещё никто не ответил."
        ]
    with override("en"):
        assert spoken(frozen, {})["warnings"] == [str(sentence)]


def test_what_libraries_say_is_recognised_with_its_values():
    text = f"one is preferred for its movement and beauty, in spite of its defects{' (' + NOT_A_CAUSE + ').'}"
    assert recognised(text).values == {"winner": "one", "aspects": "movement and beauty", "others": "defects"}
    assert recognised("wins 62 of 100, between 56 and 68").values == {"share": "62", "low": "56", "high": "68"}
    assert recognised("a sentence that nobody knows") is None


def test_a_contender_named_like_a_sentence_stays_a_name():
    told = said("{name} has never been compared: no vote says anything about it.", name="no votes").told
    assert told["with"] == {"name": "no votes"}


@pytest.mark.parametrize("template", sorted({*templates(), *LATE}))
def test_every_sentence_has_its_russian_with_the_same_values(template):
    named = re.findall(r"\{(\w+)\}", template)
    assert sorted(set(re.findall(r"\{(\w+)\}", RUSSIAN[template]))) == sorted(set(named))


def test_parts_are_joined_so_that_each_keeps_its_template():
    parts = [said("{n} votes", n=1), said("{n} votes", n=2)]
    assert joined(parts, " and ") == "1 votes and 2 votes"
    assert joined(parts[:1]).template == "{n} votes"


def test_a_report_in_russian_leaves_no_sentence_of_its_verdicts_in_english(db):
    comparison = make_comparison(contenders=3, prompts=4, overlap=2)
    simulate_votes(comparison, 2)
    comparison.close()
    snapshot = json.loads(build(comparison).snapshot)
    with override("ru"):
        shown = presented(snapshot)
    told = [pairing["verdict"]["sentence"] for pairing in shown["pairings"]]
    told += [pairing["drivers"]["sentence"] for pairing in shown["pairings"]] + shown["warnings"]
    names = "|".join(snapshot["comparison"]["contenders"])
    assert [text for text in told if re.search("[A-Za-z]{3}", re.sub(names, "", text))] == []


def test_a_single_vote_is_not_said_in_the_plural_in_either_language(db):
    comparison = make_comparison(prompts=2, overlap=1)
    make_vote(make_participation(comparison))
    snapshot = json.loads(build(comparison).snapshot)
    assert ", 1 vote)" in snapshot["verdicts"][0]["sentence"]
    with override("ru"):
        assert ", 1 голос)" in presented(snapshot)["pairings"][0]["verdict"]["sentence"]


def test_what_snapshots_hold_in_english_alone_is_told_by_the_page():
    row = {"method": "Bradley-Terry, maximum likelihood, ties as half", "aspect": "x", "rated": []}
    row["reason"] = "covariate 'seconds longer' follows from the contenders: leave it out"
    row["contender"] = "no votes: a ranking needs some"
    with override("ru"):
        told = spoken({"ranking": [row]}, {})["ranking"][0]
    assert told["method"] == "Брэдли — Терри, наибольшее правдоподобие, ничьи как половина"
    assert told["reason"] == "ковариата 'seconds longer' следует из участников: исключите её"
    assert told["contender"] == row["contender"]
    assert recognised(row["method"]) is None, "a snapshot stays as it was"
    with override("en"):
        assert spoken({"ranking": [row]}, {})["ranking"][0] == row
