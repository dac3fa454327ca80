"""What generators, programs and servers tell, made such that every database takes it."""

import math
from typing import Any

from evalapp.catalog.prompt_lists import UNSTORABLE


def words(text: str) -> str:
    """Without what databases refuse, and with one kind of line ends: browsers send them back as another."""
    return "\n".join(UNSTORABLE.sub("�", text).splitlines()).strip()


def facts(told: Any) -> Any:
    """As JSON: numbers that it does not know are null, and what it cannot hold is told in words."""
    if told is None or isinstance(told, bool | int):
        return told
    if isinstance(told, float):
        return float(told) if math.isfinite(told) else None
    if isinstance(told, dict):
        return {UNSTORABLE.sub("�", str(key)): facts(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [facts(value) for value in told]
    return UNSTORABLE.sub("�", str(told))
