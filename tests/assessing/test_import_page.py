"""The page of imports: what the command stores, what it refuses, and a form sent twice."""

import csv
import io
import json
import threading
from contextlib import suppress

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from evalapp.assessing import import_views, intake
from evalapp.assessing.exchange import export_votes
from evalapp.assessing.models import Vote
from evalapp.catalog.models import PromptSet, PromptText
from evalapp.comparisons.models import Comparison
from evalapp.people.audit import AuditEntry
from evalapp.people.projects import Project
from evalapp.reporting.build import build
from evalapp.reporting.league import build_league
from tests.factories import make_comparison

VOTES = """prompt_id,assessor,aspect,first,second,left,choice
кот,Аня,beauty,early,late,late,left
кот,Боря,beauty,early,late,early,same
"""
RATINGS = "assessor,prompt_id,contender,aspect,rating\nann,cat,early,beauty,2\nann,cat,late,beauty,4\n"


def sent(client, content, name="голоса.csv", language="en", **asked):
    content = content if isinstance(content, bytes) else content.encode()
    form = {"file": SimpleUploadedFile(name, content), "rows": "votes"} | asked
    return client.post(reverse("vote-imports"), form, headers={"accept-language": language})


@pytest.fixture
def page(client, olga):
    client.force_login(olga)
    return lambda content, *names, **asked: sent(client, content, *names, **asked)


def problems(told):
    return [error for errors in told.context["form"].errors.values() for error in errors]


def test_a_table_becomes_a_closed_comparison_named_as_its_file_and_leads_to_the_report(page, client):
    told = page(VOTES)
    comparison = Comparison.objects.get()
    assert (comparison.name, comparison.state, told.status_code) == ("голоса", "closed", 302)
    assert told.url == reverse("report", args=[comparison.code])
    build(comparison)
    report = client.get(told.url).content.decode()
    assert "2 votes are imported." in report
    assert "2 of 2 answers were imported from a table." in report
    make_comparison(name="voted on here", state=Comparison.State.CLOSED)
    shown = client.get(reverse("comparison", args=[comparison.code])).content.decode()
    listed = client.get(reverse("comparisons")).content.decode()
    assert [text.count("imported votes") for text in (shown, listed)] == [1, 1]
    assert [each["imported"] for each in build_league(comparison.project_id)["comparisons"]] == [True]
    (entry,) = AuditEntry.objects.filter(verb="imported votes into")
    assert entry.actor == "olga"


def test_real_ratings_give_the_page_s_report_the_command_s_numbers(page, shared_data):
    fetv = shared_data / "fetv"
    assert page((fetv / "human_ratings.csv").read_bytes(), "FETV.csv", rows="ratings").status_code == 302
    call_command("import_votes", fetv / "human_ratings.csv", name="by command", ratings=True, again=True)
    by_page, by_command = (Comparison.objects.get(name=name) for name in ("FETV", "by command"))
    assert [Vote.objects.of(each).count() for each in (by_page, by_command)] == [3 * 35 * 3 * 6] * 2
    tables = []
    for each in (by_page, by_command):
        export_votes(each, file := io.StringIO())
        columns = ("prompt_id", "first", "second", "left", "aspect", "choice")
        tables.append([[row[key] for key in columns] for row in csv.DictReader(io.StringIO(file.getvalue()))])
    assert tables[0] == tables[1]
    one, other = (json.loads(build(each).snapshot) for each in (by_page, by_command))
    assert one["results"] == other["results"]
    assert "the higher rating wins and equal ones tie" in " ".join(one["methods"])


def test_a_prompt_set_of_this_project_gives_the_texts_and_no_other_is_offered(page, client):
    pets = PromptSet.objects.freeze("pets", [PromptText("кот", "кот просыпается")])
    foreign = PromptSet.objects.freeze("theirs", [PromptText("кот", "чужой")], Project.objects.create(name="B").pk)
    assert "theirs" not in client.get(reverse("vote-imports")).content.decode()
    assert problems(page(VOTES, prompt_set=foreign.pk)) != []
    assert not Comparison.objects.exists()
    assert page(VOTES, prompt_set=pets.pk).status_code == 302
    assert Comparison.objects.get().prompt_set == pets


