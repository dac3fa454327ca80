"""Clips as files: reading what others made, writing lossless masters and browser renditions (PyAV, Pillow).

Frames are uint8 arrays (T, H, W, 3), RGB. Equal frames give equal bytes: every encoder runs on one thread, without
time stamps, tool names or other metadata.
"""

import io
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Frames = NDArray[np.uint8]

MAX_FRAMES = 2_000
MAX_PIXELS = 4096 * 2304
MAX_BYTES = 4 * 2**30
"""Most decoded bytes of one clip: 3 × width × height × frames."""
HDR = (16, 18)
"""Transfer curves of high dynamic range, PQ and HLG (ITU-T H.273, table 3): shown as they are they look pale."""
SQUARE = 0.02
"""How far from square pixels may be: scaling to even sizes leaves so much, and nobody sees it."""
AHEAD = 4
"""Decoded frames that may wait for their colours."""

# What a file must begin with, and the only demuxer it is then given to: nothing is guessed, so a playlist named .mp4
# cannot make the decoder open other files.
MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"GIF8", "gif"),
    (0, b"\x89PNG\r\n\x1a\n", "image"),
    (0, b"\xff\xd8\xff", "image"),
    (8, b"WEBP", "image"),
)
CODECS = frozenset(("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "ffv1", "gif", "mpeg4", "mjpeg", "prores"))
# A decoder is asked already while a file is opened, before its name can be looked at.
OPENING = {"protocol_whitelist": "file", "codec_whitelist": ",".join(sorted(CODECS))}


DAMAGED = "cannot be decoded: it is cut short or damaged; copy it here again, or re-encode it"


class MediaError(Exception):
    """A file is no usable clip; the message names it and says why."""


@dataclass(frozen=True)
class Footage:
    """A decoded clip. `fps` is the mean rate: a variable one, as in GIFs, becomes constant. `lossless`: its file keeps
    frames bit for bit, as png or FFV1."""

    frames: Frames
    fps: float
    kind: Literal["video", "image"]
    lossless: bool = False


def read(path: Path, opened: IO[bytes] | None = None) -> Footage:
    """Decode an mp4, mov, webm, mkv, gif, png, jpg or webp file. Raises MediaError with the file's name.

    `opened`: the file, where it may not be opened any more. Damage that the decoder conceals, as FFV1's does, goes
    unseen here: compare the sha256 of files that must be intact.
    """
    demuxer = _demuxer(path, opened)
    if demuxer == "image":
        return _read_image(path, opened)
    try:
        with av.open(opened or str(path), "r", format=demuxer, options=OPENING) as container:
            if not container.streams.video:
                raise MediaError(f"{path}: has no video in it")
            stream = container.streams.video[0]
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            if codec not in CODECS:
                raise MediaError(f"{path}: codec {codec} is not accepted; re-encode it, for instance as H.264")
            check_size(path, stream.width, stream.height, stream.frames or 1)
            film = _Film(path, stream.frames)
            times: list[float | None] = []
            packets = 0
            # Slices alone are decoded side by side, and colours by one thread beside: clips are read side by side, and
            # more threads for each of them cost more processor time in all.
            with ThreadPoolExecutor(1) as beside:
                waiting: deque[Future[None]] = deque()
                for packet in container.demux(stream):
                    packets += packet.size > 0
                    for frame in packet.decode():
                        check_size(path, frame.width, frame.height, len(times) + 1)
                        if frame.color_trc in HDR:
                            raise MediaError(f"{path}: is HDR, and would look pale here; convert it to SDR (BT.709)")
                        if frame.is_corrupt or packet.is_corrupt:
                            raise MediaError(
                                f"{path}: frame {len(times)} is damaged; copy it here again, or re-encode it"
                            )
                        waiting.append(beside.submit(film.keep, frame))
                        times.append(frame.time)
                        if len(waiting) > AHEAD:
                            waiting.popleft().result()
                for each in waiting:
                    each.result()
            rate = stream.average_rate or stream.guessed_rate
            # Browsers pass over what a GIF says of its pixels.
            stretched = demuxer != "gif" and abs(float(stream.sample_aspect_ratio or 1) - 1) > SQUARE
            # An mp4 says how many packets it should have, a Matroska file of one stream how long it should last.
            cut = packets < stream.frames
            if demuxer == "matroska" and len(container.streams) == 1 and container.duration and rate and times:
                cut |= (times[-1] or 0) + 2 / float(rate) < container.duration / av.time_base
            cut |= demuxer == "gif" and not _gif_ends(path, opened)
    except (av.error.InvalidDataError, av.error.EOFError, UnicodeError) as error:
        raise MediaError(f"{path}: {DAMAGED}") from error
    except (av.error.FFmpegError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise MediaError(f"{path}: cannot be decoded ({said}); copy it here again, or re-encode it") from error
    if not times:
        raise MediaError(f"{path}: has no frames in it; export or render it again")
    if cut:
        raise MediaError(f"{path}: is cut short after {len(times)} frames; copy it here again")
    if stretched:
        raise MediaError(
            f"{path}: its pixels are not square, so players stretch it; "
            "convert it with ffmpeg: -vf 'scale=trunc(iw*sar/2)*2:ih,setsar=1'"
        )
    if len(times) == 1:
        return Footage(film.frames, 1.0, "image", codec == "ffv1")
    return Footage(film.frames, _mean_rate(path, rate, times, demuxer == "gif"), "video", codec == "ffv1")


class _Film:
    """Frames one behind another in one piece of memory, as RGB: in pieces of their own the system's work of finding
    memory for them takes as long as decoding. It grows where a file holds more than it says."""

    def __init__(self, path: Path, expected: int) -> None:
        self.path, self.count, self.room = path, 0, expected or 32
        self.kept: Frames = np.empty((0, 0, 0, 3), dtype=np.uint8)
        self.across, self.down, self.right = False, 1, 1
        self.colours = VideoReformatter()

    @property
    def frames(self) -> Frames:
        return self.kept[: self.count]

    def keep(self, frame: av.VideoFrame) -> None:
        pixels = self.colours.reformat(frame, format="rgb24", threads=1)
        if not self.count:
            self.across, self.down, self.right = _turns(frame)
        (plane,) = pixels.planes
        size, steps = (pixels.height, pixels.width, 3), (plane.line_size, 3, 1)
        upright: Frames = np.ndarray(size, np.uint8, memoryview(plane), strides=steps)
        upright = (upright.swapaxes(0, 1) if self.across else upright)[:: self.down, :: self.right]
        if self.count and self.kept.shape[1:] != upright.shape:
            raise MediaError(f"{self.path}: changes its frame size midway")
        if self.count == len(self.kept):
            room = min(max(self.room, 2 * self.count), MAX_BYTES // upright.size + 1)
            longer = np.empty((room, *upright.shape), dtype=np.uint8)
            longer[: self.count] = self.kept if self.count else 0
            self.kept = longer
        self.kept[self.count] = upright
        self.count += 1


def _turns(frame: av.VideoFrame) -> tuple[bool, int, int]:
    """How a player turns the picture, as a phone notes which way it was held: whether rows become columns, and after
    that the steps (1, or -1: mirrored) down and to the right. Of FFmpeg's display matrix."""
    noted: Any = frame.side_data.get("DISPLAYMATRIX")
    if noted is None:
        return False, 1, 1
    a, b, _, c, d, *_ = struct.unpack("=9i", noted)  # x' = a·x + c·y, y' = b·x + d·y
    across = abs(b) + abs(c) > abs(a) + abs(d)
    right, down = (c, b) if across else (a, d)
    return across, -1 if down < 0 else 1, -1 if right < 0 else 1


def _demuxer(path: Path, opened: IO[bytes] | None = None) -> str:
    try:
        with nullcontext(opened) if opened else path.open("rb") as file:
            start = file.read(32)
            file.seek(0)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    if not start:
        raise MediaError(f"{path}: is empty")
    for offset, magic, demuxer in MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return demuxer
    raise MediaError(f"{path}: is not an mp4, mov, webm, mkv, gif, png, jpg or webp file, whatever its name says")


def check_size(path: Path, width: int, height: int, frames: int) -> None:
    if width * height > MAX_PIXELS or frames > MAX_FRAMES or 3 * width * height * frames > MAX_BYTES:
        raise MediaError(
            f"{path}: {width}×{height}, {frames} frames or more is too large (at most {MAX_PIXELS:,} pixels a frame, "
            f"{MAX_FRAMES:,} frames, {MAX_BYTES // 2**30} GiB decoded)"
        )


def _gif_ends(path: Path, opened: IO[bytes] | None) -> bool:
    """Whether its last block is there, a semicolon, of which FFmpeg does not ask."""
    with nullcontext(opened) if opened else path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 64))
        return file.read().rstrip(b"\0").endswith(b";")


def _mean_rate(path: Path, rate: Fraction | None, times: list[float | None], reckoned: bool) -> float:
    """Frames per second: the stream's mean rate (of a GIF: frames over the sum of their delays), or what times tell,
    where it has none or where it is not reckoned from all frames and times contradict it by more than a frame."""
    known = [time for time in times if time is not None]
    if rate and (reckoned or len(known) < 2 or abs((known[-1] - known[0]) * float(rate) - (len(known) - 1)) < 1.5):
        return float(rate)
    if len(known) > 1 and known[-1] > known[0]:
        return (len(known) - 1) / (known[-1] - known[0])
    raise MediaError(f"{path}: does not say its frame rate")


def _read_image(path: Path, opened: IO[bytes] | None) -> Footage:
    try:
        with Image.open(opened or path, formats=("PNG", "JPEG", "WEBP")) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise MediaError(f"{path}: is an animation; re-encode it, for instance as mp4")
            check_size(path, image.width, image.height, 1)
            upright = ImageOps.exif_transpose(image)  # a camera notes which way it was held, and notes are not kept
            pixels = np.asarray(upright.convert("RGB"), dtype=np.uint8)
            lossless = image.format == "PNG"
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise MediaError(f"{path}: {DAMAGED}") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"{path}: cannot be decoded ({error}); copy it here again, or re-encode it") from error
    return Footage(pixels[None].copy(), 1.0, "image", lossless)


def picture(path: Path, read: Callable[[Path], Footage] = read) -> bytes:
    """The pixels of a png, jpg or webp image as lossless WebP, without metadata. Raises MediaError."""
    if _demuxer(path) != "image":
        raise MediaError(f"{path}: is no png, jpg or webp image, whatever its name says")
    pixels, content = Image.fromarray(read(path).frames[0]), io.BytesIO()
    pixels.save(content, "WEBP", lossless=True)
    return content.getvalue()


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes the name only when it is complete and on the disk."""
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_master(frames: Frames, fps: float, path: Path) -> None:
    """Lossless: FFV1 in Matroska, RGB kept bit for bit, a checksum per slice (RFC 9043)."""
    options = {"level": "3", "slices": "4", "slicecrc": "1", "coder": "1"}
    with whole(path) as part:
        _encode(_checked(frames), fps, part, "matroska", "ffv1", "bgr0", options)


def write_rendition(frames: Frames, fps: float, path: Path) -> None:
    """What browsers get: H.264 4:2:0 in mp4, crf 12 (boiling survives), a key frame every 12, no B frames.

    Odd sizes are padded to even ones by repeating the last row or column. Nothing in the file names an encoder, and its
    size is padded to a bucket. Raises MediaError when the file does not decode to as many frames afterwards.
    """
    frames = _checked(frames)
    even = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    options = {"crf": "12", "preset": "fast", "g": "12", "bf": "0"}
    with whole(path) as part:
        _encode(even, fps, part, "mp4", "libx264", "yuv420p", options, {"movflags": "+faststart"}, drop_sei=True)
        _pad_to_bucket(part)
        with av.open(str(part), format="mov") as container:
            written = sum(1 for _ in container.decode(video=0))
        if written != len(frames):
            raise MediaError(f"{path}: {len(frames)} frames went in and {written} came out of the encoder")


def _encode(
    frames: Frames,
    fps: float,
    path: Path,
    container_format: str,
    codec: str,
    pixels: str,
    options: dict[str, str],
    container_options: dict[str, str] | None = None,
    drop_sei: bool = False,
) -> None:
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(
        str(path), "w", format=container_format, options={"fflags": "+bitexact"} | (container_options or {})
    ) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options | {"flags": "+bitexact"})
        context = stream.codec_context
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        context.time_base = 1 / rate
        context.thread_count = 1
        if pixels.startswith("yuv"):
            context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
            context.color_range = 1  # limited
        # The encoder's own name and settings travel in SEI units (type 6).
        cleaner = BitStreamFilterContext("filter_units=remove_types=6", stream) if drop_sei else None
        for number in range(len(frames) + 1):
            packets = stream.encode(_video_frame(frames[number], number, pixels) if number < len(frames) else None)
            for packet in packets:
                container.mux(cleaner.filter(packet) if cleaner else packet)


def _video_frame(pixels: NDArray[np.uint8], number: int, pixel_format: str) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    if pixel_format.startswith("yuv"):
        frame = frame.reformat(
            format=pixel_format, dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG"
        )
    else:
        frame = frame.reformat(format=pixel_format)
    frame.pts = number
    return frame


def _pad_to_bucket(path: Path) -> None:
    """Fill the file up to the next sixteenth of a power of two with an mp4 `free` box: its size tells little."""
    size = path.stat().st_size
    step = max(256, 2 ** (size.bit_length() - 4))
    missing = -(size + 8) % step + 8
    with path.open("ab") as file:
        file.write(missing.to_bytes(4, "big") + b"free" + bytes(missing - 8))


def write_still(frame: NDArray[np.uint8], path: Path) -> None:
    """An image (H, W, 3), lossless and without metadata; the ending (.png, .webp) picks the format."""
    with whole(path) as part:
        Image.fromarray(frame).save(part, lossless=True)


def poster(frames: Frames, width: int = 480) -> bytes:
    """The first frame, at most `width` wide, as WebP."""
    return _webp(_scaled(frames[0], width))


def contact_sheet(frames: Frames, count: int = 8, width: int = 240) -> bytes:
    """`count` frames evenly over the clip, side by side, as WebP."""
    chosen = np.linspace(0, len(frames) - 1, count).round().astype(int)
    tiles = [_scaled(frames[number], width) for number in chosen]
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles), tiles[0].height))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number * tile.width, 0))
    return _webp(sheet)


def _scaled(frame: NDArray[np.uint8], width: int) -> Image.Image:
    image = Image.fromarray(frame)
    image.thumbnail((width, width * 4))
    return image


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()


def _checked(frames: Frames) -> Frames:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        raise MediaError(f"frames must be uint8 (T, H, W, 3) with T ≥ 1, not {frames.dtype} {frames.shape}")
    return frames
