"""Prompt sets through the pages: checked, frozen, versions compared."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evalapp.catalog.models import PromptSet
from tests.factories import make_organizer


@pytest.fixture
def olga(client, db):
    client.force_login(make_organizer())
    return client


def ask(client, **fields):
    given = {"name": "beach", "written": ".txt", "text": ""} | fields
    return client.post(reverse("prompt-sets"), given, follow=True)


def test_checking_stores_nothing_and_shows_what_is_alike(olga):
    page = ask(olga, text="A dog runs on the beach.\na dog runs on the beach\na cat", check="").content.decode()
    assert "3 prompts can be read" in page
    assert "1 pair of prompts is nearly the same" in page
    assert not PromptSet.objects.exists()


def test_a_checked_file_is_frozen_without_a_second_upload(olga):
    file = SimpleUploadedFile("list.jsonl", b'{"id": "run", "text": "a dog", "tags": ["animal"]}')
    page = ask(olga, file=file, check="")
    kept = page.context["form"].initial
    page = ask(olga, **kept, freeze="").content.decode()
    assert "beach v1 is frozen" in page
    prompt = PromptSet.objects.get().prompts.get()
    assert (prompt.key, prompt.text, prompt.tags) == ("run", "a dog", ["animal"])


def test_a_new_version_says_what_changes(olga):
    ask(olga, text="a dog\na cat", freeze="")
    page = ask(olga, text="a dog\na bird", check="").content.decode()
    assert "<del>a cat</del>" in page
    assert "<ins>a bird</ins>" in page
    page = ask(olga, text="a dog\na bird", freeze="").content.decode()
    assert "From beach v1 to beach v2" in page
    assert "<ins>a bird</ins>" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Write prompts here, or choose a file."),
        ({"file": SimpleUploadedFile("a.txt", "дом".encode("cp1251"))}, "not UTF-8"),
        ({"file": SimpleUploadedFile("a.zip", b"PK")}, "ends in .txt"),
        ({"text": '{"x"', "written": ".jsonl"}, "line 1: not JSON"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_words(olga, fields, said):
    page = ask(olga, **fields, freeze="").content.decode()
    assert said in page
    assert not PromptSet.objects.exists()