@pytest.mark.parametrize(
    ("content", "said", "russian"),
    [
        ("", "The submitted file is empty.", "Отправленный файл пуст."),
        (" \n", "there are no votes in it", "голосов в ней нет"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "this is no CSV text in UTF-8", "это не текст CSV в UTF-8"),
        (VOTES.encode("cp1251"), "save the table as CSV", "сохраните таблицу как CSV"),
        (VOTES.encode("utf-16"), "in a spreadsheet as “CSV UTF-8”", "«CSV UTF-8»"),
        (VOTES.partition("\n")[0], "there are no votes in it", "голосов в ней нет"),
        (RATINGS, "one of them is choice: here it is “assessor,", "один из них — choice; здесь она такая"),
        (VOTES + "кот,Вера,beauty,early,late,early,up\n", "row 4: choice 'up' is none of", "строка таблицы 4: choice"),
    ],
)
def test_what_cannot_be_used_is_told_in_the_reader_s_language_and_nothing_is_stored(page, content, said, russian):
    for language, words in (("en", said), ("ru", russian)):
        told = page(content, language=language)
        assert told.status_code == 200
        assert words in " ".join(problems(told))
    assert not Comparison.objects.exists()
    assert not PromptSet.objects.exists()


def test_every_wrong_row_of_votes_and_of_ratings_is_named_in_russian(page):
    of_votes = VOTES + ",Вера,beauty,early,late,early,first\nкот,Аня,beauty,early,late,late,right\n"
    assert problems(page(of_votes, language="ru")) == [
        "строка таблицы 4: нет значения в столбце prompt_id",
        "строка таблицы 5: Аня отвечает про beauty этой пары дважды",
    ]
    of_ratings = RATINGS + 'ann,dog,early,beauty,"3,5"\nann,dog,,beauty,3\n'
    assert problems(page(of_ratings, rows="ratings", language="ru")) == [
        "строка таблицы 4: rating '3,5' — не число вида 4 или 3.5",
        "строка таблицы 5: нет значения в столбце contender (или system)",
    ]


def test_more_than_a_page_takes_is_refused(page, monkeypatch):
    monkeypatch.setattr(import_views, "MOST_AT_ONCE", 1)
    assert problems(page(VOTES)) == [
        "more than 1 votes: send fewer, or import them on the server by import_votes",
    ]
    monkeypatch.setattr(import_views, "LARGEST", 10)
    assert problems(page(VOTES))[0].startswith("This file is larger than 5 MB")


def test_sent_twice_it_is_stored_once_and_another_table_of_that_name_is_refused(page):
    first, again = page(VOTES), page(VOTES)
    assert first.url == again.url
    assert (Comparison.objects.count(), Vote.objects.count()) == (1, 2)
    assert "already: choose another name" in problems(page(VOTES.replace("same", "left")))[0]


def test_the_same_votes_under_another_name_ask_first(page):
    page(VOTES)
    told = page(VOTES, "other.csv")
    assert "these very votes are in 'голоса' already, and the league would count them twice" in problems(told)[0]
    assert 'name="again"' in told.content.decode()
    assert reverse("report", args=[Comparison.objects.get().code]) in told.content.decode()
    assert page(VOTES, "other.csv", again="on").status_code == 302
    assert Comparison.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_it_is_stored_once_and_both_are_led_to_it(olga, monkeypatch):
    """On PostgreSQL neither sees the other's before both store it; on SQLite one waits for the other."""
    together, look = threading.Barrier(2), intake._twin
    met = threading.local()

    def at_once(table):
        found = look(table)
        if not hasattr(met, "once"):
            met.once = True
            with suppress(threading.BrokenBarrierError):
                together.wait(1)
        return found

    monkeypatch.setattr(intake, "_twin", at_once)
    told, clients = [], [Client(), Client()]
    for each in clients:
        each.force_login(olga)

    def send(client):
        from django.db import connection

        told.append(sent(client, VOTES))
        connection.close()

    threads = [threading.Thread(target=send, args=[each]) for each in clients]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    (comparison,) = Comparison.objects.all()
    assert [each.status_code for each in told] == [302, 302]
    assert {each.url for each in told} == {reverse("report", args=[comparison.code])}
    assert Vote.objects.count() == 2
