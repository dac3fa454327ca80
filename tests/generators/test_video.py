"""Media files: lossless masters, renditions that tell nothing, and refusal of whatever is no clip."""

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from generators import video
from generators.video import MediaError, read, write_master, write_rendition, write_still

COLOURS = ((200, 30, 30), (30, 160, 60), (30, 60, 200), (240, 240, 240))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (7, 48, 64, 3), dtype=np.uint8)


@pytest.fixture
def stripes() -> np.ndarray:
    return np.repeat(np.asarray(COLOURS, dtype=np.uint8), 24, axis=0)[None, None].repeat(13, 0).repeat(64, 1)


def encode(path: Path, frames: np.ndarray, codec: str, pixel_format: str, **container: Any) -> Path:
    with av.open(str(path), "w", **container) as file:
        stream = file.add_stream(codec, rate=12)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    return path


def test_a_master_keeps_every_bit(noise, tmp_path):
    write_master(noise, 24, tmp_path / "master.mkv")
    footage = read(tmp_path / "master.mkv")
    assert np.array_equal(footage.frames, noise)
    assert (footage.fps, footage.kind) == (24, "video")


def test_a_long_master_that_does_not_say_its_length_keeps_every_frame_in_order(tmp_path):
    frames = np.random.default_rng(3).integers(0, 256, (150, 16, 18, 3), dtype=np.uint8)
    write_master(frames, 24, tmp_path / "long.mkv")
    with av.open(str(tmp_path / "long.mkv")) as container:
        assert container.streams.video[0].frames == 0
    assert np.array_equal(read(tmp_path / "long.mkv").frames, frames)


@pytest.mark.parametrize("fps", [8, 12.5, 24000 / 1001, 60])
def test_files_keep_the_frame_rate(fps, noise, tmp_path):
    write_master(noise, fps, tmp_path / "master.mkv")
    write_rendition(noise, fps, tmp_path / "clip.mp4")
    assert read(tmp_path / "clip.mp4").fps == pytest.approx(fps, rel=1e-6)
    assert read(tmp_path / "master.mkv").fps == pytest.approx(fps, rel=1e-3)  # Matroska counts milliseconds


@pytest.mark.parametrize(("write", "name"), [(write_master, "clip.mkv"), (write_rendition, "clip.mp4")])
def test_equal_frames_give_equal_bytes(write, name, noise, tmp_path):
    written = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(noise, 24, tmp_path / folder / name)
        written.append((tmp_path / folder / name).read_bytes())
    assert written[0] == written[1]


def test_a_rendition_names_no_encoder_and_no_file(noise, tmp_path):
    write_rendition(noise, 24, tmp_path / "wan-contender.mp4")
    content = (tmp_path / "wan-contender.mp4").read_bytes().lower()
    for word in (b"x264", b"lavf", b"lavc", b"libx", b"crf", b"contender"):
        assert word not in content
    moov, mdat = content.index(b"moov"), content.index(b"mdat")
    assert moov < mdat, "a browser should be able to start before the whole file has come"


