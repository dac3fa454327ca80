"""Sealed addresses: stable for a while, over after it, and nobody else can make one."""

import uuid

import pytest

from evalapp.assessing.addresses import FILES, HOUR, address, read

CODE = uuid.UUID(int=7)
NOON = 500_000 * HOUR


def token(path):
    return path.rstrip("/").rpartition("/")[2]


@pytest.mark.parametrize("file", FILES)
def test_an_address_leads_to_its_file_and_tells_nothing_in_clear(file):
    found = read(token(address(CODE, file, 30, NOON)), NOON)
    assert (found.code, found.file) == (CODE, file)
    assert str(CODE) not in address(CODE, file, 30, NOON)


def test_it_stays_the_same_for_an_hour_and_lives_one_to_two_whatever_the_clock_says():
    first = address(CODE, "left", 30, NOON)
    assert address(CODE, "left", 30, NOON + HOUR - 1) == first
    assert address(CODE, "left", 30, NOON + HOUR) != first
    for moment in (NOON, NOON + HOUR - 1):
        made = token(address(CODE, "left", 30, moment))
        assert read(made, moment + HOUR) is not None
        assert read(made, moment + 2 * HOUR) is None


def test_it_outlives_a_lease_longer_than_an_hour():
    for moment in range(NOON, NOON + 12 * HOUR, 1234):
        assert read(token(address(CODE, "left", 300, moment)), moment + 300 * 60 - 1) is not None


def test_a_changed_letter_another_secret_or_no_address_at_all_is_nothing(settings):
    made = token(address(CODE, "left", 30, NOON))
    for place in range(len(made)):
        other = made[:place] + ("A" if made[place] != "A" else "B") + made[place + 1 :]
        assert read(other, NOON) is None
    for wrong in ("", "x", "ü", made + "AAAA", made[:-4]):
        assert read(wrong, NOON) is None
    settings.SECRET_KEY = "another secret that is long enough for a key"
    assert read(made, NOON) is None
