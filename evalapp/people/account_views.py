"""One's own account: the second step of signing in, and the connection with the team's OpenID provider."""

from base64 import b64encode
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import clear_totp_secret, get_totp_secret
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from evalapp.people import audit, second_step, sessions
from evalapp.people.sign_in import CodeForm, Failures, hold_on
from evalapp.people.views import address_of, signed_in_only


class PasswordForm(forms.Form):
    """One's password once more, with the lock of the page of sign-in: a browser left alone is not enough."""

    password = forms.CharField(widget=forms.PasswordInput, strip=False, max_length=1000)

    def __init__(self, request: HttpRequest, data: Any) -> None:
        super().__init__(data)
        self.request = request
        if (
            request.user.is_authenticated and not request.user.has_usable_password()
        ):  # who comes by the OpenID provider has none
            del self.fields["password"]

    def clean_password(self) -> None:
        failures = Failures(self.request.user.get_username(), address_of(self.request))
        if not failures.another_allowed():
            raise forms.ValidationError(_("Too many failed attempts. Wait 15 minutes, then try again."), code="wait")
        if not self.request.user.check_password(self.cleaned_data["password"]):
            raise forms.ValidationError(_("This is not your password."))
        failures.forgive()


class SwitchOnForm(PasswordForm):
    code = forms.CharField(max_length=20)

    def clean_code(self) -> None:
        self.step = second_step.step_of(get_totp_secret(), self.cleaned_data["code"])
        if not self.step:
            raise forms.ValidationError(_("This is not what the app shows: look at the clock of your device."))


@signed_in_only
@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """What one's account opens with. Recovery codes are on the answer that makes them, and nowhere afterwards."""
    user, act, codes = request.user, request.POST.get("act", ""), []
    form: Any = None
    if act == "connect-no-more":
        form = PasswordForm(request, request.POST)
    elif act in ("renew", "switch-off") and second_step.is_on(user):
        form = CodeForm(user=user, data=request.POST)
    elif act == "switch-on" and not second_step.is_on(user):
        form = SwitchOnForm(request, request.POST)
    if form is not None and form.is_valid():
        if act == "switch-on":
            codes = second_step.switch_on(user, get_totp_secret(), form.step)
            clear_totp_secret(request)
        elif act == "renew":
            codes = second_step.renew_recovery(user)
        elif act == "switch-off":
            second_step.switch_off(user)
            messages.success(request, _("Signing in takes the password alone again."))
        else:
            disconnect(user)
            messages.success(request, _("The connection is cut."))
        if not codes:
            return redirect("account")
    context = {"form": form, "act": act, "codes": codes, "openid": settings.OIDC_NAME} | state_of(user)
    response = render(request, "people/account.html", context)
    refused = form is not None and any(form.has_error(field, "wait") for field in form.fields)
    return hold_on(response) if refused else response


@signed_in_only
@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def prove_it(request: HttpRequest) -> HttpResponse:
    """Who they are once more: by a code where the second step is on, else by the password; who has neither signs in
    anew. Then back to where it was asked."""
    user: Any = request.user
    given = request.POST if request.method == "POST" else None
    asked = "code" if second_step.is_on(user) else "password" if user.has_usable_password() else ""
    form = CodeForm(user=user, data=given) if asked == "code" else PasswordForm(request, given)
    back = request.POST.get("next") or request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = reverse("account")
    if asked and form.is_valid():
        sessions.prove(request)
        return redirect(back)
    response = render(request, "people/prove.html", {"asked": asked, "form": form, "back": back})
    return hold_on(response) if asked and form.has_error(asked, "wait") else response


def state_of(user: Any) -> dict[str, Any]:
    """What the page shows; while the second step is off, the secret to scan."""
    known = {"connected": SocialAccount.objects.filter(user=user.pk).exists(), "on": second_step.is_on(user)}
    if known["on"]:
        return known | {"left": second_step.recovery_left(user)}
    adapter, secret = get_adapter(), get_totp_secret()
    picture = b64encode(adapter.build_totp_svg(adapter.build_totp_url(user, secret)).encode()).decode()
    return known | {"secret": secret, "picture": f"data:image/svg+xml;base64,{picture}"}


@transaction.atomic
def disconnect(user: Any) -> None:
    SocialAccount.objects.filter(user=user.pk).delete()
    audit.record("cut the OpenID connection of", user)
