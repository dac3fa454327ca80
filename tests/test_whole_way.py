"""The main job in a real browser: in by link, all pairs by keyboard, a lost reply, and a report of just that."""

import random
from collections import Counter

import playwright.sync_api as playwright
import pytest
from django.urls import reverse

from evalapp.assessing.models import Assignment, Ballot, Choice, Vote, turned_back
from evalapp.generation.models import Clip
from evalapp.reporting.build import build
from tests.factories import make_comparison, make_invitation, make_organizer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NAMES = ("zebrafish-xl", "quokka-mini")


class Listener:
    """Keeps every byte that a page receives."""

    def __init__(self, context):
        self.received = []
        context.on("response", self._keep)

    def _keep(self, response):
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.received.append((response, response.url.encode() + b"\n" + headers.encode()))

    def everything(self):
        found = []
        for response, head in self.received:
            try:
                found.append(head + b"\n\n" + response.body())
            except Exception:  # a redirect or a cancelled request has no body to look at
                found.append(head)
        return found


def sign_in_by_link(page, live_server, comparison):
    page.goto(live_server.url + reverse("invitation", args=[make_invitation(comparison).token]))
    page.click("button.primary")
    page.wait_for_selector(".transport:not([hidden])")


def vote_by_keyboard(page, digits):
    for digit in digits:
        page.keyboard.press(f"Digit{digit}")
    page.keyboard.press("Enter")


def shown(page):
    """The pair on the screen, "" when there is none, None while the page changes."""
    try:
        return page.evaluate("document.querySelector('article.task')?.dataset.task ?? ''")
    except playwright.Error:
        return None


def wait_for(page, happened):
    for _ in range(200):
        if happened():
            return
        page.wait_for_timeout(50)
    pytest.fail("ten seconds passed and it did not happen")


def vote_everything(page, aspects, rng):
    """Vote by keyboard until nothing is left; returns what was pressed, by assignment."""
    pressed, code = {}, shown(page)
    while code:
        assert code not in pressed, "the same pair came twice"
        page.wait_for_selector("article.task .transport:not([hidden])")
        pressed[code] = [rng.choice((1, 2, 3)) for _ in aspects]
        vote_by_keyboard(page, pressed[code])
        wait_for(page, lambda: shown(page) not in (code, None))  # noqa: B023
        code = shown(page)
    return pressed


def test_a_whole_comparison_by_keyboard_is_reported_exactly(chromium, live_server):
    comparison = make_comparison(prompts=5, overlap=1, media=True)
    aspects = list(comparison.aspects.all())
    page = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="en").new_page()
    sign_in_by_link(page, live_server, comparison)

    # The first answer is stored, but its reply is lost on the way back: the page sends it again.
    lost = []

    def lose_the_first_reply(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch())
            route.abort()
        else:
            route.continue_()

    page.route("**/assess/tasks/**", lose_the_first_reply)
    pressed = vote_everything(page, aspects, random.Random(7))
    assert len(lost) == 1
    wait_for(page, lambda: Vote.objects.count() == 5 * len(aspects))
    assert Ballot.objects.count() == Assignment.objects.count() == len(pressed) == 5

    expected = Counter()
    for code, digits in pressed.items():
        assignment = Assignment.objects.get(code=code)
        for aspect, digit in zip(aspects, digits, strict=True):
            side = {1: "left", 2: "same", 3: "right"}[digit]
            expected[aspect.key, turned_back(side, assignment.swapped)] += 1

    build(comparison)
    reader = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="en").new_page()
    said = []
    reader.on("console", lambda message: said.append(message.text))
    reader.goto(live_server.url + reverse("sign-in"))
    make_organizer("olga")
    reader.fill("[name=username]", "olga")
    reader.fill("[name=password]", "a long enough password")
    reader.click("main button")
    reader.goto(live_server.url + reverse("report", args=[comparison.code]))
    rows = {
        row.query_selector("th").inner_text(): [cell.inner_text() for cell in row.query_selector_all("td")]
        for row in reader.query_selector_all(".pairing table tbody tr")
    }
    for aspect in aspects:
        votes, wins, ties, losses = map(int, rows[aspect.name][:4])
        assert votes == 5
        assert [wins, ties, losses] == [expected[aspect.key, c] for c in (Choice.FIRST, Choice.TIE, Choice.SECOND)]
    reader.wait_for_selector(".plot .main-svg")
    assert not [text for text in said if "Content Security Policy" in text]


def test_no_byte_that_an_assessor_receives_tells_contenders_apart(chromium, live_server, settings):
    comparison = make_comparison(prompts=3, overlap=1, media=True, names=NAMES)
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="en")
    listener, page = Listener(context), context.new_page()
    sign_in_by_link(page, live_server, comparison)
    vote_everything(page, list(comparison.aspects.all()), random.Random(3))
    received = listener.everything()
    told = [*NAMES, *(f"checkpoint of {name}" for name in NAMES), "x264", "Lavf", "Lavc", str(settings.MEDIA_DIR)]
    for clip in Clip.objects.select_related("contender__recipe"):
        told += [str(clip.folder), clip.folder.hex, clip.sha256, clip.rendition_sha256, clip.contender.recipe.identity]
    media = [text for text in received if b"video/mp4" in text]
    assert len(media) >= 6, "the clips themselves were to be among what is searched"
    for text in received:
        for name in told:
            assert name.encode().lower() not in text.lower()
    assert len({_shape_of(text) for text in media}) == 1


def _shape_of(text):
    """Headers of a clip's response without what may differ: length, range, the request's random number."""
    head = text.split(b"\n\n")[0].decode().splitlines()[1:]
    varying = ("content-length", "content-range", "date", "x-request-id")
    return tuple(sorted(line for line in head if not line.startswith(varying)))


def test_the_search_would_find_a_name(chromium, live_server):
    """The negative control: a prompt that names a contender is found."""
    comparison = make_comparison(prompts=1, overlap=1, media=True, names=NAMES)
    comparison.prompt_set.prompts.update(text=f"a picture by {NAMES[0]}")
    context = chromium.new_context(locale="en")
    listener, page = Listener(context), context.new_page()
    sign_in_by_link(page, live_server, comparison)
    assert any(NAMES[0].encode() in text for text in listener.everything())
