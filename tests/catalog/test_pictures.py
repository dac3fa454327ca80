"""Images of prompts by page: single files and zips, checked by a worker, and what hostile ones come to."""

import io
import itertools
import json
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image, PngImagePlugin

from evalapp.catalog import archives, pictures
from evalapp.catalog.archives import unpack
from evalapp.catalog.models import PromptSet, picture_path
from evalapp.catalog.pictures import LARGEST_IMAGE, Picture, is_image, not_ready, receive, store_waiting
from evalapp.catalog.receiving import UploadRefused
from evalapp.people.projects import Project, first_project
from generators import video
from tests.factories import make_organizer

HOSTILE = b"<html><script>alert(1)</script>"


def picture(shade=120, kind="PNG", **told):
    """A small picture as bytes."""
    pixels = np.full((24, 32, 3), shade, np.uint8)
    pixels[:, 8:] = 255 - shade
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **told)
    return content.getvalue()


def zipped(**members):
    """An archive of members by name (a double underscore is a dot)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name.replace("__", ".").replace(".MACOSX", "__MACOSX"), member)
    return content.getvalue()


def rows(*images):
    return "\n".join(json.dumps({"id": f"p{n}", "text": f"clip {n}", "image": name}) for n, name in enumerate(images))


@pytest.fixture
def olga(client, db):
    client.force_login(make_organizer())
    return client


def ask(client, **fields):
    return client.post(reverse("prompt-sets"), {"name": "still", "written": ".txt", "text": ""} | fields, follow=True)


@pytest.fixture
def decoded_here(monkeypatch):
    """Without a process for each file, which takes half a second; other tests here go the whole way."""
    monkeypatch.setattr("generators.inspection.rewritten", video.picture)


def sent(content):
    return receive([content], first_project(), "olga")


def read_zip(content):
    return unpack(io.BytesIO(content), lambda chunks: receive(chunks, first_project(), "olga"))


def test_a_zip_becomes_a_frozen_set_whose_images_a_worker_wrote_anew(olga, bells):
    members = {"list__jsonl": rows("a.png", "b.jpg"), "a__png": picture(10), "b__jpg": picture(200, "JPEG")}
    members = {f"stills/{name}": member for name, member in members.items()}
    listed = zipped(**members | {"__MACOSX/stills/._a__png": b"a Mac's own", "stills/__DS_Store": b"too"})
    page = ask(olga, file=SimpleUploadedFile("stills.zip", listed), freeze="")
    assert "2 images wait for a worker to look at them" in page.content.decode()
    assert not PromptSet.objects.exists()
    store_waiting()
    page = ask(olga, **page.context["form"].initial, freeze="")
    assert "still v1 is frozen" in page.content.decode()
    prompts = list(PromptSet.objects.get().prompts.all())
    assert [prompt.key for prompt in prompts] == ["p0", "p1"]
    stored = np.asarray(Image.open(prompts[0].picture).convert("RGB"))
    np.testing.assert_array_equal(stored, np.asarray(Image.open(io.BytesIO(picture(10))).convert("RGB")))
    address = reverse("prompt-image", args=[prompts[0].prompt_set_id, prompts[0].image])
    assert address in page.content.decode()
    answer = olga.get(address)
    assert (answer["Content-Type"], b"".join(answer)[8:12]) == ("image/webp", b"WEBP")
    assert olga.get(reverse("prompt-image", args=[prompts[0].prompt_set_id, "0" * 64])).status_code == 404


def test_single_images_come_beside_a_list_in_the_form(olga):
    files = [SimpleUploadedFile("a.png", picture(1)), SimpleUploadedFile("b.webp", picture(2, "WEBP"))]
    page = ask(olga, images=files, written=".csv", text="id,text,image\nx,one,a.png\ny,two,b.webp\nz,three,", check="")
    store_waiting()
    page = ask(olga, **page.context["form"].initial, freeze="").content.decode()
    assert "still v1 is frozen" in page
    assert [bool(each.image) for each in PromptSet.objects.get().prompts.all()] == [True, True, False]
    page = ask(olga, written=".csv", text="id,text,image\nx,one,c.png", freeze="").content.decode()
    assert "there is no image c.png: send it along" in page


def test_a_refused_image_is_named_and_its_set_is_not_frozen(olga):
    page = ask(olga, images=SimpleUploadedFile("a.png", HOSTILE), written=".jsonl", text=rows("a.png"), check="")
    store_waiting()
    page = ask(olga, **page.context["form"].initial, freeze="").content.decode()
    assert "the file: is not an mp4" in page
    assert not PromptSet.objects.exists()


def test_an_image_of_another_project_is_unknown_here(db):
    other = Project.objects.create(name="elsewhere")
    theirs = receive([picture()], other.pk, "fred")
    store_waiting()
    assert not_ready([theirs.sha256], other.pk) == {}
    assert list(not_ready([theirs.sha256], first_project())) == [theirs.sha256]


def with_text(**chunks):
    told = PngImagePlugin.PngInfo()
    for name, text in chunks.items():
        told.add_text(name, text)
    return picture(pnginfo=told)


@pytest.mark.parametrize(
    "content",
    [
        picture() + HOSTILE,
        with_text(Comment="<script>alert(1)</script>", parameters="secret checkpoint alert(1)"),
        picture(kind="JPEG", comment=b"alert(1)", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0alert(1)"),
        picture(kind="JPEG") + zipped(alert__txt="alert(1)"),
        picture(kind="WEBP") + b"alert(1)",
    ],
    ids=["png and page", "png's notes", "jpeg's notes", "jpeg and zip", "webp and script"],
)
def test_of_a_file_that_is_two_things_only_the_pixels_stay(db, decoded_here, content):
    assert b"alert" in content
    kept = sent(content)
    store_waiting()
    kept.refresh_from_db()
    assert (kept.state, kept.path.exists()) == ("stored", False)
    stored = picture_path(kept.sha256).read_bytes()
    assert b"alert" not in stored
    assert b"EXIF" not in stored
    assert np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")).shape == (24, 32, 3)


def flood(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10**6))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HOSTILE, "the file: is not an mp4"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "the file: is not an mp4"),
        (b"GIF89a/*" + b"alert(1)*/" * 9, "the file: is no png, jpg or webp"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 64, "the file: is no png, jpg or webp"),
        (b"\x89PNG\r\n\x1a\n" + HOSTILE, "the file: cannot be decoded"),
        (picture()[:-40], "the file: cannot be decoded"),
        (flood(60_000, 60_000), "the file: "),
        (flood(4097, 2304), "the file: 4097×2304"),
    ],
    ids=["page", "svg", "gif", "mp4", "png in name", "cut", "flood", "a little too large"],
)
def test_what_is_no_usable_image_is_refused_with_a_reason_and_gone(db, decoded_here, content, reason):
    refused = sent(content)
    store_waiting()
    refused.refresh_from_db()
    assert (refused.state, refused.path.exists()) == ("refused", False)
    assert refused.reason.startswith(reason)
    assert not picture_path(refused.sha256).exists()


def test_a_photograph_stands_as_it_was_held(db):
    turned = Image.Exif()
    turned[274] = 6  # a quarter turn
    kept = sent(picture(kind="JPEG", exif=turned))
    store_waiting()
    assert Image.open(picture_path(kept.sha256)).size == (24, 32)


def linked():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        link = zipfile.ZipInfo("a.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("list.txt", "a dog")
    return content.getvalue()


def lying():
    """An archive that says that its image is 10 bytes long."""
    content = zipped(a__png=bytes(10**6), list__txt="a dog")
    return content.replace(struct.pack("<L", 10**6), struct.pack("<L", 10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(**{"../a__png": b"x", "list__txt": "a dog"}), "leads out"),
        (zipped(**{"/etc/a__png": b"x", "list__txt": "a dog"}), "leads out"),
        (zipped(**{"C:\\a__png": b"x", "list__txt": "a dog"}), "leads out"),
        (zipped(**{"..\\a__png": b"x", "list__txt": "a dog"}), "leads out"),
        (linked(), "is a link"),
        (zipped(a__png=picture(), A__PNG=picture(), list__txt="a dog"), "comes twice"),
        (zipped(a__png=bytes(19 * 2**20), list__txt="a dog"), "100 times as large"),
        (lying(), "damaged|no zip|too large"),
        (zipped(inner__zip=zipped(a__png=b"x"), list__txt="a dog"), "neither an image"),
        (zipped(page__html=HOSTILE, list__txt="a dog"), "neither an image"),
        (zipped(a__png=picture()), "one list of prompts .*: none"),
        (zipped(a__txt="a dog", b__txt="a cat"), "one list of prompts .*: a.txt, b.txt"),
        (zipped(list__txt="дом".encode("cp1251")), "not UTF-8"),
        (picture() + zipped(list__txt="a dog"), "no zip archive"),
        (zipped(list__txt="a dog")[:-30], "cut short"),
        (zipped(list__txt="a dog") + HOSTILE, "cut short"),
        (zipped(**{f"{n}__png": b"x" for n in range(1002)}, list__txt="a dog"), "too many"),
    ],
)
def test_a_hostile_zip_is_refused_and_nothing_of_it_is_left(db, settings, content, said):
    with pytest.raises(UploadRefused, match=said):
        read_zip(content)
    assert not Picture.objects.exists()
    uploads = Path(settings.MEDIA_DIR) / "uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []


def test_what_comes_out_of_a_zip_is_counted_whatever_it_says(db, monkeypatch):
    content = zipped(list__txt="a dog", a__png=picture(1), b__png=picture(2))
    assert sorted(read_zip(content).images) == ["a.png", "b.png"]
    monkeypatch.setattr(archives, "MOST_UNPACKED", len(picture(1)) + 10)
    with pytest.raises(UploadRefused, match="holds more than"):
        read_zip(content)
    monkeypatch.setattr(archives, "LARGEST_DIRECTORY", 10)
    with pytest.raises(UploadRefused, match="too many members"):
        read_zip(content)
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 10)
    with pytest.raises(UploadRefused, match="larger than"):
        read_zip(content)


def test_a_gibibyte_and_a_little_more_is_never_unpacked(monkeypatch):
    """The limits themselves: members that say they are small, and go on for as long as they are let."""

    class Endless(io.BytesIO):
        def read(self, size=-1):
            return bytes(size)

    content = io.BytesIO(zipped(**{f"{n}__png": b"x" for n in range(60)}))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: Endless())
    taken, mib = [], 2**20

    def take(read):
        taken.extend(map(len, itertools.islice(read(LARGEST_IMAGE), LARGEST_IMAGE // archives.CHUNK)))

    with archives.opened(content, is_image, "an image") as members:
        with pytest.raises(UploadRefused, match=r"0\.png: is too large"):
            list(members["0.png"](10 * mib))
        with pytest.raises(UploadRefused, match="holds more than 1024 MiB"):
            list(map(take, members.values()))
    assert 980 * mib < sum(taken) < 1024 * mib


def test_one_image_is_twenty_mib_and_no_byte_more(db, monkeypatch, bells):
    """Sent alone, and within an archive that tells its size truly; where the bound is not, the same file is taken."""
    assert LARGEST_IMAGE == 20 * 2**20
    right, large = bytes(LARGEST_IMAGE), bytes(LARGEST_IMAGE + 1)
    uploads = Path(settings.MEDIA_DIR) / "uploads"

    def stored(name, content):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("list.txt", "a dog")
            archive.writestr(name, content)
        return read_zip(packed.getvalue()).images[name]

    assert sent(right).size == LARGEST_IMAGE
    assert stored("right.png", right) == Picture.objects.get().sha256
    kept = list(uploads.iterdir())
    with pytest.raises(UploadRefused, match="the file is larger than 20,971,520 bytes"):
        sent(large)
    with pytest.raises(UploadRefused, match=r"large\.png: is too large"):
        stored("large.png", large)
    assert (Picture.objects.count(), list(uploads.iterdir())) == (1, kept)

    for module in (archives, pictures):  # either bound alone refuses what comes in an archive
        with pytest.raises(UploadRefused):
            stored("large.png", large)
        monkeypatch.setattr(module, "LARGEST_IMAGE", LARGEST_IMAGE + 1)
    assert sent(large).size == LARGEST_IMAGE + 1
    assert stored("large.png", large)


def test_a_full_disk_keeps_nothing(db, monkeypatch, settings):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(UploadRefused, match="disk is full"):
        sent(picture())
    assert list((Path(settings.MEDIA_DIR) / "uploads").iterdir()) == []


def test_an_image_that_kills_its_workers_is_given_up(db, monkeypatch):
    sent(picture())
    monkeypatch.setattr("evalapp.catalog.pictures._stored", lambda _: (_ for _ in ()).throw(SystemExit))
    for _ in range(3):
        with pytest.raises(SystemExit):
            store_waiting()
        Picture.objects.update(lease_until=None)
    store_waiting()
    assert Picture.objects.get().reason == "3 workers died while they stored it"
