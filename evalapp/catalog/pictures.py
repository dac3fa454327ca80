"""Images that prompts condition on or are held against, sent by page or API: a worker writes each anew before a prompt
set can be frozen with it."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from evalapp.catalog import store
from evalapp.catalog.models import Prompt, picture_path
from evalapp.catalog.receiving import Received
from evalapp.catalog.refusals import spoken
from evalapp.catalog.tasks import store_pictures
from evalapp.people.projects import InProject

LARGEST_IMAGE = 20 * 2**20  # bytes of one file
MOST_IMAGES = 1_000  # that come at once
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


class Picture(Received, InProject):
    """An image file of a project, known by its sha256, on its way to being one that prompts may name."""

    class Meta:
        constraints = [models.UniqueConstraint("project", "sha256", name="one_picture_per_file_and_project")]
        indexes = [models.Index("lease_until", name="waiting_pictures", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"image {self.sha256[:12]}"


def receive(chunks: Iterable[bytes], project: int, by: str) -> Picture:
    """Keep an image aside for a worker; the one that is known already is given back. Raises UploadRefused."""
    picture = Picture(project_id=project, created_by=by)
    return picture.take(chunks, LARGEST_IMAGE, store_pictures.delay, project=project)


def store_waiting() -> None:
    """Write the images that wait anew."""
    Picture.store_waiting(_stored)


def _stored(picture: Picture) -> str:
    """Why it cannot be stored; "" when it is."""
    from generators.inspection import rewritten
    from generators.video import MediaError, whole

    place = picture_path(picture.sha256)
    if store.present(place).exists():
        place.touch()  # it is wanted again
        return ""
    try:
        content = rewritten(picture.path)
    except MediaError as error:
        return str(error).replace(str(picture.path), "the file")
    place.parent.mkdir(parents=True, exist_ok=True)
    with whole(place) as part:
        part.write_bytes(content)
    store.keep(place)
    return ""


def not_ready(images: Collection[str], project: int, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Why a prompt set of that project cannot be frozen with these images yet, by their names or sha256: "" for one
    that still waits for a worker; nothing where all are stored."""
    asked = set(images) - {""}
    used = Prompt.objects.filter(prompt_set__project=project, image__in=asked)
    asked -= set(used.values_list("image", flat=True))
    known = {each.sha256: each for each in Picture.objects.filter(project=project, sha256__in=asked)}
    called = {sha256: name for name, sha256 in (names or {}).items()}
    told = {}
    for sha256 in sorted(asked):
        picture = known.get(sha256)
        if picture is None:
            told[called.get(sha256, sha256)] = _("is not known in this project: send it first")
        elif picture.state != Picture.State.STORED:
            told[called.get(sha256, sha256)] = spoken(picture.reason)
    return told


def is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in ENDINGS
