"""A file of votes or ratings by the command, by the API and by the client: the same rows, the same refusals."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from visavis.cli import main

from evalapp.assessing import votes_files
from evalapp.assessing.exchange import export_votes
from evalapp.assessing.models import Vote
from evalapp.catalog.models import PromptSet, PromptText
from evalapp.comparisons.models import Comparison
from evalapp.people.audit import AuditEntry
from evalapp.people.projects import Project, Role
from evalapp.people.tokens import ApiToken
from tests.factories import make_admin, make_comparison, make_member

VOTES = """\ufeffprompt_id,assessor,aspect,first,second,left,choice,answered_at
cat,ann,beauty,early,late,late,left,2026-05-31T14:05:00Z
cat,bea,beauty,early,late,early,same,2026-05-31T14:06:00Z
dog,ann,beauty,late,early,late,early,2026-05-31T14:07:00Z
"""
RATINGS = """assessor,prompt_id,contender,aspect,rating
ann,cat,early,beauty,2
ann,cat,late,beauty,4
bea,dog,early,beauty,3
bea,dog,late,beauty,3
"""


@pytest.fixture
def sent(client, db):
    """A call of the API with a token of an admin of every project, and what it was answered."""
    _, secret = ApiToken.objects.issue(make_admin(), "client", ["organize", "read"], 9)

    def call(body, key="", secret=secret):
        headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
        address = reverse("api-vote-imports")
        return client.post(address, json.dumps(body), content_type="application/json", headers=headers)

    call.secret = secret
    return call


def rows_of(name):
    """What an export says, but for what is drawn anew for every import."""
    comparison, file = Comparison.objects.get(name=name), io.StringIO()
    export_votes(comparison, file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    people = dict(comparison.participations.values_list("assessor__code", "assessor__name"))
    names = {str(code): who for code, who in people.items()}
    return [row | {"comparison": "", "assessor": names[row["assessor"]]} for row in rows]


@pytest.mark.parametrize(("table", "rated"), [(VOTES, False), (RATINGS, True)])
def test_command_call_and_client_store_the_same_rows(sent, live_server, monkeypatch, capsys, tmp_path, table, rated):
    file = tmp_path / "votes.csv"
    file.write_text(table, encoding="utf-8")
    call_command("import_votes", file, name="by command", ratings=rated)
    told = sent({"name": "by call", "table": table, "ratings": rated, "again": True})
    assert (told.status_code, told.json()["state"]) == (201, "closed"), told.content
    monkeypatch.setenv("VISAVIS_URL", live_server.url)
    monkeypatch.setenv("VISAVIS_TOKEN", sent.secret)
    asked = ["import-votes", str(file), "--name", "by client", *(["--ratings"] if rated else [])]
    assert main(asked) != 0
    assert "these very votes are in 'by call' already" in capsys.readouterr().err
    assert main([*asked, "--again"]) == 0
    assert "by client: " in capsys.readouterr().out
    rows = rows_of("by command")
    if rated:
        rows = [row | {"answered_at": ""} for row in rows]
    assert len(rows) == (2 if rated else 3)
    for name in ("by call", "by client"):
        assert [row | ({"answered_at": ""} if rated else {}) for row in rows_of(name)] == rows
    imports = AuditEntry.objects.filter(verb="imported votes into").order_by("number")
    assert [entry.actor for entry in imports] == ["command line", *["ada"] * 2]


def test_the_same_sentences_by_row_and_nothing_stored(sent, tmp_path):
    table = VOTES + "dog,bea,beauty,early,late,early,both,\ndog,cat,beauty,early,late,early,first,yesterday\n"
    told = sent({"name": "bad", "table": table})
    assert (told.status_code, told.headers["Content-Type"]) == (400, "application/problem+json")
    problems = told.json()["errors"]["table"]
    assert [problem.split(":")[0] for problem in problems] == ["row 5", "row 6"]
    (tmp_path / "votes.csv").write_text(table, encoding="utf-8")
    with pytest.raises(CommandError) as refused:
        call_command("import_votes", tmp_path / "votes.csv", name="bad")
    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == problems
    assert not Comparison.objects.exists()
    assert not PromptSet.objects.exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (VOTES.partition("\n")[0], "there are no votes in it"),
        ("prompt_id\n", "the first row names the columns, and one of them is choice: here it is “prompt_id”"),
        ('a,choice\n"' + "x" * 200_000 + '"', "row 2: not CSV (field larger than field limit (131072))"),
        (VOTES + "dog,bea,beauty,early,late,early,first,,more\n", "row 5: has more columns than the first row"),
        (VOTES.replace("answered_at", "simulated").replace("2026-05-31T14:05:00Z", "ИСТИНА"), "neither True nor False"),
        (VOTES.replace("cat,", "c" * 201 + ","), "is longer than 200 characters"),
        (
            VOTES.replace("left,choice", "seed,choice").replace(",late,left", ",²,first"),
            "seed '²' is not a whole number",
        ),
        (VOTES.replace("answered_at", "strength").replace("2026-05-31T14:05:00Z", "²"), "strength '²' is none of"),
    ],
)
def test_a_table_that_cannot_be_stored_is_refused_in_words(sent, table, said):
    told = sent({"name": "bad", "table": table})
    assert told.status_code == 400
    assert said in " ".join(told.json()["errors"]["table"])
    assert not Vote.objects.exists()


def test_more_votes_than_a_call_takes_are_refused(sent, monkeypatch):
    monkeypatch.setattr("evalapp.api.importing.MOST_AT_ONCE", 3)
    assert sent({"name": "just", "table": VOTES}).status_code == 201
    told = sent({"name": "more", "table": VOTES + "dog,bea,beauty,early,late,early,first,\n"})
    assert "more than 3 votes" in told.json()["errors"]["table"][0]
    assert votes_files.MOST_AT_ONCE == 10_000


def test_a_contender_more_than_an_import_takes_is_refused_before_its_pairs_are_made(sent):
    rows = "".join(f"ann,cat,c{n},beauty,{n}\n" for n in range(101))
    told = sent({"name": "many", "table": f"assessor,prompt_id,contender,aspect,rating\n{rows}", "ratings": True})
    assert told.json()["errors"]["table"] == ["row 102: ann rates more than 100 contenders here"]


def test_a_key_sent_twice_imports_once_and_a_taken_name_is_a_conflict(sent):
    first, again = (sent({"name": "once", "table": VOTES}, key="k") for _ in range(2))
    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert (Comparison.objects.count(), Vote.objects.count()) == (1, 3)
    assert sent({"name": "other", "table": VOTES}, key="k").status_code == 422
    assert sent({"name": "once", "table": VOTES}).status_code == 409


def test_a_prompt_set_gives_texts_and_another_project_s_is_unknown(sent):
    mine = make_comparison(name="mine").project
    pets = PromptSet.objects.freeze(
        "pets", [PromptText("cat", "a cat wakes up", ("animal",)), PromptText("dog", "a dog runs")], project=mine.pk
    )
    told = sent({"name": "shown", "table": VOTES, "prompt_set": pets.pk})
    assert told.json()["prompt_set"] == "pets v1"
    assert {row["prompt"] for row in rows_of("shown")} == {"a cat wakes up", "a dog runs"}
    stray = sent({"name": "stray", "table": VOTES.replace("dog,", "bird,"), "prompt_set": pets.pk})
    assert "prompt 'bird' is not in the list of prompts" in stray.json()["errors"]["table"]
    elsewhere = Project.objects.create(name="elsewhere")
    _, secret = ApiToken.objects.issue(make_member("frida", Role.ORGANIZER, elsewhere), "hers", ["organize"], 9)
    foreign = sent({"name": "foreign", "table": VOTES, "prompt_set": pets.pk}, secret=secret)
    assert "there is no prompt set" in foreign.json()["errors"]["prompt_set"][0]
    assert Comparison.objects.filter(name="foreign").count() == 0


def test_what_a_spreadsheet_makes_of_a_table_is_read_alike(db):
    """Semicolons, quotes around all, and True in its own letters: a program's votes stay a program's."""
    said = VOTES.replace("answered_at", "simulated").replace("ann,", "bot,")
    for moment, truth in (("05", "TRUE"), ("06", "FALSE"), ("07", "TRUE")):
        said = said.replace(f"2026-05-31T14:{moment}:00Z", truth)
    excel = "\r\n".join(";".join(f'"{cell}"' for cell in line.split(",")) for line in said[1:].splitlines())
    votes_files.import_table(("\ufeff" + excel).encode(), "from Excel")
    assert [(row["choice"], row["simulated"]) for row in rows_of("from Excel")] == [
        ("second", "True"),
        ("tie", "False"),
        ("first", "True"),
    ]


def test_the_same_votes_under_another_name_come_in_only_when_that_is_meant(sent):
    assert sent({"name": "one", "table": VOTES}).status_code == 201
    lines = VOTES.splitlines()
    shuffled = "\n".join([lines[0], *reversed(lines[1:])])
    told = sent({"name": "two", "table": shuffled})
    assert (told.status_code, Comparison.objects.count(), PromptSet.objects.count()) == (409, 1, 1)
    assert "these very votes are in 'one' already, and the league would count them twice" in told.json()["detail"]
    assert sent({"name": "other choice", "table": VOTES.replace(",same,", ",left,")}).status_code == 201
    assert sent({"name": "more", "table": VOTES + "dog,bea,beauty,early,late,early,first,\n"}).status_code == 201
    assert sent({"name": "two", "table": shuffled, "again": True}).status_code == 201
    elsewhere = Project.objects.create(name="elsewhere")
    _, secret = ApiToken.objects.issue(make_member("frida", Role.ORGANIZER, elsewhere), "hers", ["organize"], 9)
    assert sent({"name": "one", "table": VOTES}, secret=secret).status_code == 201
