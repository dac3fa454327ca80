"""Finished clips that come one by one over the API: kept aside as they came, then checked and stored by a worker.

The web process only counts bytes and looks at a file's first ones. A worker has it decoded in a confined process,
writes master and rendition anew from the frames, as every import does, and forgets the original: nothing that a
stranger sent is ever served, or met by another decoder.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from evalapp.catalog.models import IMPORT, Contender, Prompt
from evalapp.catalog.receiving import Received, UploadRefused
from evalapp.generation.files import discard
from evalapp.generation.imports import stage, store_clip
from evalapp.generation.layouts import Place
from evalapp.generation.models import Clip
from evalapp.generation.tasks import store_uploads


class Upload(Received):
    """A file on its way to being a clip; the same file for the same place is one upload, however often it is sent."""

    contender = models.CharField(max_length=200, help_text="Its name; made when the first clip is stored.")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="uploads")
    seed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint("contender", "prompt", "seed", "sha256", name="one_upload_per_file_and_place")
        ]
        indexes = [models.Index("lease_until", name="waiting_uploads", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"upload {self.code}"


def receive(chunks: Iterable[bytes], contender: str, prompt: Prompt, seed: int, by: str) -> Upload:
    """Keep a file aside for a worker; the one that is known already is given back. Raises UploadRefused."""
    here = Contender.objects.filter(name=contender, project=prompt.prompt_set.project_id)
    other = here.exclude(recipe__generator=IMPORT).exists()
    if other:
        raise UploadRefused(
            _("%(name)s is rendered here, not imported: choose another name") % {"name": repr(contender)}
        )
    upload = Upload(contender=contender, prompt=prompt, seed=seed, created_by=by)
    return upload.take(
        chunks, settings.UPLOAD_MAX_BYTES, store_uploads.delay, contender=contender, prompt=prompt, seed=seed
    )


def store_waiting() -> None:
    """Store the uploads that wait."""
    Upload.store_waiting(_stored)


def _stored(upload: Upload) -> str:
    """Why it cannot be stored; "" when it is."""
    place = Place(upload.contender, upload.prompt.key, upload.seed, upload.path)
    known = Clip.objects.filter(
        contender__name=upload.contender, prompt=upload.prompt, seed=upload.seed, state=Clip.State.READY
    )
    if known.filter(facts__imported__sha256=upload.sha256).exists():
        return ""
    if known.exists():
        return "another clip of this prompt and seed is stored for this contender: clips are never replaced"
    staged = stage(place)
    if isinstance(staged, str):
        return staged.replace(str(upload.path), "the file")
    try:
        with transaction.atomic():
            store_clip(staged, _contender(upload), upload.prompt)
    except BaseException:
        discard(Clip(folder=staged.columns["folder"]))
        raise
    return ""


def _contender(upload: Upload) -> Contender:
    """Made with its first clip, in the project of the prompts that it answers."""
    return Contender.objects.imported(upload.contender, upload.prompt.prompt_set.project_id)
