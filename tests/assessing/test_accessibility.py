"""WCAG 2.2 A and AA, as far as a program can tell (axe-core), in every state of the screens, English and Russian."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from tests.assessing.screen import answer, says, until
from tests.factories import make_comparison, make_invitation

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SIZES = [(390, 844), (1366, 768), (2560, 1440)]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def flawless(page, state, rules=(*WCAG, "best-practice")):
    """No violation at any of the sizes, and nothing to scroll sideways for."""
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        found = Axe().run(page, options={"runOnly": list(rules)}).response["violations"]
        told = [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]
        assert told == [], f"{state}, {width} wide"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{state}, {width} wide"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_assessors_screen_has_no_violation_in_any_state(screen, live_server, language):
    comparison = make_comparison(prompts=2, media=True, length_rule="loop")
    page = screen(comparison, locale=language)
    assert page.get_attribute("html", "lang") == language
    flawless(page, "a pair")
    page.keyboard.press("Enter")
    flawless(page, "questions open")
    page.keyboard.press("f")
    page.keyboard.press("+")
    flawless(page, "flipped and zoomed")
    page.keyboard.press("b")
    page.keyboard.press("?")
    flawless(page, "the keys")
    page.keyboard.press("Escape")
    if page.query_selector("summary"):
        page.click("summary")
        flawless(page, "skipping")
        page.click("summary")
    page.context.set_offline(True)
    page.focus(".aspect input")
    answer(page, "1231231")
    says(page, page.get_attribute("assess-desk", "data-later")[:12])
    flawless(page, "offline")
    page.context.set_offline(False)
    until(page, "localStorage.length === 0")
    answer(page, "2222222")
    page.wait_for_selector("[data-notice=done]")
    flawless(page, "done")
    page.goto(live_server.url + reverse("invitation", args=[make_invitation(comparison, seats=9).token]))
    flawless(page, "invitation")
    page.goto(live_server.url + reverse("invitation", args=["forged"]))
    flawless(page, "a link that leads nowhere")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_stills_and_a_locked_pair_have_no_violation(screen, monkeypatch, language):
    from evalapp.assessing import views
    from tests import factories

    plain, write = views.task_context, factories.write_files
    monkeypatch.setattr(views, "task_context", lambda *given: plain(*given) | {"full_viewing": True})
    flawless(screen(make_comparison(prompts=1, media=True), locale=language, reduced_motion="reduce"), "locked")
    monkeypatch.setattr(factories, "write_files", lambda frames, fps: write(frames[:1], fps=fps))
    flawless(screen(make_comparison(prompts=1, media=True, names=("a", "b")), locale=language), "stills")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_signing_in_has_no_violation(chromium, live_server, language):
    """Pages of those who are signed in: tests/test_organizer_pages.py."""
    context = chromium.new_context(locale=language)
    page = context.new_page()
    page.goto(live_server.url + reverse("sign-in"))
    flawless(page, "signing in", WCAG)
    context.close()
