"""A browser with the assessor's screen in it."""

import pytest

from tests.assessing.screen import open_pair


@pytest.fixture
def screen(chromium, live_server):
    """Opens a comparison's first pair, as an invited assessor; complains of any script error in the end."""
    errors, pages = [], []

    def opened(comparison, width=1366, height=768, **options):
        pages.append(open_pair(chromium, live_server, comparison, errors, width, height, **options))
        return pages[-1]

    yield opened
    for page in pages:
        page.context.close()
    assert errors == []
