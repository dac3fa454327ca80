"""The organizer's page of own clips: files, or a zip, for the prompts of a set. Each waits for a worker to check it, as
every upload does; the page tells of each what became of it."""

import csv
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from evalapp.catalog.archives import opened
from evalapp.catalog.models import Prompt, PromptSet
from evalapp.catalog.receiving import UploadRefused
from evalapp.catalog.refusals import spoken
from evalapp.catalog.views import ZIP, SeveralFiles
from evalapp.generation.layouts import CLIP_ENDINGS
from evalapp.generation.uploads import Upload, receive
from evalapp.people.projects import Role
from evalapp.people.views import members_only

LISTED = 50
LARGEST_TABLE = 2**20
Sent = tuple[str, Callable[[], Iterator[bytes]]]
"""A file's name, and its bytes when asked for."""


class Several(forms.FileField):
    """As many files as are chosen."""

    widget = SeveralFiles(attrs={"accept": ",".join([*CLIP_ENDINGS, ZIP])})

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        if not data:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return [super(Several, self).clean(each, initial) for each in data]


class OwnClips(forms.Form):
    contender = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Contender"),
        help_text=gettext_lazy("Whose clips these are. Empty: a zip has a folder for each contender."),
    )
    clips = Several(
        label=gettext_lazy("Clips, or a zip of them"),
        help_text=gettext_lazy(
            "Named by the prompt's id or text: cat.mp4, or cat-1.mp4 where a prompt has several seeds."
        ),
    )
    table = forms.FileField(
        required=False,
        label=gettext_lazy("A list of the files"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv"}),
        help_text=gettext_lazy("Only where files are named otherwise. CSV with columns file, prompt_id and seed."),
    )

    def clean_table(self) -> dict[str, tuple[str, str]]:
        """Prompt's key and seed by a file's name."""
        file = self.cleaned_data["table"]
        if not file:
            return {}
        if file.size > LARGEST_TABLE:
            raise forms.ValidationError(_("This file is larger than 1 MB."))
        try:
            rows = list(csv.DictReader(str(file.read(), "utf-8-sig").splitlines()))
        except (UnicodeDecodeError, csv.Error) as error:
            raise forms.ValidationError(_("This file is not CSV in UTF-8: save it as that.")) from error
        if not rows or not {"file", "prompt_id"} <= set(rows[0]):
            raise forms.ValidationError(_("The list needs the columns file and prompt_id."))
        return {row["file"] or "": (row["prompt_id"] or "", row.get("seed") or "0") for row in rows}


@members_only(Role.ORGANIZER, of="prompt_set")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own_clips(request: HttpRequest, number: int) -> HttpResponse:
    """What was sent for this prompt set, and the form for more; posting keeps each file that has a place."""
    prompt_set = get_object_or_404(PromptSet, pk=number)
    form, refused = OwnClips(request.POST or None, request.FILES or None), list[str]()
    if form.is_valid():
        asked = form.cleaned_data
        by, taken = request.user.get_username(), 0
        keep = Places(prompt_set, asked["contender"].strip(), asked["table"], by)
        for file in asked["clips"]:
            try:
                for name, read in _files_in(file):
                    taken += keep.take(name, read, refused)
            except UploadRefused as refusal:
                refused.append(f"{file.name}: {refusal}")
        if taken:
            said = ngettext(
                "%(n)d file is taken: a worker checks it.", "%(n)d files are taken: a worker checks them.", taken
            )
            messages.success(request, said % {"n": taken})
        if not refused:
            return redirect("own-clips", number)
    context = {"set": prompt_set, "form": form, "refused": refused[:LISTED], "more": max(0, len(refused) - LISTED)}
    context |= _state_of(prompt_set)
    if request.headers.get("HX-Request"):
        return render(request, "catalog/_uploads.html", context)
    return render(request, "catalog/own_clips.html", context, status=422 if refused else 200)


def _files_in(file: Any) -> Iterator[Sent]:
    """A chosen file, or those in a zip. Raises UploadRefused."""
    name = PurePosixPath(str(file.name))
    if name.suffix.lower() != ZIP:
        yield name.name, file.chunks
        return
    told = _("a clip (%(endings)s) nor a folder of clips") % {"endings": ", ".join(CLIP_ENDINGS)}
    with opened(file, lambda member: PurePosixPath(member).suffix.lower() in CLIP_ENDINGS, told) as members:
        for member, read in members.items():
            yield member, lambda read=read: read(settings.UPLOAD_MAX_BYTES)  # type: ignore[misc]


class Places:
    """Where files of a prompt set belong: by their names or by a list, and whose they are."""

    def __init__(self, prompt_set: PromptSet, contender: str, table: dict[str, tuple[str, str]], by: str) -> None:
        self.contender, self.table, self.by = contender, table, by
        prompts = list(prompt_set.prompts.select_related("prompt_set"))
        self.prompts: dict[str, Prompt] = {each.text: each for each in prompts} | {each.key: each for each in prompts}
        """By text, as VBench's samples are named, and by id, which goes first."""

    def take(self, name: str, read: Callable[[], Iterator[bytes]], refused: list[str]) -> bool:
        """Keep the file, or say in `refused` why not."""
        try:
            receive(read(), *self._place(PurePosixPath(name)), by=self.by)
        except UploadRefused as refusal:
            refused.append(f"{name}: {refusal}")
            return False
        return True

    def _place(self, path: PurePosixPath) -> tuple[str, Prompt, int]:
        """Contender, prompt and seed. Raises UploadRefused."""
        if path.suffix.lower() not in CLIP_ENDINGS:
            raise UploadRefused(_("is no clip: %(endings)s are taken") % {"endings": ", ".join(CLIP_ENDINGS)})
        listed = self.table.get(str(path)) or self.table.get(path.name)
        key, _dash, seed = path.stem.rpartition("-")
        if listed:
            key, seed = listed
        elif path.stem in self.prompts:
            key, seed = path.stem, "0"
        if key not in self.prompts or not (seed.isascii() and seed.isdigit() and len(seed) < 10):
            raise UploadRefused(_("no prompt of this set has that id or text: files are named cat.mp4 or cat-1.mp4"))
        prompt, folders = self.prompts[key], path.parts[:-1]
        if folders and f"dimension:{folders[-1]}" in prompt.tags:  # VBench's, within a contender's folder
            folders = folders[:-1]
        contender = self.contender or (folders[-1] if folders else "")
        if not contender or len(contender) > 200:
            raise UploadRefused(_("nothing says whose clip it is: name the contender, or send a zip with its folder"))
        return contender, prompt, int(seed)


def _state_of(prompt_set: PromptSet) -> dict[str, Any]:
    """Uploads by contender, and why some were refused."""
    sent = Upload.objects.filter(prompt__prompt_set=prompt_set)
    states = {state: Count("pk", filter=Q(state=state)) for state in Upload.State.values}
    rows: list[Any] = list(
        sent.order_by().values("contender").annotate(total=Count("pk"), **states).order_by("contender")
    )
    refused = sent.filter(state=Upload.State.REFUSED).select_related("prompt").order_by("contender", "prompt", "seed")
    failed = [(each, spoken(each.reason).replace("the file", _("the file"), 1)) for each in refused[:LISTED]]
    complete = sum(row["stored"] > 0 for row in rows) > 1
    waiting = sum(row["waiting"] for row in rows)
    return {"rows": rows, "waiting": waiting, "failed": failed, "ready": complete and not waiting}
