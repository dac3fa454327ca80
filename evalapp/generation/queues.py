"""Organizers' page of the queues: pause and go on, quiet hours, windows of clean power. Voting never rests."""

import csv
import io
from datetime import datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from evalapp.catalog.models import IMPORT, Contender
from evalapp.generation.models import Clip, Queue, Window
from evalapp.generation.tasks import ring
from evalapp.generation.workers import Worker, differing
from evalapp.people import audit
from evalapp.people.views import organizers_only

MOST_WINDOWS = 2000


class QueueForm(forms.Form):
    """Quiet hours and windows of one queue."""

    quiet_from = forms.TimeField(required=False, label=gettext_lazy("Quiet from"))
    quiet_until = forms.TimeField(required=False, label=gettext_lazy("until"))
    windows = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        label=gettext_lazy("Works only in these windows"),
        help_text=gettext_lazy("Lines of start, end and, if known, grams of CO2 per kWh. Empty: it always works."),
    )

    def clean_windows(self) -> list[Window]:
        try:
            return read_windows(self.cleaned_data["windows"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        start, end = given.get("quiet_from"), given.get("quiet_until")
        if not self.errors and ((start is None) != (end is None) or (start is not None and start == end)):
            raise forms.ValidationError(_("Quiet hours have two different ends: give both, or neither."))
        return given


def read_windows(table: str) -> list[Window]:
    """Windows of a table: start, end, grams per kWh a line, as ISO 8601; without an offset in the house's time zone.

    Raises ValueError, which names the line.
    """
    windows: list[Window] = []
    for number, row in enumerate(csv.reader(io.StringIO(table.strip())), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells[0].lower() in ("start", "starts_at")):
            continue
        try:
            start, end = (_moment(cell) for cell in cells[:2])
            grams = float(cells[2]) if len(cells) > 2 and cells[2] else None
        except ValueError as error:
            raise ValueError(
                _("line %(number)d: write it as 2026-03-01T11:00, 2026-03-01T15:00, 120") % {"number": number}
            ) from error
        if start >= end:
            raise ValueError(_("line %(number)d: it ends before it starts") % {"number": number})
        windows.append(Window(starts_at=start, ends_at=end, grams_per_kwh=grams))
    if len(windows) > MOST_WINDOWS:
        raise ValueError(_("more than %(most)d windows: give fewer") % {"most": MOST_WINDOWS})
    return windows


def _moment(cell: str) -> datetime:
    moment = parse_datetime(cell)
    if moment is None:
        raise ValueError(cell)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def written(queue: Queue) -> str:
    """Its table of windows, as `read_windows` reads it."""
    if not queue.pk:
        return ""

    def at(moment: datetime) -> str:
        return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")

    return "\n".join(
        f"{at(each.starts_at)}, {at(each.ends_at)}"
        + (f", {each.grams_per_kwh:g}" if each.grams_per_kwh is not None else "")
        for each in queue.windows.all()
    )


@organizers_only
@require_safe
def queues(request: HttpRequest) -> HttpResponse:
    """Every hardware class that a contender asks for, or that has a queue of its own."""
    return render(request, "rendering/queues.html", _page())


def every_queue() -> list[Queue]:
    """One for each hardware class that a contender asks for, or that has hours of its own, by name."""
    asked = Contender.objects.exclude(recipe__generator=IMPORT).order_by().values_list("hardware", flat=True)
    known = {queue.hardware: queue for queue in Queue.objects.prefetch_related("windows")}
    return [known.get(name) or Queue(hardware=name) for name in sorted(set(asked) | set(known))]


def _page(hardware: str = "", form: QueueForm | None = None) -> dict[str, Any]:
    workers = Worker.objects.lately()
    return {
        "queues": _shown(workers, hardware, form),
        "workers": workers,
        "differing": differing(workers),
        "least_free": settings.MEDIA_LEAST_FREE_MIB,
        "zone": timezone.get_current_timezone_name(),
    }


def _shown(workers: list[Worker], hardware: str, form: QueueForm | None) -> list[dict[str, Any]]:
    now, resting = timezone.now(), set(Queue.resting())
    shown = []
    for queue in every_queue():
        name = queue.hardware
        initial: dict[str, Any] = {"quiet_from": queue.quiet_from, "quiet_until": queue.quiet_until}
        if queue.pk:
            initial["windows"] = written(queue)
        shown.append(
            {
                "queue": queue,
                "rests": name in resting,
                "window": queue.next_window(now) if queue.pk else None,
                "waiting": Clip.objects.waiting(name, 10_000),
                "served": any(worker.heard and worker.serves(name) for worker in workers),
                "form": form if form and name == hardware else QueueForm(initial=initial, auto_id=f"{name}-%s"),
            }
        )
    return shown


@transaction.atomic
def rest(hardware: str, paused: bool) -> Queue:
    """Nothing new is started there, or the queue goes on."""
    queue, _new = Queue.objects.update_or_create(hardware=hardware[:30], defaults={"paused": paused})
    audit.record("paused the queue" if paused else "resumed the queue", queue)
    if not paused:
        ring()
    return queue


@transaction.atomic
def give_hours(hardware: str, quiet_from: time | None, quiet_until: time | None, windows: list[Window]) -> Queue:
    """Its quiet hours, and the windows that it works in alone."""
    hours = {"quiet_from": quiet_from, "quiet_until": quiet_until}
    queue, _new = Queue.objects.update_or_create(hardware=hardware[:30], defaults=hours)
    queue.give_windows(windows)
    audit.record("set the hours of the queue", queue, windows=len(windows))
    ring()
    return queue


@organizers_only
@require_POST
def pause_queue(request: HttpRequest, hardware: str, pause: bool) -> HttpResponse:
    """Start nothing new there, or go on; what renders goes on rendering."""
    queue = rest(hardware, pause)
    if pause:
        messages.success(request, _("Queue %(name)s is paused.") % {"name": queue.hardware})
    else:
        messages.success(request, _("Queue %(name)s goes on.") % {"name": queue.hardware})
    return redirect("queues")


@organizers_only
@require_POST
def set_queue(request: HttpRequest, hardware: str) -> HttpResponse:
    """Its quiet hours and windows."""
    form = QueueForm(request.POST, auto_id=f"{hardware}-%s")
    if not form.is_valid():
        return render(request, "rendering/queues.html", _page(hardware, form), status=422)
    queue = give_hours(hardware, **form.cleaned_data)
    messages.success(request, _("The hours of queue %(name)s are set.") % {"name": queue.hardware})
    return redirect("queues")
