"""Shares as pages show them: of 100, with one decimal."""

from collections.abc import Callable


def hundred(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def between(ends: list[float] | None, said: Callable[[float], str] = hundred) -> str:
    return f"{said(ends[0])} – {said(ends[1])}" if ends else ""
