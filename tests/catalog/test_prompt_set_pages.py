"""Prompt sets through the pages: checked, frozen, versions compared."""

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evalapp.catalog.models import PromptSet, PromptText
from evalapp.catalog.tasks import alike_of, draw_sample, told_of
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
        ({"file": SimpleUploadedFile("a.rar", b"PK")}, "ends in .txt"),
        ({"text": '{"x"', "written": ".jsonl"}, "line 1: not JSON"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_words(olga, fields, said):
    page = ask(olga, **fields, freeze="").content.decode()
    assert said in page
    assert not PromptSet.objects.exists()


def test_a_worker_draws_fewer_prompts_of_every_kind(olga, bells, django_capture_on_commit_callbacks):
    kinds = ["a dog on the sandy beach"] * 12 + ["night traffic in the city"] * 4
    whole = PromptSet.objects.freeze("kinds", [PromptText(f"p{n}", f"{text} {n}") for n, text in enumerate(kinds)])
    address = reverse("prompt-sample", args=[whole.pk])
    with django_capture_on_commit_callbacks(execute=True):
        page = olga.post(address, {"count": 6}, follow=True).content.decode()
    assert bells == ["evalapp.catalog.tasks.draw_sample"]
    assert "“kinds, 6 of 16” is being drawn" in page
    for _ in range(2):  # a bell may ring twice
        draw_sample(whole.pk, 6, "kinds, 6 of 16")
    drawn = PromptSet.objects.get(name="kinds, 6 of 16")
    texts = list(drawn.prompts.values_list("text", flat=True))
    assert sum("beach" in text for text in texts) == sum("traffic" in text for text in texts) == 3
    page = olga.get(reverse("prompt-set", args=[whole.pk])).content.decode()
    assert reverse("prompt-set", args=[drawn.pk]) in page
    assert "3/12" in page
    for wrong in ("16", "0", "many"):
        refused = olga.post(address, {"count": wrong}, follow=True).content.decode()
        assert "Draw fewer prompts than there are, which is 16." in refused
    alike = PromptSet.objects.freeze("alike", [PromptText(f"p{n}", "the same words") for n in range(6)])
    draw_sample(alike.pk, 3, "some")
    page = olga.get(reverse("prompt-set", args=[alike.pk])).content.decode()
    assert "all prompts are alike" in page


def test_who_waits_for_a_lost_bell_rings_again_once_a_minute(olga, bells, django_capture_on_commit_callbacks):
    """The bells of both asks are lost; pages and programs that wait for them ring again, and not at every look."""
    found = PromptSet.objects.freeze("pets", [PromptText("a", "a cat"), PromptText("b", "a dog")])
    addresses = [reverse(name, args=[found.pk]) for name in ("prompt-set", "api-prompts-alike", "api-prompt-sample")]
    cache.set(alike_of(found.pk), {"asked": True})
    cache.set(told_of(found.pk), {"asked": "one pet", "count": 1})

    def rung(address):
        bells.clear()
        with django_capture_on_commit_callbacks(execute=True):
            assert olga.get(address).status_code == 200
        return sorted(each.rpartition(".")[2] for each in bells)

    for address in addresses:
        assert rung(address) == ["draw_sample", "find_alike"]
        assert rung(address) == []
        for what in (alike_of(found.pk), told_of(found.pk)):
            cache.delete(f"rung-for-{what}")  # a minute is over
    draw_sample(found.pk, 1, "one pet")
    assert rung(addresses[0]) == ["find_alike"]


def test_what_is_too_long_to_paste_is_refused_in_words(olga):
    sent = {"name": "cats", "written": ".txt", "text": "a cat\n" * 500_000}
    refused = olga.post(reverse("prompt-sets"), sent, headers={"accept-language": "ru"})
    assert refused.status_code == 400
    assert "отправьте файлом" in refused.text


def test_a_file_that_cannot_be_read_has_one_complaint(olga):
    file = SimpleUploadedFile("cats.csv", "id;text\n1;кошка\n".encode("cp1251"))
    form = olga.post(reverse("prompt-sets"), {"name": "cats", "written": ".txt", "file": file}).context["form"]
    assert form.errors == {"file": ["This file is not UTF-8 text: save it as UTF-8."]}
