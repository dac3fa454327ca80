"""The audit trail to read."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from evalapp.people.access import project_of
from evalapp.people.audit import COMMAND_LINE, entries_of
from evalapp.people.audit_words import KINDS, details, named, told
from evalapp.people.views import organizers_only

ENTRIES_PER_PAGE = 100


def _who(actor: str) -> str:
    return _("command line or a worker") if actor == COMMAND_LINE else actor


@organizers_only
@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """Of the project at hand, newest first; `q` finds in names, verbs and subjects, `kind` keeps one kind of act.

    Superusers also read what belongs to no project.
    """
    sought, kind = request.GET.get("q", "").strip(), request.GET.get("kind", "")
    entries = entries_of(project_of(request), sought, request.user.is_superuser, kind)
    page = Paginator(entries, ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    rows = [(each, _who(each.actor), told(each.verb), named(each.subject), list(details(each.detail))) for each in page]
    context = {"page": page, "rows": rows, "sought": sought, "kind": kind, "kinds": KINDS.items()}
    return render(request, "people/audit.html", context)
