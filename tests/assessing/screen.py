"""What browser tests of the assessor's screen share: a browser that opens a pair, clips to look at, waiting."""

import numpy as np
import pytest
from django.urls import reverse

from evalapp.generation.files import write_files
from evalapp.generation.models import Clip
from tests.factories import make_invitation


def open_pair(browser, live_server, comparison, errors, width=1366, height=768, **options):
    """The comparison's first pair in a context of its own, as an invited assessor; script errors go to `errors`."""
    context = browser.new_context(viewport={"width": width, "height": height}, **({"locale": "en"} | options))
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
    page.goto(live_server.url + reverse("invitation", args=[make_invitation(comparison, seats=9).token]))
    page.click("button.primary")
    page.wait_for_selector("side-by-side")
    page.wait_for_selector(".transport:not([hidden])")
    return page


def until(page, expression):
    """Playwright's own wait_for_function evaluates text, which the page's policy rightly forbids."""
    from playwright.sync_api import Error

    for _ in range(300):
        try:
            if page.evaluate(expression):
                return
        except Error:
            pass  # the page is on its way to the next one
        page.wait_for_timeout(50)
    pytest.fail(f"15 seconds passed without {expression}")


def says(page, words):
    until(page, f"document.querySelector('.status').textContent.startsWith({words!r})")


def answer(page, digits):
    for digit in digits:
        page.keyboard.press(digit)
    page.keyboard.press("Enter")


def counted(frames, width=160, height=96):
    """Frames that tell their number: eight squares, white where that bit of it is set, under a moving bar."""
    clip = np.full((frames, height, width, 3), 40, dtype=np.uint8)
    for number in range(frames):
        for bit in range(8):
            clip[number, 8:40, 4 + bit * 19 : 20 + bit * 19] = 255 if number >> bit & 1 else 0
        clip[number, 60:80, number % width : number % width + 12] = (200, 90, 40)
    return clip


def give_clips(comparison, first, second):
    """Every pair's clips: (frames, fps) of the first contender's and of the second's."""
    for pair in comparison.pairs.all():
        for clip, (frames, fps) in ((pair.first, first), (pair.second, second)):
            Clip.objects.filter(pk=clip.pk).update(**write_files(counted(frames), fps=fps))


NUMBERS = """[...document.querySelectorAll('.side video')].map(video => {
  const canvas = new OffscreenCanvas(160, 96), pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0, 160, 96);
  const white = bit => pen.getImageData(12 + bit * 19, 24, 1, 1).data[0] > 128;
  return [...Array(8).keys()].reduce((number, bit) => number + white(bit) * 2 ** bit, 0);
})"""
"""The number of the frame that each side shows, read from its pixels."""
