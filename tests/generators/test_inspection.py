"""Files of strangers, decoded in a limited process: good ones pass, bad ones end in a sentence and hurt nobody."""

import struct
import zlib

import numpy as np
import pytest

from generators.inspection import Limits, inspect
from generators.video import MediaError, write_rendition


@pytest.fixture
def clip(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (12, 64, 96, 3), dtype=np.uint8)
    write_rendition(frames, 12, tmp_path / "clip.mp4")
    return tmp_path / "clip.mp4"


def test_a_good_clip_passes(clip):
    inspect(clip)


def test_what_the_reader_refuses_is_told_in_its_words(tmp_path):
    page = tmp_path / "clip.mp4"
    page.write_bytes(b"<html><script>alert(1)</script>")
    with pytest.raises(MediaError, match=r"clip\.mp4: is not an mp4"):
        inspect(page)


def test_a_flood_of_pixels_is_refused_before_it_is_decoded(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    flood = tmp_path / "flood.png"
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    flood.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10**6)))
    with pytest.raises(MediaError, match=r"flood\.png"):
        inspect(flood)


def test_a_file_that_needs_more_than_the_limits_is_broken_off(clip):
    with pytest.raises(MediaError, match="broke off"):
        inspect(clip, Limits(memory=2**27))


def test_a_playlist_named_as_a_clip_opens_no_other_file(tmp_path, clip):
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{clip}\n")
    with pytest.raises(MediaError, match="whatever its name says"):
        inspect(playlist)
