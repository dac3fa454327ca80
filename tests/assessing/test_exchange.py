"""Votes as a table: what goes out comes in again as the same votes, and bad rows are all named."""

import csv
import io
from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.exchange import export_votes, plain_cell, safe_cell
from evalapp.assessing.intake import VotesRefused, import_votes
from evalapp.assessing.models import Assignment, Ballot, Vote
from evalapp.comparisons.models import Comparison
from tests.factories import make_comparison, make_participation

ROW = {
    "prompt_id": "p1",
    "first": "a",
    "second": "b",
    "left": "a",
    "assessor": "ann",
    "aspect": "beauty",
    "choice": "first",
}


def rows_of(comparison, **options):
    file = io.StringIO()
    export_votes(comparison, file, **options)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def vote_all(comparison, choices=("left", "same", "right")):
    for n, name in enumerate(("alice", "bob")):
        participation, turn = make_participation(comparison, name=name), n
        while assignment := next_assignment(participation):
            turn += 1
            answers = {aspect: choices[(turn + aspect.position) % 3] for aspect in comparison.aspects.all()}
            assignment.submit(answers, key=assignment.code.hex, viewing={})


def tally(rows):
    return Counter(
        (row["prompt_id"], row["first"], row["second"], row["left"], row["aspect"], row["choice"]) for row in rows
    )


def test_exported_votes_come_in_again_as_the_same_votes(db):
    comparison = make_comparison(contenders=3, prompts=3, overlap=2)
    vote_all(comparison)
    out = rows_of(comparison)
    again = import_votes(out, "again")
    assert len(out) == Vote.objects.of(comparison).count() == 3 * 3 * 2 * comparison.aspects.count()
    assert tally(rows_of(again)) == tally(out)
    assert [row["answered_at"] for row in rows_of(again)] == [row["answered_at"] for row in out]


def test_imported_votes_are_of_the_day_they_were_answered_on(db):
    row = {"prompt": "a dog", "first": "a", "second": "b", "aspect": "beauty", "choice": "a"}
    told = {"ann": "2026-05-31T23:30:00-02:00", "bea": "2026-05-31", "cat": ""}
    imported = import_votes([row | {"assessor": who, "answered_at": at} for who, at in told.items()], "then")
    ballots = Ballot.objects.filter(assignment__pair__comparison=imported).order_by("pk")
    assert [f"{each.created_at:%F %T}" for each in ballots[:2]] == ["2026-06-01 01:30:00", "2026-05-31 00:00:00"]
    assert abs(timezone.now() - ballots[2].created_at) < timedelta(minutes=1)
    assert [each.assignment.closed_at == each.created_at for each in ballots[:2]] == [True, True]


def test_a_time_that_is_none_or_is_still_to_come_is_refused(db):
    row = {"prompt": "a dog", "first": "a", "second": "b", "assessor": "ann", "aspect": "beauty", "choice": "a"}
    rows = [row | {"answered_at": at} for at in ("yesterday", "9999-01-01T00:00:00")]
    with pytest.raises(VotesRefused) as refused:
        import_votes(rows, "then")
    assert refused.value.problems == [
        "row 2: answered_at 'yesterday' is not a time such as 2026-05-31T14:05:00Z",
        "row 3: answered_at '9999-01-01T00:00:00' lies in the future",
    ]


def test_a_corrected_answer_counts_and_the_first_one_is_kept(db):
    comparison = make_comparison(prompts=1, overlap=1)
    assignment = next_assignment(make_participation(comparison))
    aspects = list(comparison.aspects.all())
    for key, choice in (("one", "left"), ("two", "right")):
        assignment.submit(dict.fromkeys(aspects, choice), key=key, viewing={})
    assert {row["version"] for row in rows_of(comparison)} == {"2"}
    assert Counter(row["current"] for row in rows_of(comparison, superseded=True)) == {
        "True": len(aspects),
        "False": len(aspects),
    }


def test_left_and_right_columns_and_contender_names_are_understood(db):
    rows = [
        {"prompt": "a dog", "left": "b", "right": "a", "assessor": "ann", "aspect": "beauty", "choice": "left"},
        {"prompt": "a dog", "left": "b", "right": "a", "assessor": "bea", "aspect": "beauty", "choice": "a"},
        {"prompt": "a dog", "left": "a", "right": "b", "assessor": "cyd", "aspect": "beauty", "choice": "same"},
    ]
    out = rows_of(import_votes(rows, "spreadsheet"))
    assert [(row["first"], row["left"], row["choice"]) for row in out] == [
        ("a", "b", "second"),
        ("a", "b", "first"),
        ("a", "a", "tie"),
    ]
    assert Assignment.objects.filter(swapped=True).count() == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"choice": "up"}, "choice 'up' is none of"),
        ({"choice": ""}, "has no choice"),
        ({"left": "c"}, "one of them on the left, not 'c'"),
        ({"second": "a"}, "needs two contenders"),
        ({"seed": "x"}, "seed 'x' is not a whole number"),
        ({"prompt": "another text"}, "has another text than before"),
        ({"simulated": "True"}, "is simulated in one row and not in another"),
        ({}, "answers beauty of this pair twice"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_stored(db, change, problem):
    with pytest.raises(VotesRefused) as refused:
        import_votes([ROW, ROW | change], "bad")
    assert len(refused.value.problems) >= 1
    assert refused.value.problems[0].startswith("row 3: ")
    assert problem in str(refused.value)
    assert not Comparison.objects.exists()


def test_an_empty_table_is_refused(db):
    with pytest.raises(VotesRefused, match="no votes"):
        import_votes([], "empty")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "'=1", "'quoted", "plain", ""])
def test_no_spreadsheet_runs_a_cell_and_the_text_survives(text):
    cell = safe_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain_cell(cell) == text


def test_the_commands_go_from_file_to_file(db, tmp_path, capsys):
    comparison = make_comparison(prompts=2, overlap=2)
    vote_all(comparison)
    file = tmp_path / "votes.csv"
    call_command("export_votes", comparison.name, output=file)
    call_command("import_votes", file, name="copy")
    assert "'copy': votes of 2 assessors on 2 pairs." in capsys.readouterr().out
    with pytest.raises(CommandError, match=r"these very votes are in 'copy' already.*pass --again"):
        call_command("import_votes", file, name="copy")
    with pytest.raises(CommandError, match="pass another --name"):
        call_command("import_votes", file, name="copy", again=True)
    with pytest.raises(CommandError, match="did you mean"):
        call_command("export_votes", comparison.name + "x")
    for other in ("votes.jsonl", "votes.parquet"):
        with pytest.raises(CommandError, match="this writes CSV"):
            call_command("export_votes", comparison.name, output=file.with_name(other))
        assert not file.with_name(other).exists()
