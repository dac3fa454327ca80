"""What comes when: which places of an assessor's work are controls, and when it is time for a break.

Places are drawn in advance, from the comparison's seed and the assessor's number: shares hold from the first pairs on,
nobody can foretell a place, and how much is left can be told without giving a control away.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from django.utils import timezone

from evalapp.assessing.controls import Control
from evalapp.assessing.models import Participation
from evalapp.assessing.tally import Tally, last_midnight

Kind = Control.Kind


def shares(participation: Participation) -> dict[str, float]:
    """Share of each kind of control in this assessor's work; empty where there are none."""
    comparison = participation.comparison
    golden = comparison.golden_share * (2 if participation.more_goldens else 1)
    asked = {
        Kind.GOLDEN: min(golden, 0.5),
        Kind.REPEAT: comparison.repeat_share,
        Kind.IDENTICAL: comparison.identical_share,
    }
    return {str(kind): share for kind, share in asked.items() if share}


def planned(shares: Mapping[str, float], who: str, place: int) -> str:
    """The kind of control at this place (0 is the first) of `who`'s work; empty for an ordinary pair.

    >>> [place for place in range(20) if planned({"golden": 0.2}, "0:0", place)]
    [0, 7, 12, 18]
    """
    for where, kind in _places(shares, who, place):
        if where >= place:
            return kind if where == place else ""
    return ""


def still_planned(shares: Mapping[str, float], who: str, place: int, pairs: int) -> int:
    """How many controls come, from this place on, before that many ordinary pairs are used up."""
    controls, last = 0, -1
    for where, _ in _places(shares, who, place):
        if where < place or where == last:
            continue
        if where - place - controls >= pairs:
            break
        controls, last = controls + 1, where
    return controls


def _places(shares: Mapping[str, float], who: str, start: int) -> Iterator[tuple[int, str]]:
    """One control at a random place in each stretch of 1 / (sum of shares); kinds in turn, by their shares."""
    total = sum(shares.values())
    if not total:
        return
    # The golden ratio's multiples spread evenly, so that any run of controls has its kinds in proportion.
    offset = _chance(f"{who}:kinds")
    for block in count(max(0, int(start * total) - 1)):
        rest = (offset + block * 0.6180339887498949) % 1 * total
        kinds = iter(shares.items())
        kind, share = next(kinds)
        while rest >= share and (following := next(kinds, None)):
            rest -= share
            kind, share = following
        yield int((block + _chance(f"{who}:{block}")) / total), kind


def _chance(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48


@dataclass(frozen=True)
class Rest:
    """Why nothing is handed out for a while: `why` is break or tomorrow."""

    why: str
    until: datetime


def resting(participation: Participation, tally: Tally | None = None) -> Rest | None:
    """Whether the assessor has worked long enough for a break, or enough for the day. Programs need neither."""
    comparison, now = participation.comparison, timezone.now()
    if participation.assessor.simulated:
        return None
    tally = tally or Tally.of(participation)
    if comparison.daily_cap and tally.today >= comparison.daily_cap:
        return Rest("tomorrow", last_midnight() + timedelta(days=1))
    if not comparison.session_minutes or participation.session_from is None or participation.worked_at is None:
        return None
    if now - participation.session_from < timedelta(minutes=comparison.session_minutes):
        return None
    answered = tally.pairs_closed or participation.worked_at
    over = max(answered, participation.worked_at) + timedelta(minutes=comparison.break_minutes)
    return Rest("break", over) if now < over else None


def note_work(participation: Participation) -> None:
    """Something is handed out now: the session goes on, or begins after a break."""
    now = timezone.now()
    worked, pause = participation.worked_at, timedelta(minutes=participation.comparison.break_minutes)
    if worked and now - worked < timedelta(seconds=20):
        return
    begins = worked is None or participation.session_from is None or now - worked >= pause
    stamps = {"worked_at": now} | ({"session_from": now} if begins else {})
    Participation.objects.filter(pk=participation.pk).update(**stamps)
