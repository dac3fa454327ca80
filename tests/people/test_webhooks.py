"""Webhooks: told once or more, never not at all; signed; kept out of the house's own network."""

import hashlib
import hmac
import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from evalapp.people.projects import Project
from evalapp.people.tasks import deliver
from evalapp.people.webhooks import EVENTS, TRIES, Delivery, Webhook
from evalapp.reporting.build import build
from tests.dripping import DROPS, dripping
from tests.factories import make_comparison, make_participation, make_vote


@pytest.fixture
def receiver(settings):
    """A real server that answers with the codes it is given, then 200, and keeps what came."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.server.came.append((dict(self.headers), body))
            code = self.server.codes.pop(0) if self.server.codes else 200
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.came, server.codes = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    settings.WEBHOOK_ORIGINS = [server.url]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def webhook(receiver, db):
    return Webhook.objects.create(url=f"{receiver.url}/hook", events=list(EVENTS), created_by="olga")


def later():
    """The next try is due now."""
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_what_happens_is_told_in_its_order_and_signed(webhook, receiver):
    comparison = make_comparison()
    make_vote(make_participation(comparison, "alice"))
    comparison.close()
    build(comparison)
    build(comparison)
    deliver()
    told = [json.loads(body) for _, body in receiver.came]
    assert [each["event"] for each in told] == [
        "comparison.launched",
        "comparison.open",
        "comparison.closed",
        "report.built",
    ]
    assert {each["comparison"] for each in told} == {str(comparison.code)}
    headers, body = receiver.came[0]
    message = f"{headers['X-Visavis-Timestamp']}.{body}".encode()
    expected = hmac.new(webhook.secret.encode(), message, hashlib.sha256).hexdigest()
    assert headers["X-Visavis-Signature"] == f"sha256={expected}"


def test_only_events_that_it_listens_to(webhook, receiver):
    Webhook.objects.update(events=["comparison.closed"])
    make_comparison().close()
    deliver()
    assert [json.loads(body)["event"] for _, body in receiver.came] == ["comparison.closed"]


def test_what_did_not_happen_is_not_told(webhook):
    comparison = make_comparison(state="draft")
    Delivery.objects.all().delete()

    @transaction.atomic
    def close_and_break():
        comparison.close()
        raise RuntimeError("something else broke")

    with pytest.raises(RuntimeError):
        close_and_break()
    assert not Delivery.objects.exists()


def test_a_refused_delivery_is_tried_again_later_with_the_same_id(webhook, receiver):
    make_comparison(state="rendering")
    receiver.codes = [500, 302]
    deliver()
    deliver()
    assert len(receiver.came) == 1, "tried again at once"
    later()
    deliver()
    later()
    deliver()
    assert len({headers["X-Visavis-Delivery"] for headers, _ in receiver.came}) == 1
    assert len(receiver.came) == 3
    assert Delivery.objects.get().delivered_at
    later()
    deliver()
    assert len(receiver.came) == 3


def test_waits_grow_and_end(webhook, receiver):
    make_comparison(state="rendering")
    receiver.codes = [500] * 20
    waits = []
    for _ in range(TRIES + 2):
        deliver()
        delivery = Delivery.objects.get()
        waits.append((delivery.next_at - timezone.now()).total_seconds())
        later()
    assert len(receiver.came) == TRIES
    assert waits[1] > 1.5 * waits[0]
    assert delivery.given_up
    assert delivery.error == "answered 500"


@pytest.mark.parametrize("guarded", [True, False], ids=["as it is", "waiting for each drop"])
def test_an_answer_that_comes_in_drops_holds_no_worker(webhook, settings, monkeypatch, guarded):
    """The negative control waits until the receiver is pleased to end: 3 s here, for ever elsewhere."""
    monkeypatch.setattr("evalapp.people.webhooks.MOST_SECONDS", 0.5 if guarded else 30)
    with dripping("head") as (origin, sent):
        settings.WEBHOOK_ORIGINS = [origin]
        Webhook.objects.update(url=f"{origin}/hook")
        make_comparison(state="rendering")
        deliver()
    delivery = Delivery.objects.get()
    assert (delivery.delivered_at is None) is guarded
    assert all(drops < DROPS for drops in sent) is guarded
    assert ("Error" in delivery.error) is guarded


def test_a_receiver_that_is_gone_is_not_tried_again(webhook, receiver):
    make_comparison(state="rendering")
    receiver.codes = [410, 410]
    deliver()
    later()
    deliver()
    assert len(receiver.came) == 1
    assert (Delivery.objects.get().given_up, Delivery.objects.get().error) == (True, "answered 410")


def test_a_delivery_is_one_workers_at_a_time(webhook):
    make_comparison(state="rendering")
    assert Delivery.objects.claim()
    assert Delivery.objects.claim() is None


def test_a_worker_that_died_in_the_middle_leaves_it_to_the_next(webhook, receiver):
    make_comparison(state="rendering")
    Delivery.objects.claim()
    later()
    deliver()
    assert len(receiver.came) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://[::1]:{port}/"])
def test_no_way_into_the_own_network_unless_the_operator_says_so(webhook, receiver, settings, url):
    settings.WEBHOOK_ORIGINS = []
    Webhook.objects.update(url=url.format(port=receiver.server_port))
    make_comparison(state="rendering")
    deliver()
    assert not receiver.came
    assert "webhook points to" in Delivery.objects.get().error


def test_an_admin_makes_reads_resends_and_removes(client, ada, receiver):
    client.force_login(ada)
    client.post(reverse("webhooks"), {"url": f"{receiver.url}/", "events": ["comparison.launched"]})
    made = Webhook.objects.get()
    make_comparison(state="rendering")
    receiver.codes = [404]
    deliver()
    assert "answered 404" in client.get(reverse("webhooks")).content.decode()
    client.post(reverse("resend-delivery", args=[Delivery.objects.get().code]))
    later()
    deliver()
    assert Delivery.objects.get().delivered_at
    client.post(reverse("remove-webhook", args=[made.code]))
    make_comparison(state="rendering", name="another")
    assert Delivery.objects.count() == 1


def test_an_address_with_a_password_in_it_is_refused(client, ada):
    client.force_login(ada)
    page = client.post(reverse("webhooks"), {"url": "https://me:secret@example.org/", "events": ["report.built"]})
    assert "Leave name and password out" in page.content.decode()
    assert not Webhook.objects.exists()


INSIDE = (
    *(
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.5:9000/x",
        "https://192.168.1.1/",
        "https://169.254.169.254/",
    ),
    *("https://localhost/", "https://LOCALHOST:8443/", "https://hooks.localhost/", "https://[::ffff:10.0.0.5]/"),
    *("https://[fe80::1]/", "https://100.64.0.1/", "http://example.org/"),
)


@pytest.mark.parametrize("url", INSIDE)
def test_an_address_inside_is_refused_when_it_is_made(client, ada, settings, url):
    settings.WEBHOOK_ORIGINS = ["https://127.0.0.1:9000"]
    client.force_login(ada)
    for language, words in (("en", "to the public internet"), ("ru", "в открытый интернет")):
        client.cookies["django_language"] = language
        page = client.post(reverse("webhooks"), {"url": url, "events": ["report.built"]})
        assert words in page.content.decode()
    body = {"url": url, "events": ["report.built"]}
    answer = client.post(reverse("api-webhooks", args=[Project.objects.get().code]), body, "application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["url"])
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "url", ["https://xn--a.org/", "https://ⓛocal.org/", f"https://{'ö' * 61}.org/", "https://a.org:99999/"]
)
def test_an_address_that_no_name_can_be_made_of_is_refused_in_words(client, ada, url):
    client.force_login(ada)
    page = client.post(reverse("webhooks"), {"url": url, "events": ["report.built"]})
    assert "Enter a valid URL" in page.content.decode()
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("url", ["https://example.org/", "https://8.8.8.8/", "http://10.0.0.5:9000/hook"])
def test_an_address_outside_or_named_by_the_operator_is_taken(client, ada, settings, monkeypatch, url):
    """No name is looked up for it: what it leads to counts when it is sent to."""
    settings.WEBHOOK_ORIGINS = ["http://10.0.0.5:9000"]
    looked_up = []
    really = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda *a, **k: (looked_up.append(a) if not k.get("flags") else None) or really(*a, **k)
    )
    client.force_login(ada)
    client.post(reverse("webhooks"), {"url": url, "events": ["report.built"]})
    assert Webhook.objects.get().url == url
    assert not looked_up


def test_a_name_that_leads_inside_is_refused_when_it_is_sent_to(webhook, receiver, settings, monkeypatch):
    settings.WEBHOOK_ORIGINS = []
    Webhook.objects.update(url="https://hooks.example.org/")
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 443))]
    really = socket.getaddrinfo

    def led_inside(host, *rest, **how):
        return inside if host == "hooks.example.org" and not how.get("flags") else really(host, *rest, **how)

    monkeypatch.setattr("socket.getaddrinfo", led_inside)
    make_comparison(state="rendering")
    deliver()
    assert "which is no address of the public internet" in Delivery.objects.get().error
