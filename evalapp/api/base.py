"""What every view of the API shares: errors as problem documents, pages, ETags, and its line in the schema."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from evalapp.api.authentication import Pace
from evalapp.api.problems import MEDIA_TYPE, PreconditionFailed, as_problem
from evalapp.api.serializers import ProblemSerializer
from evalapp.catalog.models import digest
from evalapp.people.access import access_of
from evalapp.people.projects import Project

ALWAYS_POSSIBLE = (400, 401, 403, 429)


class Problems(APIView):
    """Errors leave as problem documents, and whatever is read with an ETag: 304 to who has it already. A parameter in
    the address that nobody reads is an error: a filter misspelt would leave everything in.

    Who changes something may say in `If-Match` what they have read; when it is no longer so, 412 (RFC 9110, 13.1.1).
    """

    throttle_classes = [Pace]
    shown_by: "type[Problems] | None" = None
    """The view whose GET shows what this one changes, where that is not its own."""

    def get_exception_handler(self) -> Any:
        return as_problem

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = str(request.method).lower()
        unread = sorted(set(request.query_params) - self._read_from_address(method))
        if unread and method != "options" and hasattr(self, method):
            raise serializers.ValidationError({name: [self._nearest(name, method)] for name in unread})
        if "If-Match" in request.headers and request.method not in SAFE_METHODS and hasattr(self, method):
            setattr(self, method, partial(self._if_unchanged, getattr(self, method)))

    def _read_from_address(self, method: str) -> set[str]:
        pages = getattr(self, "paginator", None) if method in ("get", "head") else None
        of_pages = [each["name"] for each in pages.get_schema_operation_parameters(self)] if pages else []
        named = getattr(getattr(self, method, None), "parameters", ())
        return {*named, *of_pages, str(api_settings.URL_FORMAT_OVERRIDE)}

    def _nearest(self, name: str, method: str) -> str:
        known = sorted(self._read_from_address(method) - {api_settings.URL_FORMAT_OVERRIDE})
        if near := get_close_matches(name, known, n=1):
            return f"is not known here; did you mean {near[0]}?"
        return f"is not known here; known are: {', '.join(known)}" if known else "is not known here: no parameter is"

    @transaction.atomic
    def _if_unchanged(self, act: Callable[..., Any], request: Request, *args: Any, **kwargs: Any) -> Any:
        """Of two who have read the same, one changes it: such changes wait for each other within a project."""
        project = access_of(request).project
        list(Project.objects.select_for_update(no_key=True).filter(pk=project.pk if project else 0))
        reading = (self.shown_by or type(self))(request=request, args=args, kwargs=kwargs, format_kwarg=None)
        if not (read := getattr(reading, "get", None)):
            raise PreconditionFailed("nothing with an ETag is read at this address: send no If-Match")
        etag = etag_of(read(request, *args, **kwargs))
        if not _names(request.headers["If-Match"], etag):
            raise PreconditionFailed(f"it was changed meanwhile and is {etag} now: read it again")
        return act(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            etag = etag_of(response)
            if _names(request.headers.get("If-None-Match", ""), etag):
                response = Response(status=304)
            response["ETag"] = etag
        return super().finalize_response(request, response, *args, **kwargs)


class Paged(CursorPagination):
    """Pages by a cursor; the last one's `next` is null."""

    def get_paginated_response_schema(self, schema: Any) -> Any:
        told = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            told["properties"][name] = {"type": ["string", "null"], "format": "uri"}
        return told


class NewestFirst(Paged):
    ordering = ("-created_at", "-pk")
    page_size = 50


class ByKey(Paged):
    """Stable while votes come in: a later page never repeats or loses one."""

    ordering = "pk"
    page_size = 500


class AtOnce(Paged):
    """A registry: short, and no table to page through. One page holds it."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        return list(queryset)

    def get_next_link(self) -> None:
        return None

    get_previous_link = get_next_link

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        return []


def told(answer: Any, *problems: int, status: int = 200, **schema: Any) -> Callable[[Any], Any]:
    """The schema's line of a method: what it answers, and which problems it may answer instead.

    answer: a serializer or type; or one for each `(status, media type)`.
    """

    def tell(method: Any) -> Any:
        responses: dict[Any, Any] = dict(answer) if isinstance(answer, dict) else {status: answer}
        if method.__name__ == "get":
            responses[304] = OpenApiResponse(description="unchanged since that ETag")
        # A body may be no JSON, or something else that says it is.
        unreadable = (415,) if schema.get("request") else ()
        changed = () if method.__name__ == "get" else (412,)
        listed = (404,) if getattr(answer, "many", False) else ()  # a cursor that leads nowhere
        for code in sorted({*ALWAYS_POSSIBLE, *unreadable, *changed, *listed, *problems}):
            responses[code, MEDIA_TYPE] = ProblemSerializer
        described = extend_schema(responses=responses, **schema)(method)
        described.parameters = {name for each in schema.get("parameters", ()) for name in _named(each)}
        return described

    return tell


def _named(parameter: Any) -> list[str]:
    """By one line of the schema, or by a serializer that reads several."""
    return [parameter.name] if isinstance(parameter, OpenApiParameter) else list(parameter().fields)


def checked(body: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The request's body as that serializer reads it; raises ValidationError by field."""
    read = body(data=request.data, context={"request": request})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def etag_of(response: HttpResponse) -> str:
    """Of the content of an answer, whether or not it was written out yet."""
    told = _plain(response.data) if isinstance(response, Response) else response.content.decode("latin-1")
    return f'"{digest(told)[:32]}"'


def _names(header: str, etag: str) -> bool:
    """Whether If-Match or If-None-Match names it; whatever there is, where it is an asterisk.

    A compressed answer bears it as a weak one (`W/`), by GZipMiddleware: the same content, or it would be another.
    """
    return bool({each.strip().removeprefix("W/") for each in header.split(",")} & {etag, "*"})


def filled(form: forms.Form) -> dict[str, Any]:
    """What a page's form takes of the same fields; raises ValidationError by field."""
    if not form.is_valid():
        raise serializers.ValidationError({name: list(map(str, said)) for name, said in form.errors.items()})
    return form.cleaned_data


def _plain(data: Any) -> Any:
    """The same data with strings for whatever JSON has no type for."""
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data if isinstance(data, bool | int | float | type(None)) else str(data)
