"""A signed-in user's own API tokens: made, looked at, revoked."""

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.people.tokens import LONGEST_DAYS, SCOPES, ApiToken
from evalapp.people.views import signed_in_only


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, label=gettext_lazy("Name"), help_text=gettext_lazy("What will use it."))
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {opens}") for scope, opens in SCOPES.items()],
        initial=["read"],
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Scopes"),
    )
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, initial=90, label=gettext_lazy("Days until it ends"))


@signed_in_only
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The list and the form; a new token's secret is on the answer to the form, and nowhere afterwards."""
    form = TokenForm(request.POST or None)
    secret = ""
    if form.is_valid():
        asked = form.cleaned_data
        owner = User.objects.get(username=request.user.get_username())
        _token, secret = ApiToken.objects.issue(owner, asked["name"], asked["scopes"], asked["days"])
        form = TokenForm()
    own = ApiToken.objects.filter(user=request.user.pk)
    return render(request, "people/tokens.html", {"form": form, "tokens": own, "secret": secret})


@signed_in_only
@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """One's own token opens nothing from now on."""
    token = get_object_or_404(ApiToken, pk=number, user=request.user.pk)
    token.revoke()
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("tokens")
