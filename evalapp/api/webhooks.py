"""Webhooks of a project and the log of their deliveries, for programs with an admin's own token."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayAdminister
from evalapp.api.base import ByKey, NewestFirst, Problems, checked, filled, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.serializers import Strict
from evalapp.api.strict import AddressField
from evalapp.people.access import project_of
from evalapp.people.webhook_views import WebhookForm
from evalapp.people.webhooks import EVENTS, Delivery, Webhook


class NewWebhookSerializer(Strict):
    url = AddressField(max_length=500, help_text="https, without a name or password in it.")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=list(EVENTS)), default=list(EVENTS), min_length=1, max_length=len(EVENTS)
    )


class WebhookSerializer(serializers.ModelSerializer):
    events = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ("code", "url", "events", "active", "created_by", "created_at")
        read_only_fields = fields


class OneWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(required=False, help_text="Signs every delivery; a repeated POST's answer lacks it.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer):
    webhook = serializers.UUIDField(source="webhook.code")
    body = serializers.CharField(help_text="What was or will be posted, as it is signed.")
    status = serializers.IntegerField(allow_null=True, help_text="What the last try was answered.")

    class Meta:
        model = Delivery
        fields = (
            *("code", "webhook", "event", "body", "tries", "status", "error"),
            *("created_at", "next_at", "delivered_at", "given_up"),
        )
        read_only_fields = fields


class Webhooks(OnceOnly, Problems, generics.ListAPIView):
    """Addresses that are told what happens in the project, removed ones too; POST makes one, and tells its secret."""

    told_once = ("secret",)

    permission_classes = [MayAdminister]
    of = "project"
    serializer_class = WebhookSerializer
    pagination_class = ByKey

    @told(WebhookSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Webhook]:
        return Webhook.objects.filter(project__code=self.kwargs.get("code"))

    @told(OneWebhookSerializer, 404, 422, status=201, request=NewWebhookSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = filled(WebhookForm(checked(NewWebhookSerializer, request)))
        made = Webhook.objects.make(project_of(request), **asked, by=request.user.get_username())
        where = {"Location": reverse("api-webhook", args=[made.code]), "Cache-Control": "no-store"}
        return Response(OneWebhookSerializer(made).data, status=201, headers=where)


class OneWebhook(Problems):
    """A webhook with its secret; DELETE: it is told of nothing more, and its log stays."""

    permission_classes = [MayAdminister]
    of = "webhook"

    @told(OneWebhookSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        found = OneWebhookSerializer(get_object_or_404(Webhook, code=code)).data
        return Response(found, headers={"Cache-Control": "no-store"})

    @told(None, 404, status=204)
    def delete(self, request: Request, code: UUID) -> Response:
        get_object_or_404(Webhook, code=code).remove()
        return Response(status=204)


class Deliveries(Problems, generics.ListAPIView):
    """The log of a webhook's deliveries, the newest first."""

    permission_classes = [MayAdminister]
    of = "webhook"
    serializer_class = DeliverySerializer
    pagination_class = NewestFirst

    @told(DeliverySerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Delivery]:
        return Delivery.objects.filter(webhook__code=self.kwargs.get("code")).select_related("webhook")


class Resend(Problems):
    """POST: the delivery is tried again now, also one that was given up."""

    permission_classes = [MayAdminister]
    of = "delivery"

    @told(DeliverySerializer, 404, status=202, request=None)
    def post(self, request: Request, code: UUID) -> Response:
        delivery = get_object_or_404(Delivery.objects.select_related("webhook"), code=code)
        delivery.resend()
        return Response(DeliverySerializer(delivery).data, status=202)
