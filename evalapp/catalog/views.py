"""Prompt sets: brought in, looked at before they are frozen, and held against their earlier versions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalapp.catalog.alike import alike
from evalapp.catalog.archives import unpack
from evalapp.catalog.meanings import NoEncoder, ask, encoder_given
from evalapp.catalog.models import PromptSet, PromptText, picture_path
from evalapp.catalog.pictures import ENDINGS, Picture, not_ready, receive
from evalapp.catalog.prompt_lists import KINDS, Change, PromptsRefused, as_lines, changes, read_prompts
from evalapp.catalog.receiving import UploadRefused
from evalapp.catalog.refusals import spoken
from evalapp.catalog.store import present
from evalapp.catalog.tasks import KEPT_SECONDS, alike_of, ring_again, ring_sample, told_of
from evalapp.people import audit
from evalapp.people.access import project_of
from evalapp.people.projects import Role
from evalapp.people.views import members_only, organizers_only

LARGEST = 5 * 2**20  # bytes of an uploaded list
SHOWN = 200
ZIP = ".zip"
WRITTEN = {
    ".txt": gettext_lazy("one prompt per line"),
    ".csv": gettext_lazy("CSV: id, text, tags separated by |, language, image"),
    ".jsonl": gettext_lazy("JSONL: {id, text, tags, language, image} per line"),
    ".json": gettext_lazy("suites of templates, JSON"),
}


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class Images(forms.FileField):
    """As many files as are chosen."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(Images, self).clean(each, initial) for each in data or []]


class NewPromptSet(forms.Form):
    """A list as text or as a file; `prompts` are read from whichever is given. Images that come along are kept for a
    worker to check, in `project`, `by` whom."""

    name = forms.CharField(
        max_length=200, label=gettext_lazy("Name"), help_text=gettext_lazy("An existing name makes its next version.")
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("A file"),
        widget=forms.ClearableFileInput(attrs={"accept": ",".join([*KINDS, ZIP])}),
        help_text=gettext_lazy("A list, or a zip with one list and the images that it names."),
    )
    images = Images(
        required=False,
        label=gettext_lazy("Images that the list names"),
        widget=SeveralFiles(attrs={"accept": ",".join(ENDINGS)}),
        help_text=gettext_lazy("What clips start from or are held against: png, jpg or webp, up to 20 MB each."),
    )
    written = forms.ChoiceField(
        choices=list(WRITTEN.items()), initial=".txt", label=gettext_lazy("Or text, written as")
    )
    text = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(attrs={"rows": 10}), label=gettext_lazy("The list")
    )

    def __init__(self, *given: Any, project: int = 0, by: str = "", **named: Any) -> None:
        super().__init__(*given, **named)
        self.project, self.by = project, by
        self.prompts: Sequence[PromptText] = ()
        self.images_named: dict[str, str] = {}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        file, text, kind = cleaned.get("file"), cleaned.get("text", ""), cleaned.get("written", ".txt")
        try:
            for image in cleaned.get("images") or []:
                self.images_named[image.name] = self._keep(image.chunks()).sha256
            if file and (kind := PurePath(file.name or "").suffix.lower()) == ZIP:
                unpacked = unpack(file, self._keep)
                self.images_named |= unpacked.images
                text, kind = unpacked.text, unpacked.kind
            elif file:
                text = self._content(file)
        except UploadRefused as refused:
            self.add_error("file" if file else "images", spoken(str(refused)))
        if not text.strip() and not self.errors:
            self.add_error("text", _("Write prompts here, or choose a file."))
        elif not self.errors:
            try:
                self.prompts = read_prompts(text, kind, self.images_named)
            except PromptsRefused as refused:
                shown = [*refused.problems[:20], *(["…"] if len(refused.problems) > 20 else [])]
                self.add_error("file" if file else "text", shown)
        if any(prompt.image for prompt in self.prompts):
            text, kind = as_lines(self.prompts), ".jsonl"  # which names images by what they are known by from now on
        return cleaned | {"text": text, "written": kind}

    def _keep(self, chunks: Iterator[bytes]) -> Picture:
        return receive(chunks, self.project, self.by)

    def _content(self, file: Any) -> str:
        if (file.size or 0) > LARGEST:
            self.add_error("file", _("This file is larger than 5 MB: a list of prompts is text."))
            return ""
        try:
            return str(file.read(), "utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", _("This file is not UTF-8 text: save it as UTF-8."))
            return ""

    def lacking(self) -> dict[str, str]:
        """What `not_ready` says of the images of its prompts."""
        return not_ready({prompt.image for prompt in self.prompts}, self.project, self.images_named)

    def written_again(self) -> "NewPromptSet":
        """The same list as text, so that freezing what was checked needs no second upload."""
        return NewPromptSet(initial={key: self.cleaned_data[key] for key in ("name", "written", "text")})


@dataclass(frozen=True)
class Likeness:
    """Two prompts that are nearly the same."""

    first: PromptText
    second: PromptText
    percent: int


def near_ones(prompts: Sequence[PromptText]) -> list[Likeness]:
    found = alike([prompt.text for prompt in prompts])
    return [Likeness(prompts[each.first], prompts[each.second], round(100 * each.likeness)) for each in found]


