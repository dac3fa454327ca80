"""Compile the catalogues (.po → .mo) without gettext: `python -m frontend.locale.compile`."""

from pathlib import Path

import polib

for catalogue in sorted(Path(__file__).parent.glob("*/LC_MESSAGES/*.po")):
    polib.pofile(str(catalogue)).save_as_mofile(str(catalogue.with_suffix(".mo")))