def test_a_rendition_shows_the_colours_of_the_frames(stripes, tmp_path):
    write_rendition(stripes, 24, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        assert (tags, context.pix_fmt) == ((1, 1, 1, 1), "yuv420p")
    seen = read(tmp_path / "clip.mp4").frames[6, 32, 12::24].astype(int)
    assert np.abs(seen - np.asarray(COLOURS)).max() <= 4


def test_odd_sizes_are_padded_to_even_ones_by_repeating_the_edge(stripes, tmp_path):
    write_rendition(stripes[:, :33, :71], 24, tmp_path / "clip.mp4")
    frames = read(tmp_path / "clip.mp4").frames.astype(int)
    assert frames.shape == (13, 34, 72, 3)
    assert np.abs(frames[:, 33] - frames[:, 32]).max() <= 4


def test_the_size_of_a_rendition_falls_into_few_buckets(tmp_path):
    for length in range(9, 5000, 97):
        path = tmp_path / "file.mp4"
        path.write_bytes(b"x" * length)
        video._pad_to_bucket(path)
        size = path.stat().st_size
        assert length < size <= 1.13 * length + 256 + 8
        assert size % max(256, 2 ** (length.bit_length() - 4)) == 0
        box = path.read_bytes()[length:]
        assert (int.from_bytes(box[:4], "big"), box[4:8]) == (len(box), b"free")


def test_boiling_survives_the_rendition(tmp_path):
    rng = np.random.default_rng(1)
    frames = np.clip(120 + rng.normal(0, 6, (24, 64, 64, 1)).repeat(3, -1), 0, 255).astype(np.uint8)
    write_rendition(frames, 24, tmp_path / "clip.mp4")

    def restless(clip: np.ndarray) -> float:
        return float(np.abs(np.diff(clip.astype(float).mean(-1), 2, axis=0)).mean())

    assert restless(read(tmp_path / "clip.mp4").frames) == pytest.approx(restless(frames), rel=0.1)


def test_a_failed_write_leaves_neither_the_file_nor_a_part_of_it(tmp_path, monkeypatch, noise):
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(video, "_pad_to_bucket", fail)
    with pytest.raises(RuntimeError):
        write_rendition(noise, 24, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_frames_says_what_to_do(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes((16, 0, 16, 0, 0x80, 0, 0)) + bytes(6) + b";")
    with pytest.raises(MediaError, match="has no frames in it; export or render it again"):
        read(tmp_path / "a.gif")


@pytest.mark.parametrize("frames", [np.zeros((2, 8, 8, 3)), np.zeros((0, 8, 8, 3), np.uint8), np.zeros((8, 8, 3), "B")])
def test_frames_of_another_form_are_refused(frames, tmp_path):
    with pytest.raises(MediaError, match="frames must be uint8"):
        write_master(frames, 24, tmp_path / "master.mkv")


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [("a.mp4", "libx264", "yuv420p"), ("a.webm", "libvpx-vp9", "yuv420p"), ("a.webm", "libvpx", "yuv420p"),
     ("a.mkv", "libx265", "yuv420p"), ("a.webm", "libsvtav1", "yuv420p"), ("a.mov", "mjpeg", "yuvj420p")],
)  # fmt: skip
def test_the_usual_video_files_can_be_read(name, codec, pixel_format, stripes, tmp_path):
    footage = read(encode(tmp_path / name, stripes, codec, pixel_format))
    assert footage.frames.shape == stripes.shape
    assert (footage.fps, footage.kind) == (pytest.approx(12, rel=0.01), "video")
    assert np.abs(footage.frames[6, 32, 12::24].astype(int) - np.asarray(COLOURS)).max() < 40


def test_a_gif_plays_at_its_mean_rate(stripes, tmp_path):
    images = [Image.fromarray(np.roll(frame, shift, axis=1)) for shift, frame in enumerate(stripes[:4])]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=[50, 150, 100, 500])
    footage = read(tmp_path / "a.gif")
    assert len(footage.frames) == 4
    assert footage.fps == pytest.approx(4 / 0.8)  # frames over the sum of their delays


@pytest.mark.parametrize("name", ["still.png", "still.webp"])
def test_a_still_is_lossless_and_says_nothing_of_itself(name, noise, tmp_path):
    write_still(noise[0], tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), noise[0])
        assert not {key for key in image.info if key not in ("loop", "background", "timestamp", "duration")}


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_images_are_clips_of_one_frame(name, stripes, tmp_path):
    Image.fromarray(stripes[0]).save(tmp_path / name, quality=95)
    footage = read(tmp_path / name)
    assert (footage.frames.shape, footage.kind) == ((1, 64, 96, 3), "image")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is not an mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "is not an mp4"),
        (b"<html>not found</html>", "is not an mp4"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 200, "cannot be decoded|no video"),
        (b"\x1a\x45\xdf\xa3 and then nothing of use", "cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n broken", "cannot be decoded"),
    ],
)
def test_what_is_no_clip_is_refused_by_its_name_whatever_its_ending(content, reason, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=rf"clip\.mp4: .*({reason})"):
        read(tmp_path / "clip.mp4")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.mp4: cannot be read"):
        read(tmp_path / "gone.mp4")


@pytest.mark.parametrize(("write", "name"), [(write_master, "clip.mkv"), (write_rendition, "clip.mp4")])
@pytest.mark.parametrize("share", [0.35, 0.6, 0.8])
def test_a_file_cut_short_is_refused(write, name, share, noise, tmp_path):
    write(np.concatenate([noise] * 3), 24, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(MediaError, match=rf"{name}: .*(cut short|damaged|decoded)"):
        read(tmp_path / name)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.999])
