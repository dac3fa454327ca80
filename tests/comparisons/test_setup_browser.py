"""The forecast follows the form, in a real browser."""

import pytest
from django.urls import reverse

from tests.factories import make_comparison

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_forecast_follows_what_is_filled_in(live_server, chromium, client, olga):
    make_comparison(prompts=30)
    client.force_login(olga)
    context = chromium.new_context(viewport={"width": 1366, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("new-comparison"))
    assert "Choose two contenders" in page.inner_text("#foreseen")
    for box in page.query_selector_all("input[name=contenders]"):
        box.check()
    page.select_option("select[name=prompt_set]", index=1)
    page.wait_for_selector("#foreseen .big-number", timeout=60_000)
    page.uncheck("input[name=aspects][value=beauty]")
    page.wait_for_selector("#foreseen .mock-aspect:has-text('Beauty')", state="detached", timeout=60_000)
    assert "Softness" in page.inner_text("#foreseen")
    context.close()
