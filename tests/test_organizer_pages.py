"""Every page of members in a real browser: WCAG as far as a program can tell (axe-core), at three widths and in two
languages, nothing to scroll sideways for, and every control reached by the Tab key, in sight, with a mark on it.

The pages are those of tests/access.py, so that a new one is walked too. No server runs: the browser's requests are
answered by Django's test client.
"""

import json
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders

from tests.access import ACCESS, MEMBERS, THERE
from tests.test_access import address, browser, furnished, house  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SITE = "http://testserver"
SIZES = {"en": ((390, 844), (1366, 768), (2560, 1440)), "ru": ((390, 844), (1366, 768))}
ADMIN = 3 + MEMBERS.index("admin")
FILES = (
    "-file",
    "-media",
    "-poster",
    "-copy",
    "-image",
    "-data",
    "-sheet",
    "-reference",
    "-freshness",
    "recipe-",
    "api-",
)
UNTOLD = ("Set-Cookie", "Cross-Origin-Opener-Policy")  # a browser that heeds the second asks past the route
PAGES = [
    name
    for name, (method, expected) in ACCESS.items()
    if method == "get"
    and expected[ADMIN] == THERE
    and expected[0] != THERE
    and (name == "api-docs" or not any(part in name for part in FILES))
]


@pytest.fixture
def opened(house, chromium):  # noqa: F811
    """Opens a page as an admin of the project; its scripts and styles come as they lie in the tree."""
    contexts = []

    def open_page(name, language="en"):
        things = house(name)
        told = browser("admin", things).get(address(name, things), headers={"accept-language": language})
        assert told.status_code == 200
        assert told["Content-Type"].startswith("text/html"), "what is no page belongs to FILES"
        headers = {key: value for key, value in told.items() if key not in UNTOLD}
        context = chromium.new_context(locale=language)
        contexts.append(context)

        def answer(route):
            asked = urlsplit(route.request.url)
            if asked.path.startswith("/static/"):
                found = finders.find(asked.path.removeprefix("/static/"))
                route.fulfill(path=found) if found else route.abort()
            elif route.request.resource_type == "document":
                route.fulfill(status=200, headers=headers, body=told.content)
            else:
                route.abort()  # clips and whatever refreshes itself

        context.route("**/*", answer)
        page = context.new_page()
        page.goto(SITE + told.request["PATH_INFO"])
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_walk_has_the_pages_of_organizers():
    wanted = "new-comparison comparison prompt-sets prompt-set own-clips members projects judging measuring queues"
    assert set(f"{wanted} audit tokens webhooks comparisons report report-explore league assessors".split()) <= set(
        PAGES
    )


@pytest.mark.parametrize("language", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violation(opened, name, language):
    page, told = opened(name, language), []
    for number, (width, height) in enumerate(SIZES[language]):
        page.set_viewport_size({"width": width, "height": height})
        # Between widths only layout changes: contrast and names are looked at once.
        rules = {"runOnly": WCAG} if not number else {"runOnly": ["target-size", "scrollable-region-focusable"]}
        if number:
            rules = {"runOnly": {"type": "rule", "values": rules["runOnly"]}}
        found = Axe().run(page, options=rules).response["violations"]
        told += [f"{width}: {each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]
        if (whole := page.evaluate("document.documentElement.scrollWidth")) > width:
            told.append(f"{width}: {whole} wide")
    assert told == []


def test_the_audit_trail_is_read_on_a_phone_without_scrolling_sideways(opened):
    page = opened("audit")
    page.set_viewport_size({"width": 390, "height": 844})
    rows = page.locator("table.stacked tbody tr")
    assert rows.count()
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")
    cells = rows.first.locator("td").evaluate_all("cells => cells.map(each => each.getBoundingClientRect().left)")
    assert len(set(cells)) == 1, "one below the other"


# Parts of a player and of a field of dates get the browser's own mark.
CONTROLS = """() => { const seen = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length;
  const radios = new Set();
  const kinds = 'a[href], button, input, select, textarea, summary, video[controls], [tabindex]';
  return [...document.querySelectorAll(kinds)].filter(e => {
    if (e.disabled || e.type == 'hidden' || e.tabIndex < 0 || !seen(e)) return false;
    if (e.type != 'radio') return true;
    const group = (e.form?.id ?? '') + e.name; if (radios.has(group)) return false; radios.add(group); return true;
  }).map((e, n) => { e.dataset.stop = n; return e.outerHTML.slice(0, 120); }) }"""
FOCUSED = """() => { const e = document.activeElement; if (!e || e === document.body) return null;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const x = Math.min(Math.max((box.left + box.right) / 2, 1), innerWidth - 2);
  const y = Math.min(Math.max((box.top + box.bottom) / 2, 1), innerHeight - 2);
  const there = document.elementFromPoint(x, y);
  return {stop: e.dataset.stop ?? null, html: e.outerHTML.slice(0, 120),
    marked: e.matches('video, [type=date]') || style.outlineStyle != 'none' && parseFloat(style.outlineWidth) >= 2,
    inSight: box.bottom > 0 && box.top < innerHeight && !!there && (e.contains(there) || there.contains(e)
      || !!e.labels && [...e.labels].some(label => label.contains(there)))} }"""


@pytest.mark.parametrize("name", PAGES)
def test_every_control_is_reached_by_the_keyboard(opened, name):
    page = opened(name)
    page.set_viewport_size({"width": 1366, "height": 768})
    controls = page.evaluate(CONTROLS)
    stops, told = [], []
    for _ in range(3 * len(controls) + 50):  # fields of dates and players have stops of their own
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None and (not stops or stops[0] == "0"):
            break
        if focused is None:
            continue  # it began in a field that has the focus from the start, and goes round once
        if len(stops) > 1 and focused["stop"] == stops[0] != stops[-1]:
            break
        if focused["stop"] is None:
            continue  # a part of a field of dates, or the browser's own
        stops.append(focused["stop"])
        if not (focused["marked"] and focused["inSight"]):
            told.append(f"{'hidden' if focused['marked'] else 'not marked'}: {focused['html']}")
    else:
        told.append("Tab never came out of it")
    told += [f"never reached: {html}" for n, html in enumerate(controls) if str(n) not in stops]
    order = [int(stop) for stop in dict.fromkeys(stops)]
    first = order.index(min(order))
    assert told == []
    assert order[first:] + order[:first] == sorted(order), "the order of the keyboard is that of reading"
    if 'class="skip-link"' in controls[0]:
        page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        page.focus(".skip-link")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content", json.dumps(page.url)


def test_the_looks_find_what_is_wrong(opened):
    page = opened("tokens")
    page.evaluate("""() => { const wrong = document.createElement('button'); wrong.className = 'skip-link';
        document.querySelector('main').prepend(wrong); }""")
    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    assert "button-name" in [each["id"] for each in found]
    page.focus("main button.skip-link")
    page.evaluate("document.querySelector('main button').style.setProperty('left', '-999rem', 'important')")
    page.evaluate("document.querySelector('main button').style.setProperty('outline', 'none', 'important')")
    focused = page.evaluate(FOCUSED)
    assert (focused["marked"], focused["inSight"]) == (False, False)
