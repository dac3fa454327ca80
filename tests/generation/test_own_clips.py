"""The page of own clips: files or a zip, each stored or named with its reason; hostile archives leave nothing."""

from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evalapp.catalog.models import PromptSet, PromptText
from evalapp.generation.models import Clip
from evalapp.generation.uploads import Upload, store_waiting
from generators.video import write_rendition
from tests.catalog.test_pictures import linked, zipped


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Bytes of a clip, of any shade."""
    folder = tmp_path_factory.mktemp("clips")

    def filmed(shade):
        path = folder / f"{shade}.mp4"
        if not path.exists():
            write_rendition(np.full((6, 32, 32, 3), shade, np.uint8), 10, path)
        return path.read_bytes()

    return filmed


@pytest.fixture
def pets(db):
    return PromptSet.objects.freeze("pets", [PromptText("cat", "a cat"), PromptText("dog", "a dog")])


@pytest.fixture
def send(client, olga, pets):
    client.force_login(olga)

    def post(*files, table=None, contender=""):
        sent = {"contender": contender, "clips": [SimpleUploadedFile(name, content) for name, content in files]}
        if table:
            sent["table"] = SimpleUploadedFile("files.csv", table.encode())
        return client.post(reverse("own-clips", args=[pets.pk]), sent)

    return post


def places():
    return set(Clip.objects.filter(state="ready").values_list("contender__name", "prompt__key", "seed"))


def test_files_go_by_their_names_and_a_zip_by_its_folders(send, footage):
    assert send(("cat.mp4", footage(10)), ("dog-1.mp4", footage(20)), contender="early").status_code == 302
    zip_of_late = zipped(**{"all/late/cat__mp4": footage(30), "all/late/dog-1__mp4": footage(40)})
    assert send(("late.zip", zip_of_late)).status_code == 302
    store_waiting()
    assert places() == {("early", "cat", 0), ("early", "dog", 1), ("late", "cat", 0), ("late", "dog", 1)}


def test_vbenchs_samples_go_by_their_text_and_index_within_a_folder_of_their_dimension(client, olga, footage):
    several = PromptSet.objects.freeze(
        "vbench",
        [
            PromptText("vbench-001", "a cat, oil-painting", ("dimension:color", "dimension:scene")),
            PromptText("vbench-002", "a dog", ("dimension:color",)),
        ],
    )
    client.force_login(olga)

    def sent(**files):
        clips = SimpleUploadedFile("samples.zip", zipped(**files))
        return client.post(reverse("own-clips", args=[several.pk]), {"contender": "", "clips": [clips]})

    files = {
        "early/color/a cat, oil-painting-0__mp4": footage(10),
        "early/scene/a cat, oil-painting-0__mp4": footage(10),
        "early/color/a cat, oil-painting-1__mp4": footage(20),
        "late/color/a dog-0__mp4": footage(30),
        "late/color__mp4": footage(30),
    }
    assert "late/color.mp4: no prompt of this set has that id or text" in sent(**files).content.decode()
    store_waiting()
    assert places() == {("early", "vbench-001", 0), ("early", "vbench-001", 1), ("late", "vbench-002", 0)}
    assert not Upload.objects.exclude(reason="").exists()
    said = sent(**{"color/a dog-0__mp4": footage(30)}).content.decode()
    assert "color/a dog-0.mp4: nothing says whose clip it is" in said


def test_a_list_says_where_files_of_any_name_belong(send, footage):
    send(("x1.mp4", footage(10)), table="file,prompt_id,seed\nx1.mp4,dog,3\n", contender="early")
    store_waiting()
    assert places() == {("early", "dog", 3)}
    assert "columns" in send(("x1.mp4", footage(10)), table="a,b\n1,2\n", contender="early").content.decode()


def test_each_file_that_is_not_taken_is_named_and_the_others_are_kept(send, footage):
    page = send(("cow.mp4", footage(10)), ("notes.txt", b"x"), ("cat.mp4", footage(10)), contender="early")
    said = page.content.decode()
    assert page.status_code == 422
    assert all(name in said for name in ("cow.mp4: no prompt", "notes.txt: is no clip"))
    assert Upload.objects.get().prompt.key == "cat"
    assert "nothing says whose clip" in send(("cat.mp4", footage(10))).content.decode()


def test_what_a_worker_refuses_is_told_with_its_reason(send, client, pets):
    polyglot = b"GIF89a" + b"<script>alert(1)</script>" * 9
    send(("cat.gif", polyglot), contender="early")
    store_waiting()
    said = client.get(reverse("own-clips", args=[pets.pk])).content.decode()
    assert Upload.objects.get().reason
    assert "These files cannot be used" in said
    assert "<script>alert" not in said
    russian = client.get(reverse("own-clips", args=[pets.pk]), headers={"accept-language": "ru"}).content.decode()
    assert "файл: не декодируется" in russian


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(**{"../a/cat__mp4": b"x"}), "leads out"),
        (zipped(**{"/etc/a/cat__mp4": b"x"}), "leads out"),
        (linked(), "is a link"),
        (zipped(**{"a/cat__mp4": bytes(19 * 2**20)}), "100 times as large"),
        (zipped(**{"a/cat__mp4": b"x", "a/page__html": b"<script>"}), "is neither a clip"),
        (zipped(**{f"a/{n}__mp4": b"x" for n in range(1002)}), "too many"),
        (b"\x00\x00\x00\x18ftypmp42" + zipped(**{"a/cat__mp4": b"x"}), "no zip archive"),
        (zipped(**{"a/cat__mp4": b"x"})[:-30], "cut short"),
    ],
)
def test_a_hostile_zip_is_refused_and_nothing_of_it_is_left(send, settings, content, said):
    page = send(("all.zip", content))
    assert (page.status_code, said in page.content.decode()) == (422, True), page.content.decode()
    assert not Upload.objects.exists()
    uploads = Path(settings.MEDIA_DIR) / "uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []


@pytest.mark.slow
def test_in_a_browser_clips_of_two_contenders_lead_to_a_comparison(live_server, chromium, client, olga, pets, footage):
    client.force_login(olga)
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("prompt-set", args=[pets.pk]))
    page.get_by_role("link", name="Own clips").click()
    for name, shade in (("early", 10), ("late", 50)):
        page.get_by_label("Contender", exact=True).fill(name)
        files = [("cat.mp4", footage(shade)), ("dog.mp4", footage(shade + 1))]
        page.get_by_label("Clips, or a zip of them").set_input_files(
            [{"name": file, "mimeType": "video/mp4", "buffer": content} for file, content in files]
        )
        page.get_by_role("button", name="Send").click()
        page.get_by_role("rowheader", name=name).wait_for()
    store_waiting()
    page.get_by_role("link", name="New comparison with these").click(timeout=120_000)
    for name in ("early", "late"):
        assert page.get_by_role("checkbox", name=name).is_checked(timeout=120_000), "whose clips these prompts have"
    context.close()
