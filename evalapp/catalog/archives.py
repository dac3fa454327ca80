"""A zip with a prompt list and the images it names, or with clips. Nothing is ever unpacked under a name of the
archive's own: members are read one by one, counted as they come, and kept under names of ours until a worker has
checked them."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from django.utils.translation import gettext as _

from evalapp.catalog.pictures import LARGEST_IMAGE, MOST_IMAGES, Picture, is_image
from evalapp.catalog.prompt_lists import KINDS
from evalapp.catalog.receiving import UploadRefused

LARGEST_ARCHIVE = 256 * 2**20  # bytes
LARGEST_DIRECTORY = 2**20  # bytes of the archive's table of contents
LARGEST_LIST = 5 * 2**20
MOST_UNPACKED = 2**30  # bytes of all members together, counted while they are read
MOST_TIMES = 100  # as large as packed, beyond the first MiB
CHUNK = 2**16
END = struct.Struct("<4s4H2LH")
"""The record at an archive's end: signature, two disk numbers, two counts of members, size and place of the table,
length of a comment (PKWARE APPNOTE 4.3.16)."""


@dataclass
class Unpacked:
    """The list's text and ending, and the sha256 of each image by the name that the list calls it."""

    text: str
    kind: str
    images: dict[str, str] = field(default_factory=dict)


@contextmanager
def opened(
    file: IO[bytes], takes: Callable[[str], bool], told: str
) -> Iterator[dict[str, Callable[[int], Iterator[bytes]]]]:
    """A zip's files by name, each read by how many bytes it may have at most; `takes` says which names are of use, and
    `told` what those are. Raises UploadRefused, which names the member."""
    try:
        _look_at_the_end(file)
        with zipfile.ZipFile(file) as archive:
            members, read = _members(archive, takes, told), _Counted(archive)
            yield {name: partial(read.chunks, info) for name, info in members.items()}
    except UploadRefused:
        raise
    except UnicodeDecodeError:
        raise UploadRefused(_("the list is not UTF-8 text: save it as UTF-8")) from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise UploadRefused(_("this is no zip archive that can be read (%(why)s)") % {"why": error}) from error
    except (OSError, struct.error, zlib.error) as error:
        raise UploadRefused(_("this archive is damaged (%(why)s)") % {"why": error}) from error


def unpack(file: IO[bytes], keep: Callable[[Iterator[bytes]], Picture]) -> Unpacked:
    """The one list in a zip, and its images, each handed to `keep`. Raises UploadRefused, which names the member."""
    told = _("an image (png, jpg, webp) nor a list (%(kinds)s)") % {"kinds": ", ".join(KINDS)}
    with opened(file, lambda name: is_image(name) or _ending(name) in KINDS, told) as members:
        lists = [name for name in members if not is_image(name)]
        if len(lists) != 1:
            found = {"kinds": ", ".join(KINDS), "found": ", ".join(lists) or _("none")}
            raise UploadRefused(_("an archive holds one list of prompts (%(kinds)s); this one: %(found)s") % found)
        (name,) = lists
        content = b"".join(members[name](LARGEST_LIST))
        home, unpacked = PurePosixPath(name).parent, Unpacked(str(content, "utf-8-sig"), _ending(name))
        for image, read in members.items():
            if is_image(image):
                sha256 = keep(read(LARGEST_IMAGE)).sha256
                unpacked.images[image] = sha256
                if PurePosixPath(image).is_relative_to(home):
                    unpacked.images[PurePosixPath(image).relative_to(home).as_posix()] = sha256
    return unpacked


def _look_at_the_end(file: IO[bytes]) -> None:
    """Refuse what would make a reader take a table of contents of any size for one, before there is a reader."""
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        raise UploadRefused(_("this is no zip archive with something in it"))
    size = file.seek(0, 2)
    if size > LARGEST_ARCHIVE:
        raise UploadRefused(_("the archive is larger than %(n)s MiB") % {"n": LARGEST_ARCHIVE // 2**20})
    file.seek(max(0, size - END.size - 20))
    tail = file.read()
    signature, *_disks, table, _place, comment = END.unpack(tail[-END.size :])
    if signature != b"PK\x05\x06" or comment or tail.startswith(b"PK\x06\x07"):
        raise UploadRefused(_("this archive has a comment, is a zip64 or is cut short: pack it anew, without either"))
    if table > LARGEST_DIRECTORY:
        raise UploadRefused(_("the archive has too many members (at most %(n)s files and a list)") % {"n": MOST_IMAGES})
    file.seek(0)


def _members(archive: zipfile.ZipFile, takes: Callable[[str], bool], told: str) -> dict[str, zipfile.ZipInfo]:
    """Files by their names; what a Mac or a file manager adds is passed over."""
    members: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for info in archive.infolist():
        name, path = info.orig_filename, PurePosixPath(info.orig_filename)
        if info.is_dir() or path.parts[:1] == ("__MACOSX",) or path.name in (".DS_Store", "Thumbs.db"):
            continue
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not name.isprintable():
            raise UploadRefused(
                _("%(name)s leads out of the archive's folder, or could: rename it") % {"name": repr(name)}
            )
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise UploadRefused(_("%(name)s: is a link or a device, not a file") % {"name": name})
        if name.casefold() in seen:
            raise UploadRefused(_("%(name)s: comes twice") % {"name": name})
        if not takes(name):
            raise UploadRefused(_("%(name)s: is neither %(told)s") % {"name": name, "told": told})
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            why = _("%(name)s: is encrypted or packed in a way that is not read; use plain zip")
            raise UploadRefused(why % {"name": name})
        if info.file_size > MOST_TIMES * info.compress_size + 2**20:
            why = _("%(name)s: would become more than %(n)s times as large as it is packed")
            raise UploadRefused(why % {"name": name, "n": MOST_TIMES})
        seen.add(name.casefold())
        members[name] = info
    if len(members) > MOST_IMAGES + 1:
        raise UploadRefused(_("the archive has too many members (at most %(n)s files and a list)") % {"n": MOST_IMAGES})
    return members


class _Counted:
    """Reads members and counts what comes out of them, whatever the archive says of their sizes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive, self.left = archive, MOST_UNPACKED

    def chunks(self, info: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
        with self.archive.open(info) as file:
            while chunk := file.read(CHUNK):
                most, self.left = most - len(chunk), self.left - len(chunk)
                if most < 0:
                    raise UploadRefused(_("%(name)s: is too large for what it is") % {"name": info.filename})
                if self.left < 0:
                    raise UploadRefused(_("the archive holds more than %(n)s MiB") % {"n": MOST_UNPACKED // 2**20})
                yield chunk


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
