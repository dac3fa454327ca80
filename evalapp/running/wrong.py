"""What is answered when something of ours went wrong: nothing here asks the database, which may be what did."""

import errno
import re
import sys

from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language_from_request, override
from django.views.defaults import bad_request as page_of_bad_request

from evalapp.catalog.store import BucketFailed
from evalapp.running.logs import request_id

AGAIN_AFTER = 5
TITLES = {
    "away": "The database does not answer",
    "busy": "The database is busy",
    "behind": "The database is older than this code: run `manage.py migrate`",
    "full": "The disk is full",
    "bucket": "The store of clips does not answer",
}
LACKS = re.compile(r"no such (table|column)|table \S+ has no column")
"""How SQLite says it."""
OF_CODE = dict.fromkeys(("42P01", "42703"), "behind")
OF_CODE |= dict.fromkeys(("55P03", "40P01", "40001", "57014"), "busy")
OF_CODE |= dict.fromkeys(("53100", "SQLITE_FULL"), "full")
OF_CODE |= dict.fromkeys(("SQLITE_READONLY", "SQLITE_ERROR"), "")
"""What PostgreSQL and SQLite call it; everything else that stops an operation is taken for silence."""


def trouble_of(error: BaseException | None) -> str:
    """Which of TITLES it is; empty for what is none of them."""
    if isinstance(error, BucketFailed):
        return "bucket"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "full"
    if not isinstance(error, DatabaseError | InterfaceError):
        return ""
    code = getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "sqlite_errorname", None) or ""
    if LACKS.search(str(error)):
        return "behind"
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "busy"
    return OF_CODE.get(code, "away" if isinstance(error, OperationalError | InterfaceError) else "")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what Django refuses before any view; programs get a problem document."""
    if not request.path.startswith("/api/"):
        return page_of_bad_request(request, exception)
    wrong_host = isinstance(exception, DisallowedHost)
    detail = "this server does not answer by that name" if wrong_host else "the request cannot be read"
    problem = {"type": "about:blank", "title": "Bad request", "status": 400, "detail": detail}
    return JsonResponse(problem, status=400, content_type="application/problem+json")


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while it is the database, the bucket or a full disk; programs get a problem document."""
    trouble = trouble_of(sys.exc_info()[1])
    status = 503 if trouble else 500
    number = request_id.get()
    response: HttpResponse
    if request.path.startswith("/api/"):
        title = TITLES.get(trouble, "Server error")
        detail = f"what was sent may not be stored: try again later; the log tells more of request {number}"
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        response = JsonResponse(problem, status=status, content_type="application/problem+json")
    else:
        with override(get_language_from_request(request)):  # it may have broken before the language was looked up
            page = render_to_string("500.html", {"trouble": trouble, "number": number[:8]})
        response = HttpResponse(page, status=status)
    if trouble:
        response["Retry-After"] = str(AGAIN_AFTER)
    return response
