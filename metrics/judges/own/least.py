"""How many votes an aspect of the team's own judge takes; nothing heavy loads here."""

from __future__ import annotations

from collections.abc import Mapping

LEAST_VOTES = 150
"""Votes of an aspect below which no head is trained for it: with fewer, held-out accuracy is close to chance."""
LEAST_PROMPTS = 10


class NotEnoughVotes(Exception):
    """No aspect has votes enough to train on; the message says how many there are and how many it takes."""


class NothingToLearn(ValueError):
    """Votes enough, and nothing in the clips by which they could be told."""


def shortfall(votes: int, prompts: int, decided: int) -> str:
    """Why an aspect with so many votes, on so many prompts, has no head; empty where it has one."""
    if votes < LEAST_VOTES or prompts < LEAST_PROMPTS:
        return f"{votes} votes on {prompts} prompts: it takes {LEAST_VOTES} on {LEAST_PROMPTS}"
    if decided < LEAST_VOTES // 3:
        return f"{votes - decided} of {votes} votes are ties: {LEAST_VOTES // 3} decided ones are needed"
    return ""


def too_few(shortfalls: Mapping[str, str]) -> NotEnoughVotes:
    """The refusal where each aspect falls short, by aspect."""
    told = "; ".join(f"{aspect}: {reason}" for aspect, reason in shortfalls.items())
    return NotEnoughVotes(f"no judge can be trained on so few votes ({told or 'there are none'})")
