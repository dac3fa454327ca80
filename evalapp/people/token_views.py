"""API tokens, one's own and (for admins) the project's: made, looked at, revoked."""

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.people.access import access_of
from evalapp.people.projects import Role
from evalapp.people.tokens import LONGEST_DAYS, SCOPES, ApiToken
from evalapp.people.views import of_who_proved_it, signed_in_only


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, label=gettext_lazy("Name"), help_text=gettext_lazy("What will use it."))
    scopes = forms.MultipleChoiceField(
        choices=[(scope, format_lazy("{}: {}", scope, opens)) for scope, opens in SCOPES.items()],
        initial=["read"],
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Scopes"),
    )
    of_project = forms.BooleanField(
        required=False,
        label=gettext_lazy("Belongs to the project"),
        help_text=gettext_lazy("It opens this project alone, and stays when you go."),
    )
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, initial=90, label=gettext_lazy("Days until it ends"))


@signed_in_only
@of_who_proved_it
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The list and the form; a new token's secret is on the answer to the form, and nowhere afterwards."""
    form, access, secret = TokenForm(request.POST or None), access_of(request), ""
    if form.is_valid():
        asked = form.cleaned_data
        if asked["of_project"] and not access.administers:
            raise PermissionDenied(_("a project's tokens are made by its admins"))
        owner = User.objects.get(username=request.user.get_username())
        project = access.project if asked["of_project"] else None
        _token, secret = ApiToken.objects.issue(owner, asked["name"], asked["scopes"], asked["days"], project)
        form = TokenForm()
    administered = [access.project] if access.administers and access.project else []
    own = ApiToken.objects.kept_by(request.user.pk or 0, administered).select_related("project", "user")
    return render(request, "people/tokens.html", {"form": form, "tokens": own, "secret": secret})


@signed_in_only
@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """One's own token, or one of a project that one administers, opens nothing from now on."""
    kept = ApiToken.objects.kept_by(request.user.pk or 0, access_of(request).within(Role.ADMIN))
    token = get_object_or_404(kept, pk=number)
    token.revoke()
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("tokens")
