"""What every table of the administration shares."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evalapp.people import second_step
from evalapp.people.sessions import proved_lately
from evalapp.people.views import to_prove

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
    AnyUserAdmin = UserAdmin[Any]
else:
    AnyModelAdmin, AnyPaginator, AnyUserAdmin = admin.ModelAdmin, Paginator, UserAdmin

MOST = 10_000
"""Rows that one may turn the pages of."""
SOUGHT = 500
"""Rows of a smaller table that a search follows."""
admin.site.site_header = admin.site.site_title = gettext_lazy("Visavis administration")
admin.site.site_url = "/comparisons/"
admin.site.unregister(User)
for model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)  # their own tables would show secrets


def administers(request: HttpRequest) -> bool:
    """The administration reaches over all projects: superusers alone, by two steps in a house on the internet."""
    user = request.user
    allowed = bool(user.is_active and user.is_superuser)
    return allowed and (not settings.ADMINISTRATION_SECOND_STEP or second_step.is_on(user))


def once_more(view: Any, cacheable: bool = False) -> Any:
    """A page of the administration; who signed in a while ago proves who they are, for reading too."""
    page = _page(view, cacheable)

    @functools.wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if administers(request) and not proved_lately(request):
            return to_prove(request)
        return page(request, *args, **kwargs)

    return guarded


_page = admin.site.admin_view
admin.site.has_permission = administers  # type: ignore[method-assign]
admin.site.admin_view = once_more  # type: ignore[method-assign]


class UpToMany(AnyPaginator):
    """Counts no further than MOST rows: what lies behind is found by searching, not by turning pages."""

    most = MOST

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most].count())


class Table(AnyModelAdmin):
    """Fit for big tables: no count of all rows, related rows in the same query, ids instead of long menus."""

    show_full_result_count = False
    list_per_page = 50
    paginator = UpToMany


class ReadOnly(Table):
    """Looked at, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewestFirst(ChangeList):
    """In no other order, whatever an address asks for: sorting by a column reads the whole table."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        keys = getattr(self.model_admin, "keys", ())
        whole = [name for name in self.search_fields if name in keys or name.endswith("__exact")]
        words = [name for name in self.search_fields if name not in whole]
        told = [(_("equal to: %(names)s"), whole), (_("words in: %(names)s"), words)]
        self.search_help_text = "; ".join(
            said % {"names": ", ".join(name.removesuffix("__exact").replace("__", " ") for name in names)}
            for said, names in told
            if names
        )

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        return ["-pk"]


class Big(ReadOnly):
    """Of tables that grow to millions of rows: newest first, and sought only where an index leads.

    That is what equals one of `keys`, and what belongs to a row of a smaller table which bears the words sought.
    """

    ordering = ("-pk",)
    sortable_by = ()
    keys: tuple[str, ...] = ("pk",)
    belonging: Mapping[str, tuple[str, tuple[str, ...]]] = {}
    """Column: the smaller table, and what is sought in it; a name that ends in __exact must equal the words."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NewestFirst

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.keys, *(f"{way}__{name}" for way, (_model, names) in self.belonging.items() for name in names))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        found = Q(pk__in=[])
        for name in self.keys:
            found |= _equal(self.model, name, words)
        for way, (model, names) in self.belonging.items():
            smaller = apps.get_model("evalapp", model)
            sought = Q(pk__in=[])
            for name in names:
                exact = name.removesuffix("__exact")
                sought |= _equal(smaller, exact, words) if exact != name else Q(**{f"{name}__icontains": words})
            if rows := list(smaller._default_manager.filter(sought).order_by("-pk").values_list("pk")[:SOUGHT]):
                found |= Q(**{f"{way}__in": [pk for (pk,) in rows]})
        return queryset.filter(found), False


def _equal(model: type[Model], name: str, words: str) -> Q:
    """That column equals the words; nothing does where they cannot be a value of it."""
    column: Any = model._meta
    for part in name.split("__"):
        field = column.pk if part == "pk" else column.get_field(part)
        column = field.related_model._meta if field.is_relation else column
    try:
        return Q(**{name: field.to_python(words)})
    except ValidationError:
        return Q(pk__in=[])
