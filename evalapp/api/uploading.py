"""REST v1, files: a finished clip, an image, or a zip of a list and its images; one a call, its bytes as the body."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, project_for
from evalapp.api.base import Problems, told
from evalapp.api.problems import Conflict
from evalapp.api.serializers import PromptSerializer, Strict
from evalapp.catalog.archives import LARGEST_ARCHIVE, unpack
from evalapp.catalog.models import PromptSet
from evalapp.catalog.pictures import Picture
from evalapp.catalog.pictures import receive as receive_image
from evalapp.catalog.prompt_lists import PromptsRefused, as_rows, read_prompts
from evalapp.catalog.receiving import UploadRefused
from evalapp.generation.uploads import Upload, receive

CHUNK = 2**20


class Bytes(BaseParser):
    """Whatever comes, as a stream: nothing of it is held in memory."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream


class PlaceSerializer(Strict):
    contender = serializers.CharField(max_length=200, help_text="Its name.")
    prompt = serializers.CharField(max_length=200, help_text="The prompt's key in this set.")
    seed = serializers.IntegerField(
        min_value=0, max_value=2**32 - 1, default=0, help_text="0 where there is one clip per prompt."
    )


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
        *(404, 409, 507),
        status=202,
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[PlaceSerializer],
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
        with refusals_told():
            upload = receive(_chunks(request), asked["contender"], prompt, asked["seed"], by)
        return Response(UploadSerializer(upload, context={"request": request}).data, status=202)


class OneUpload(Problems):
    """waiting, stored or refused, and then why."""

    of = "upload"
    permission_classes = [MayOrganize]

    @told(UploadSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        upload = get_object_or_404(Upload.objects.select_related("prompt"), code=code)
        return Response(UploadSerializer(upload, context={"request": request}).data)


class PictureSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField("api-image", lookup_field="code")

    class Meta:
        model = Picture
        fields: tuple[str, ...] = ("code", "sha256", "size", "state", "reason", "url")
        read_only_fields = fields


class UnpackedSerializer(serializers.Serializer):
    prompts = PromptSerializer(many=True, help_text="As POST …/prompt-sets/ takes them.")
    images = PictureSerializer(many=True)


IN_PROJECT = OpenApiParameter("project", UUID, description="its code; needed where you organize more than one")


class Files(Problems):
    """A file for a project of the asker's."""

    permission_classes = [MayOrganize]
    parser_classes = [Bytes]

    def keep(self, request: Request, chunks: Iterator[bytes]) -> Picture:
        project = project_for(request, request.query_params.get("project", ""))
        return receive_image(chunks, project.pk, request.user.get_username())


class Images(Files):
    """PUT an image's bytes (png, jpg, webp): it waits to be checked and written anew (202). Prompts name it by its
    sha256. The same file again is the same image."""

    @told(
        PictureSerializer,
        *(409, 507),
        status=202,
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[IN_PROJECT],
    )
    def put(self, request: Request) -> Response:
        with refusals_told():
            picture = self.keep(request, _chunks(request))
        return Response(PictureSerializer(picture, context={"request": request}).data, status=202)


class OneImage(Problems):
    """waiting, stored or refused, and then why."""

    of = "picture"
    permission_classes = [MayOrganize]

    @told(PictureSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        picture = get_object_or_404(Picture, code=code)
        return Response(PictureSerializer(picture, context={"request": request}).data)


class PromptLists(Files):
    """PUT a zip with one list (CSV, JSONL or text) and the images that it names: its prompts, with the sha256 of each
    image, and the images, which wait to be checked. Nothing is frozen: POST the prompts once the images are stored."""

    @told(
        UnpackedSerializer,
        *(409, 507),
        status=202,
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[IN_PROJECT],
    )
    def put(self, request: Request) -> Response:
        kept: dict[str, Picture] = {}

        def keep(chunks: Iterator[bytes]) -> Picture:
            picture = self.keep(request, chunks)
            return kept.setdefault(picture.sha256, picture)

        with refusals_told(), tempfile.TemporaryFile() as file:
            for chunk in _chunks(request):
                file.write(chunk)
                if file.tell() > LARGEST_ARCHIVE:
                    break  # and is refused for its size
            unpacked = unpack(file, keep)
        try:
            prompts = read_prompts(unpacked.text, unpacked.kind, unpacked.images)
        except PromptsRefused as refused:
            raise serializers.ValidationError({"prompts": refused.problems}) from refused
        images = PictureSerializer(kept.values(), many=True, context={"request": request}).data
        return Response({"prompts": as_rows(prompts, "key"), "images": images}, status=202)


@contextmanager
def refusals_told() -> Iterator[None]:
    """A file that is not taken is a conflict, or, with a full disk, 507."""
    try:
        yield
    except UploadRefused as refused:
        raise (NoRoom if refused.full else Conflict)(str(refused)) from refused


def _chunks(request: Request) -> Iterator[bytes]:
    stream = request._request
    while chunk := stream.read(CHUNK):
        yield chunk
