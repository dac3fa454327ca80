"""Webhooks: other programs are told what happens, signed, tried again, with a log of every delivery.

A delivery is a row made in the transaction of what it tells; a worker posts it. Body and headers:
`{"event", "id", "at", …}`, `X-Visavis-Delivery` (the same id at every try, to tell repeats), `X-Visavis-Timestamp` and
`X-Visavis-Signature: sha256=` HMAC-SHA256 of `timestamp.body` with the webhook's secret.
"""

import hashlib
import hmac
import json
import time
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy

from evalapp.people import audit
from evalapp.people.projects import InProject, Project

EVENTS = {
    "comparison.launched": gettext_lazy("its clips are being rendered"),
    "comparison.open": gettext_lazy("voting has started or goes on"),
    "comparison.paused": gettext_lazy("voting rests"),
    "comparison.closed": gettext_lazy("voting has ended"),
    "report.built": gettext_lazy("a report counts the newest votes"),
}
TRIES = 8
GONE = 410  # the receiver says that it is there no more: one is not tried again
FIRST_WAIT = timedelta(seconds=15)  # doubled at each try: the last one is half an hour after the first
LEASE = timedelta(seconds=60)
MOST_SECONDS = 30  # of one try, by however small drops the answer comes: less than the lease


class WebhookManager(models.Manager["Webhook"]):
    @transaction.atomic
    def make(self, project: Project, url: str, events: list[str], by: str) -> "Webhook":
        """It is told of what happens from now on."""
        made = self.create(project=project, url=url, events=events, created_by=by)
        audit.record("made a webhook", f"webhook {url}", project=project.pk, events=events)
        return made


class Webhook(InProject):
    """An address that is told of events. Its secret is derived from SECRET_KEY: the database alone signs nothing."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookManager()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.url

    @transaction.atomic
    def remove(self) -> None:
        """It is told of nothing more; its log stays."""
        if Webhook.objects.filter(pk=self.pk, active=True).update(active=False):
            audit.record("removed a webhook", f"webhook {self.url}", project=self.project_id)

    @property
    def secret(self) -> str:
        return "whs_" + salted_hmac("webhook", str(self.code), algorithm="sha256").hexdigest()

    def signature(self, timestamp: str, body: str) -> str:
        return "sha256=" + hmac.new(self.secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256).hexdigest()


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self) -> "DeliveryQuerySet":
        return self.filter(delivered_at=None, given_up=False, next_at__lte=Now(), webhook__active=True)

    def claim(self) -> "Delivery | None":
        """One due delivery, for this worker alone until its lease ends."""
        while found := self.due().select_related("webhook").order_by("next_at").first():
            # Of this table alone: PostgreSQL does not look again into a joined one after it waited for the row.
            mine = self.filter(pk=found.pk, tries=found.tries)
            if mine.update(tries=F("tries") + 1, next_at=Now() + LEASE):
                found.tries += 1
                return found
        return None


class Delivery(models.Model):
    """One event for one webhook."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    event = models.CharField(max_length=50)
    body = models.TextField()
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="What the last try was answered.")
    error = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index("next_at", name="delivery_due", condition=models.Q(delivered_at__isnull=True, given_up=False))
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.code}"

    @transaction.atomic
    def resend(self) -> None:
        """Try again now, also what was given up."""
        from evalapp.people.tasks import deliver

        Delivery.objects.filter(pk=self.pk).update(given_up=False, delivered_at=None, tries=0, next_at=Now())
        self.refresh_from_db()
        transaction.on_commit(deliver.delay, robust=True)

    def send(self) -> None:
        """One try; its outcome is stored. An answer of 2xx is a delivery, anything else is tried again later."""
        timestamp = str(int(timezone.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "visavis-webhook/1",
            "X-Visavis-Delivery": str(self.code),
            "X-Visavis-Timestamp": timestamp,
            "X-Visavis-Signature": self.webhook.signature(timestamp, self.body),
        }
        self.status, self.error = _post(self.webhook.url, self.body, headers)
        if self.status and 200 <= self.status < 300:
            self.delivered_at = timezone.now()
        elif self.tries >= TRIES or self.status == GONE:
            self.given_up = True
        self.next_at = timezone.now() + FIRST_WAIT * 2 ** (self.tries - 1)
        self.save()


def announce(event: str, of: InProject, **facts: Any) -> None:
    """Tell every webhook of its project that listens; call it in the transaction of what happened."""
    assert event in EVENTS, event
    made = []
    for webhook in Webhook.objects.filter(active=True, project=of.project_id):
        if event in webhook.events:
            delivery = Delivery(webhook=webhook, event=event)
            told = {"event": event, "id": str(delivery.code), "at": timezone.now().isoformat(), **facts}
            delivery.body = json.dumps(told, ensure_ascii=False, sort_keys=True)
            made.append(delivery)
    if made:
        from evalapp.people.tasks import deliver

        Delivery.objects.bulk_create(made)
        transaction.on_commit(deliver.delay, robust=True)


def refuse_inside(url: str) -> None:
    """Raises GeneratorError for an address to which nothing would ever be sent; names are looked up at each sending."""
    import httpx

    from generators.guarded import refuse_at_sight

    target = httpx.URL(url)
    if not _named_by_operator(target):
        refuse_at_sight(target, "webhook")


def _named_by_operator(target: Any) -> bool:
    return f"{target.scheme}://{target.netloc.decode()}" in settings.WEBHOOK_ORIGINS


def _post(url: str, body: str, headers: dict[str, str]) -> tuple[int | None, str]:
    """Status, and why there is none. Only to the public internet, or where the operator allows (WEBHOOK_ORIGINS)."""
    import httpx

    from generators import GeneratorError
    from generators.guarded import checked, cut_at

    target = httpx.URL(url)
    named = {}
    if not _named_by_operator(target):
        try:
            headers |= {"Host": target.netloc.decode()}
            named = {"sni_hostname": target.host}
            target = target.copy_with(host=checked(target, "webhook"))
        except GeneratorError as refusal:
            return None, str(refusal)[:300]
    try:
        with (
            httpx.Client(timeout=10, follow_redirects=False, trust_env=False) as client,
            cut_at(time.monotonic() + MOST_SECONDS) as cut,
            client.stream("POST", target, content=body.encode(), headers=headers, extensions=cut | named) as answer,
        ):
            return answer.status_code, "" if answer.is_success else f"answered {answer.status_code}"
    except httpx.HTTPError as error:
        return None, f"{type(error).__name__}: {error}"[:300]
