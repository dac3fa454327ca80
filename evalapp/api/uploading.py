"""REST v1, finished clips: one file a call, its bytes as the body."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize
from evalapp.api.base import Problems, told
from evalapp.api.problems import Conflict
from evalapp.api.serializers import Strict
from evalapp.catalog.models import PromptSet
from evalapp.generation.uploads import Upload, UploadRefused, receive

CHUNK = 2**20


class Bytes(BaseParser):
    """Whatever comes, as a stream: nothing of it is held in memory."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream


class PlaceSerializer(Strict):
    contender = serializers.CharField(max_length=200)
    prompt = serializers.CharField(max_length=200)
    seed = serializers.IntegerField(min_value=0, max_value=2**32 - 1, default=0)


class UploadSerializer(serializers.ModelSerializer):
    prompt = serializers.CharField(source="prompt.key")
    url = serializers.HyperlinkedIdentityField("api-upload", lookup_field="code")

    class Meta:
        model = Upload
        fields: tuple[str, ...] = ("code", "contender", "prompt", "seed", "sha256", "size", "state", "reason", "url")
        read_only_fields = fields


class NoRoom(exceptions.APIException):
    status_code = 507
    default_detail = "the disk is full"


class Clips(Problems):
    """PUT a clip's bytes: it waits to be checked and stored (202). The same file again is the same upload."""

    of = "prompt_set"
    permission_classes = [MayOrganize]
    parser_classes = [Bytes]

    @told(
        UploadSerializer,
        *(400, 404, 409, 507),
        status=202,
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter("contender", str, required=True, description="its name"),
            OpenApiParameter("prompt", str, required=True, description="the prompt's key in this set"),
            OpenApiParameter("seed", int, description="0 where there is one clip per prompt"),
        ],
    )
    def put(self, request: Request, number: int) -> Response:
        place = PlaceSerializer(data=request.query_params.dict())
        place.is_valid(raise_exception=True)
        asked = place.validated_data
        prompt_set = get_object_or_404(PromptSet, pk=number)
        prompt = prompt_set.prompts.filter(key=asked["prompt"]).first()
        if prompt is None:
            raise serializers.ValidationError({"prompt": [f"{prompt_set} has no prompt {asked['prompt']!r}"]})
        by = request.user.get_username()
        try:
            upload = receive(_chunks(request), asked["contender"], prompt, asked["seed"], by)
        except UploadRefused as refused:
            raise (NoRoom if refused.full else Conflict)(str(refused)) from refused
        return Response(UploadSerializer(upload, context={"request": request}).data, status=202)


class OneUpload(Problems):
    """waiting, stored or refused, and then why."""

    of = "upload"
    permission_classes = [MayOrganize]

    @told(UploadSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        upload = get_object_or_404(Upload.objects.select_related("prompt"), code=code)
        return Response(UploadSerializer(upload, context={"request": request}).data)


def _chunks(request: Request) -> Iterator[bytes]:
    stream = request._request
    while chunk := stream.read(CHUNK):
        yield chunk
