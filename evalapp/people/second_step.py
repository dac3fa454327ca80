"""The second step of signing in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for its loss.

django-allauth keeps the secrets and reckons the codes; here they are encrypted, and each opens the door once.
"""

import base64
import hashlib
from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import transaction

from evalapp.people import audit

APP, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES


class Encrypted(DefaultMFAAdapter):
    """Whoever reads the database or a backup alone cannot make codes: secrets are encrypted by SECRET_KEY.

    Keys that were replaced stay readable while they stand in SECRET_KEY_FALLBACKS.
    """

    def encrypt(self, text: str) -> str:
        return self._keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._keys().decrypt(encrypted_text.encode()).decode()

    @staticmethod
    def _keys() -> MultiFernet:
        keys = (hashlib.sha256(b"second step\0" + key.encode()).digest() for key in _secret_keys())
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


def _secret_keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def is_on(user: Any) -> bool:
    return bool(Authenticator.objects.filter(user=user.pk, type=APP).exists())


@transaction.atomic
def switch_on(user: Any, secret: str, step: int = 0) -> list[str]:
    """From now on that secret's codes are asked for, later ones than the one of that half minute, by which it was
    switched on; answers with the recovery codes, which are told this once."""
    kept = TOTP.activate(user, secret).instance
    kept.data["step"] = step
    kept.save(update_fields=["data"])
    audit.record("switched on the second step of", user)
    return list(RecoveryCodes.activate(user).generate_codes())


@transaction.atomic
def switch_off(user: Any) -> None:
    if Authenticator.objects.filter(user=user.pk).delete()[0]:
        audit.record("switched off the second step of", user)


@transaction.atomic
def renew_recovery(user: Any) -> list[str]:
    """New recovery codes; the old ones open nothing any more."""
    Authenticator.objects.filter(user=user.pk, type=RECOVERY).delete()
    audit.record("made new recovery codes of", user)
    return list(RecoveryCodes.activate(user).generate_codes())


def recovery_left(user: Any) -> int:
    kept = Authenticator.objects.filter(user=user.pk, type=RECOVERY).first()
    return len(RecoveryCodes(kept).get_unused_codes()) if kept else 0


@transaction.atomic
def use_code(user: Any, code: str) -> Authenticator | None:
    """What this code is of, or None where it is wrong or was used; two who send it at the same moment get in once."""
    for kept in Authenticator.objects.select_for_update().filter(user=user.pk, type__in=(APP, RECOVERY)):
        if kept.type == RECOVERY and RecoveryCodes(kept).validate_code(code):
            return kept
        if kept.type == APP and (step := step_of(decrypt(kept.data["secret"]), code)) > kept.data.get("step", 0):
            kept.data["step"] = step
            kept.save(update_fields=["data"])
            return kept
    return None


def step_of(secret: str, code: str) -> int:
    """The half minute since 1970 that this code is of, if it is this one or a neighbour (RFC 6238, 5.2); else 0."""
    steps = (step for step in yield_hotp_counters_from_time() if _same(code, hotp_value(secret, step)))
    return next(steps, 0)


def _same(code: str, value: int) -> bool:
    return bool(compare_user_code(actual=code, expected=format_hotp_value(value)))
