"""Addresses of the clips in an assessor's hands: opaque, sealed, and dead after a while.

An address holds the assignment's random code, which of its files is meant and when it ends, under a seal (HMAC-SHA256,
96 bits) that only this house can make. It stays the same for a while, so that what was fetched ahead is not fetched
again, and lives at least an hour and at least as long as the pair's lease.
"""

import base64
import binascii
import time
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

FILES = ("left", "right", "left poster", "right poster", "reference")
HOUR = 3600
_SALT = "evalapp.assessing.addresses"
_SEALED, _SEAL = 21, 12


@dataclass(frozen=True)
class Address:
    """What an address leads to."""

    code: UUID
    file: str
    seconds_left: int


def address(code: UUID, file: str, lease_minutes: int, now: float | None = None) -> str:
    """The path of one of an assignment's FILES: the same until half of its life is over."""
    period = max(HOUR, 60 * lease_minutes)
    until = (int(time.time() if now is None else now) // period + 2) * period
    told = code.bytes + bytes([FILES.index(file)]) + until.to_bytes(4, "big")
    return reverse("task-media", args=[base64.urlsafe_b64encode(told + _seal(told)).decode()])


def read(token: str, now: float | None = None) -> Address | None:
    """What the token of an address means; None where it was not made here, was altered, or is over."""
    try:
        held = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    told, seal = held[:_SEALED], held[_SEALED:]
    if len(held) != _SEALED + _SEAL or not constant_time_compare(seal, _seal(told)):
        return None
    left = int.from_bytes(told[17:], "big") - int(time.time() if now is None else now)
    return Address(UUID(bytes=told[:16]), FILES[told[16]], left) if left > 0 else None


def _seal(told: bytes) -> bytes:
    return salted_hmac(_SALT, told, algorithm="sha256").digest()[:_SEAL]
