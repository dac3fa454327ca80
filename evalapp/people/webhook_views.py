"""Webhooks of a project: an admin makes them, reads their log, tries them, takes them away."""

from uuid import UUID

import httpx
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.people.access import project_of
from evalapp.people.projects import Role
from evalapp.people.views import admins_only, members_only, of_who_proved_it
from evalapp.people.webhooks import EVENTS, Delivery, Webhook, refuse_inside
from generators import GeneratorError

LOGGED = 50


class WebhookForm(forms.Form):
    url = forms.URLField(max_length=500, label=gettext_lazy("Address"), assume_scheme="https")
    events = forms.MultipleChoiceField(
        choices=[(event, format_lazy("{}: {}", event, means)) for event, means in EVENTS.items()],
        initial=list(EVENTS),
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Events"),
    )

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        try:
            target = httpx.URL(url)
            readable = bool(target.host) and (target.port or 0) < 2**16
        except (httpx.InvalidURL, UnicodeError):  # of a host's name that nothing can be sent to
            readable = False
        if not readable:
            raise forms.ValidationError(self.fields["url"].error_messages["invalid"])
        if target.userinfo:
            raise forms.ValidationError(_("Leave name and password out of the address: deliveries are signed."))
        try:
            refuse_inside(url)
        except GeneratorError as refusal:
            said = _("Deliveries go by https, to the public internet or to what the server's WEBHOOK_ORIGINS names.")
            raise forms.ValidationError(said) from refusal
        return url


@admins_only
@of_who_proved_it
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    project, form = project_of(request), WebhookForm(request.POST or None)
    if form.is_valid():
        Webhook.objects.make(project, **form.cleaned_data, by=request.user.get_username())
        messages.success(request, _("The webhook is made. It is told of what happens from now on."))
        return redirect("webhooks")
    log = Delivery.objects.filter(webhook__project=project).select_related("webhook")[:LOGGED]
    context = {"form": form, "webhooks": Webhook.objects.filter(project=project, active=True), "log": log}
    return render(request, "people/webhooks.html", context)


@members_only(Role.ADMIN, of="webhook")
@require_POST
def remove(request: HttpRequest, code: UUID) -> HttpResponse:
    """It is told of nothing more; its log stays."""
    get_object_or_404(Webhook, code=code).remove()
    messages.success(request, _("The webhook is removed."))
    return redirect("webhooks")


@members_only(Role.ADMIN, of="delivery")
@require_POST
def resend(request: HttpRequest, code: UUID) -> HttpResponse:
    """Try a delivery again now, also one that was given up."""
    get_object_or_404(Delivery, code=code).resend()
    messages.success(request, _("It is sent again."))
    return redirect("webhooks")
