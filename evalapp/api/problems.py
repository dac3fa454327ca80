"""Errors of the API as problem documents (RFC 9457): type, title, status, detail."""

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from evalapp.people.harvest import TooMuch

MEDIA_TYPE = "application/problem+json"
NAMED = re.compile(r' "\{\w+\}"')
"""Where Django REST framework's own sentences name a method or a media type, which a title does not."""


class Conflict(exceptions.APIException):
    """The comparison is not in a state for this; the message says what to do."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "not possible now"


class PreconditionFailed(exceptions.APIException):
    """What is to be changed is not what was read."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "changed meanwhile"


def as_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of every view here; what is no known error stays a server error."""
    if isinstance(error, Http404):
        error = exceptions.NotFound("there is no such thing here, or not for you")
    elif isinstance(error, TooMuch):
        error = exceptions.Throttled(error.wait, str(error))
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = exceptions.ParseError(f"more than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes of JSON are not read")
    if not isinstance(error, exceptions.APIException):
        return None
    title = NAMED.sub("", str(error.default_detail)).rstrip(".")
    problem: dict[str, Any] = {"type": "about:blank", "title": title, "status": error.status_code}
    if isinstance(error, exceptions.ValidationError):
        problem["errors"] = error.detail
    else:
        problem["detail"] = str(error.detail)
    response = Response(problem, status=error.status_code, content_type=MEDIA_TYPE)
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait))
    if scheme := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = scheme
    response.exception = True
    return response
