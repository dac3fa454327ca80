"""What every view of the API shares: errors as problem documents, pages, ETags, and its line in the schema."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evalapp.api.authentication import Pace
from evalapp.api.problems import MEDIA_TYPE, as_problem
from evalapp.api.serializers import ProblemSerializer
from evalapp.catalog.models import digest

ALWAYS_POSSIBLE = (401, 403, 429)


class Problems(APIView):
    """Errors leave as problem documents."""

    throttle_classes = [Pace]

    def get_exception_handler(self) -> Any:
        return as_problem


class NewestFirst(CursorPagination):
    ordering = ("-created_at", "-pk")
    page_size = 50


class ByKey(CursorPagination):
    """Stable while votes come in: a later page never repeats or loses one."""

    ordering = "pk"
    page_size = 500


def told(answer: Any, *problems: int, status: int = 200, **schema: Any) -> Callable[[Any], Any]:
    """The schema's line of a method: what it answers, and which problems it may answer instead."""
    responses: dict[Any, Any] = {status: answer}
    # A body may be no JSON, or something else that says it is.
    unreadable = (400, 415) if schema.get("request") else ()
    for code in sorted({*ALWAYS_POSSIBLE, *unreadable, *problems}):
        if code == 304:
            responses[code] = OpenApiResponse(description="unchanged since that ETag")
        else:
            responses[code, MEDIA_TYPE] = ProblemSerializer
    return extend_schema(responses=responses, **schema)


def checked(body: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The request's body as that serializer reads it; raises ValidationError by field."""
    read = body(data=request.data, context={"request": request})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def tagged(request: Request, data: Any) -> Response:
    """The answer with an ETag of its content, or 304 where the caller has it already."""
    etag = f'"{digest(_plain(data))[:32]}"'
    if etag in (each.strip() for each in request.headers.get("If-None-Match", "").split(",")):
        return Response(status=304, headers={"ETag": etag})
    return Response(data, headers={"ETag": etag})


def _plain(data: Any) -> Any:
    """The same data with strings for whatever JSON has no type for."""
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data if isinstance(data, bool | int | float | type(None)) else str(data)
