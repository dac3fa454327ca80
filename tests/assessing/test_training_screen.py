"""Screen check, training and test in a real browser, by keyboard alone, in two languages."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from evalapp.assessing.goldens import make_goldens
from evalapp.assessing.models import Participation
from tests.assessing.test_goldens import moving
from tests.factories import make_comparison, make_invitation

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURES = os.environ.get("PICTURES")  # a folder to look at


def picture(page, name):
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("locale", "width", "height"),
    [("en", 1366, 768), ("ru", 390, 844), pytest.param("en", 2560, 1440, marks=pytest.mark.slow)],
)
def test_from_the_screen_check_to_the_first_pair_by_keyboard_alone(chromium, live_server, locale, width, height):
    comparison = moving(make_comparison(prompts=3))
    comparison.screen_check = True
    comparison.save()
    make_goldens(comparison, 1, use="training", aspects=["beauty", "defects"])
    make_goldens(comparison, 1, use="qualification", aspects=["movement"])
    context = chromium.new_context(viewport={"width": width, "height": height}, locale=locale)
    page = context.new_page()
    refused = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)
    page.goto(live_server.url + reverse("invitation", args=[make_invitation(comparison).token]))
    page.click("button.primary")
    page.wait_for_selector("screen-check:defined")
    picture(page, f"screen-{locale}-{width}")
    page.keyboard.press("Enter")
    page.wait_for_selector("dl.keys, .card ul", timeout=60_000)
    if not page.query_selector("dl.keys"):
        picture(page, f"told-{locale}-{width}")
        page.focus("a.primary")
        page.keyboard.press("Enter")
        page.wait_for_selector("dl.keys")
    participation = Participation.objects.get()
    assert participation.screen["width"] == width
    assert participation.screen["rate"] > 0
    assert participation.screen["frames"] >= 1
    picture(page, f"intro-{locale}-{width}")
    page.keyboard.press("Enter")
    for number in range(3):
        page.wait_for_selector(".transport:not([hidden])")
        picture(page, f"example{number}-{locale}-{width}")
        control = participation.controls.get(state="held")
        known = control.right_answers()
        for aspect in comparison.aspects.all():
            side = control.on_screen(known[aspect.key]) if aspect.key in known else "same"
            page.keyboard.press({"left": "1", "same": "2", "right": "3"}[side])
        page.keyboard.press("Enter")
        if number < 2:
            page.wait_for_selector(".feedback")
            picture(page, f"feedback{number}-{locale}-{width}")
            page.keyboard.press("Enter")
    page.wait_for_selector(".desk-head:not(:has(strong))")
    participation.refresh_from_db()
    assert participation.qualified_at
    assert refused == []
    context.close()