@organizers_only
@require_http_methods(["GET", "HEAD", "POST"])
def prompt_sets(request: HttpRequest) -> HttpResponse:
    """All sets, and the form for a new one: checked first, frozen when asked to."""
    project, seen = project_of(request), dict[str, Any]()
    by = request.user.get_username()
    form = NewPromptSet(request.POST or None, request.FILES or None, project=project.pk, by=by)
    here = PromptSet.objects.filter(project=project)
    if form.is_valid():
        name, lacking = form.cleaned_data["name"], form.lacking()
        if "freeze" in request.POST and not lacking:
            frozen = PromptSet.objects.freeze(name, form.prompts, project=project.pk)
            audit.record("froze", f"prompt set {frozen}", digest=frozen.digest)
            messages.success(request, _("%(set)s is frozen: it can be chosen for comparisons.") % {"set": frozen})
            return redirect("prompt-set", frozen.pk)
        newest = here.filter(name=name).order_by("-version").first()
        seen = {
            "checked": form.prompts[:SHOWN],
            "count": len(form.prompts),
            "near": near_ones(form.prompts)[:SHOWN],
            "newest": newest,
            "changes": changes(newest.texts(), form.prompts)[:SHOWN] if newest else [],
            "waiting": sum(not why for why in lacking.values()),
            "refused": [f"{name}: {why}" for name, why in lacking.items() if why][:SHOWN],
        }
        form = form.written_again()
    listed = here.annotate(count=Count("prompts")).order_by("name", "-version")
    page = Paginator(listed, 50).get_page(request.GET.get("page"))
    return render(request, "catalog/prompt_sets.html", {"form": form, "page": page, "shown": SHOWN} | seen)


@members_only(Role.ORGANIZER, of="prompt_set")
@require_safe
def prompt_set(request: HttpRequest, number: int) -> HttpResponse:
    """One set: its prompts, those that are nearly the same, and what changed since another version."""
    found = get_object_or_404(PromptSet, pk=number)
    texts = found.texts()
    others = (
        PromptSet.objects.filter(name=found.name, project=found.project_id).exclude(pk=found.pk).order_by("-version")
    )
    asked = request.GET.get("against", "")
    other = others.filter(pk=asked).first() if asked.isdigit() else others.filter(version__lt=found.version).first()
    changed: list[Change] = changes(other.texts(), texts) if other else []
    ring_again(number)
    context = {
        "set": found,
        "page": Paginator(texts, SHOWN).get_page(request.GET.get("page")),
        "near": near_ones(texts)[:SHOWN],
        "others": others,
        "other": other,
        "changes": changed[:SHOWN],
        "tags": sorted({tag for text in texts for tag in text.tags}),
        "sample": _told(cache.get(told_of(number))),
        "encoder": encoder_given(),
    }
    if (same := _told(cache.get(alike_of(number)))) and "pairs" in same:
        by_key = {text.key: text for text in texts}
        pairs = [Likeness(by_key[one], by_key[other], round(100 * cosine)) for one, other, cosine in same["pairs"]]
        same = {"found": pairs[:SHOWN], "count": len(pairs)}
    context["same"] = same
    return render(request, "catalog/prompt_set.html", context)


def _told(kept: dict[str, Any] | None) -> dict[str, Any]:
    """What a worker left for the page, a problem in the page's language."""
    return {key: spoken(value) if key == "problem" else value for key, value in (kept or {}).items()}


@members_only(Role.ORGANIZER, of="prompt_set")
@require_safe
def prompt_image(request: HttpRequest, number: int, sha256: str) -> HttpResponseBase:
    """An image of one of its prompts, as a worker wrote it anew."""
    get_object_or_404(PromptSet.objects.filter(prompts__image=sha256).distinct(), pk=number)
    if not (path := present(picture_path(sha256))).is_file():
        raise Http404
    return FileResponse(path.open("rb"), content_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})


@members_only(Role.ORGANIZER, of="prompt_set")
@require_POST
def prompts_alike(request: HttpRequest, number: int) -> HttpResponse:
    """Have a worker look for prompts that say the same in whichever languages."""
    found = get_object_or_404(PromptSet, pk=number)
    try:
        ask(found)
    except NoEncoder as refusal:
        messages.error(request, spoken(str(refusal)))
    return redirect("prompt-set", number)


class SampleForm(forms.Form):
    count = forms.IntegerField(min_value=1)
    name = forms.CharField(max_length=100, required=False)


@members_only(Role.ORGANIZER, of="prompt_set")
@require_POST
def prompt_sample(request: HttpRequest, number: int) -> HttpResponse:
    """Have a worker draw fewer prompts with an even share of every kind."""
    found = get_object_or_404(PromptSet, pk=number)
    form = SampleForm(request.POST)
    try:
        ask_sample(found, *((form.cleaned_data["count"], form.cleaned_data["name"]) if form.is_valid() else (0, "")))
    except ValueError as refusal:
        messages.error(request, str(refusal))
    return redirect("prompt-set", number)


def ask_sample(whole: PromptSet, count: int, name: str = "") -> str:
    """A worker draws so many of its prompts; the name of the set that it freezes. Raises ValueError."""
    there, number = whole.prompts.count(), whole.pk
    if not 0 < count < there:
        raise ValueError(_("Draw fewer prompts than there are, which is %(n)s.") % {"n": there})
    name = name or f"{whole.name[:60]}, {count} of {there}"
    cache.set(told_of(number), {"asked": name, "count": count}, KEPT_SECONDS)
    audit.record("asked for a sample of", f"prompt set {whole}", prompts=count)
    ring_sample(number, count, name)
    return name