def test_a_gif_that_lacks_its_end_is_no_shorter_clip(share, noise, tmp_path):
    first, *others = map(Image.fromarray, noise)
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=100)
    whole = (tmp_path / "a.gif").read_bytes()
    assert len(read(tmp_path / "a.gif").frames) == len(noise)
    (tmp_path / "a.gif").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(MediaError, match=r"a\.gif: .*(cut short|no frames)"):
        read(tmp_path / "a.gif")


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_variable_rate_becomes_the_mean_one_whatever_the_container_declares(ending, noise, tmp_path):
    times = np.cumsum([0, 100, 20, 300, 40, 150, 90])[: len(noise)]
    with av.open(str(tmp_path / f"a.{ending}"), "w") as file:
        stream = file.add_stream("libx264", rate=24)  # declared by Matroska
        stream.height, stream.width = noise.shape[1:3]
        stream.codec_context.time_base = Fraction(1, 1000)
        for pixels, time in zip(noise, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = int(time), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    wanted = (len(times) - 1) / times[-1] * 1000
    assert read(tmp_path / f"a.{ending}").fps == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("matrix", "seen"),
    [
        ((0, 1, -1, 0), lambda frames: np.rot90(frames, -1, (1, 2))),  # a phone held upright
        ((0, -1, 1, 0), lambda frames: np.rot90(frames, 1, (1, 2))),
        ((-1, 0, 0, -1), lambda frames: frames[:, ::-1, ::-1]),
        ((-1, 0, 0, 1), lambda frames: frames[:, :, ::-1]),
        ((0, 1, 1, 0), lambda frames: frames.swapaxes(1, 2)),
    ],
)
def test_a_clip_of_a_phone_is_kept_the_way_up_that_players_show_it(matrix, seen, stripes, tmp_path):
    frames = stripes.copy()
    frames[:, :20] //= 4  # so that each corner differs
    path = encode(tmp_path / "a.mp4", frames, "libx264", "yuv420p")
    level, content = read(path).frames, path.read_bytes()
    place = content.index(b"tkhd") + 44  # the matrix of its header (ISO/IEC 14496-12): a b u c d v x y w
    a, b, c, d = (number << 16 for number in matrix)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:place] + turned + content[place + 36 :])
    assert np.array_equal(read(path).frames, seen(level))


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_refused_and_not_shown_pale(curve, noise, tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        options = {"x265-params": f"log-level=0:colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc"}
        stream = file.add_stream("libx265", rate=24, options=options)
        stream.height, stream.width = noise.shape[1:3]
        stream.pix_fmt = "yuv420p10le"
        for frame in noise:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    with pytest.raises(MediaError, match=r"a\.mp4: is HDR, .* convert it to SDR"):
        read(tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_pixels_that_are_not_square_are_refused_and_not_shown_squeezed(ending, noise, tmp_path):
    def wide(name: str, ratio: Fraction) -> Path:
        with av.open(str(tmp_path / f"{name}.{ending}"), "w") as file:
            stream = file.add_stream("libx264", rate=12)
            stream.height, stream.width = noise.shape[1:3]
            stream.codec_context.sample_aspect_ratio = ratio
            for frame in noise:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            file.mux(stream.encode())
        return tmp_path / f"{name}.{ending}"

    for ratio in (Fraction(64, 45), Fraction(8, 9)):
        with pytest.raises(MediaError, match=rf"a\.{ending}: its pixels are not square, .*setsar=1"):
            read(wide("a", ratio))
    for ratio in (Fraction(1), Fraction(1280, 1281)):  # the second is what 1920x1080 scaled to 854x480 has
        assert read(wide("b", ratio)).frames.shape == noise.shape


def test_a_file_that_ends_between_two_frames_is_refused_too(noise, tmp_path):
    write_rendition(noise, 24, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    (tmp_path / "clip.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes()[: ends[4]])
    with pytest.raises(MediaError, match="cut short after 5 frames"):
        read(tmp_path / "clip.mp4")


def test_other_codecs_are_refused_with_a_remedy(noise, tmp_path):
    with pytest.raises(MediaError, match=r"a\.mkv: codec mpeg2video is not accepted; re-encode"):
        read(encode(tmp_path / "a.mkv", np.tile(noise, (1, 2, 2, 1)), "mpeg2video", "yuv420p"))


def test_sound_alone_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        file.mux(stream.encode(sound))
    with pytest.raises(MediaError, match=r"a\.mkv: has no video"):
        read(tmp_path / "a.mkv")


@pytest.mark.parametrize(("cap", "value"), [("MAX_FRAMES", 6), ("MAX_PIXELS", 48 * 64 - 1), ("MAX_BYTES", 60_000)])
def test_clips_beyond_the_caps_are_refused(cap, value, noise, tmp_path, monkeypatch):
    write_master(noise, 24, tmp_path / "a.mkv")
    monkeypatch.setattr(video, cap, value)
    with pytest.raises(MediaError, match=r"a\.mkv: 64×48, .* is too large"):
        read(tmp_path / "a.mkv")


def test_posters_and_contact_sheets_are_small_pictures(stripes):
    with Image.open(io.BytesIO(video.poster(stripes, width=48))) as poster:
        assert (poster.format, poster.size) == ("WEBP", (48, 32))
    with Image.open(io.BytesIO(video.contact_sheet(stripes, width=48))) as sheet:
        assert sheet.size == (8 * 48, 32)
