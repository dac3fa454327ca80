"""Clips over HTTP: the bytes asked for, and nothing that tells one file from another."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

CHUNK = 64 * 1024
KEPT = "private, max-age=3600, immutable"
MEDIA_TYPES = {".mp4": "video/mp4", ".webp": "image/webp"}
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def media_response(request: HttpRequest, path: Path) -> HttpResponseBase:
    """The file, or the one byte range asked for (RFC 9110 §14): 200, 206 or 416.

    The address is the only name: no ETag, no Last-Modified, no file name. Compression is declined by naming the
    encoding, since a compressed range is of other bytes than those asked for. Several ranges at once, and units
    other than bytes, are answered with the whole file, as the standard allows.
    Raises KeyError for a kind of file that browsers do not get and FileNotFoundError for one that is gone.
    """
    media_type = MEDIA_TYPES[path.suffix]
    size = path.stat().st_size
    if settings.MEDIA_ACCEL:
        # nginx sends the bytes, ranges and all: deploy/nginx.conf
        inside = path.relative_to(settings.MEDIA_DIR).as_posix()
        sent = {"X-Accel-Redirect": settings.MEDIA_ACCEL + inside, "Cache-Control": KEPT}
        return HttpResponse(content_type=media_type, headers=sent)
    first, last, status = 0, size - 1, 200
    if asked := _ONE_RANGE.fullmatch(request.headers.get("Range", "").strip()):
        start, end = asked.groups()
        if start and end and int(end) < int(start):
            pass  # malformed: as if no range had been asked for
        elif start or end:
            status = 206
            first = int(start) if start else max(0, size - int(end))
            last = min(int(end), size - 1) if start and end else size - 1
            if first >= size or (not start and int(end) == 0):
                refusal = HttpResponse(status=416, content_type=media_type)
                refusal["Content-Range"] = f"bytes */{size}"
                return _plain(refusal)
    length = last - first + 1
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(status=status, content_type=media_type)
    else:
        response = StreamingHttpResponse(_bytes(path, first, length), status=status, content_type=media_type)
    response["Content-Length"] = str(length)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return _plain(response)


def _plain(response: HttpResponseBase) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = KEPT
    response["Content-Encoding"] = "identity"
    return response


def _bytes(path: Path, first: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while length > 0 and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
