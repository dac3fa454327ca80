"""What is answered when something of ours went wrong: nothing here asks the database, which may be what did."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language_from_request, override

from evalapp.running.logs import request_id

AGAIN_AFTER = 5


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database does not answer; programs get a problem document."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if away else 500
    number = request_id.get()
    response: HttpResponse
    if request.path.startswith("/api/"):
        title = "The database does not answer" if away else "Server error"
        detail = f"what was sent may not be stored: try again later; the log tells more of request {number}"
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        response = JsonResponse(problem, status=status, content_type="application/problem+json")
    else:
        with override(get_language_from_request(request)):  # it may have broken before the language was looked up
            page = render_to_string("500.html", {"away": away, "number": number[:8]})
        response = HttpResponse(page, status=status)
    if away:
        response["Retry-After"] = str(AGAIN_AFTER)
    return response
