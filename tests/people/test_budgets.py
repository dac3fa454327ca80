"""Budgets: what is spent is spent for every process, whatever it says of where it comes from."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as house
from django.db import connection
from django.utils import timezone

from evalapp.people.budgets import Budget, Spending
from evalapp.people.sign_in import address_of

PROCESSES, TRIES, LIMIT = 3, 60, 40
SPENDER = """
import sys, django
django.setup()
from evalapp.people.budgets import Budget, Spending

def careless():
    "Read, look, write: what a cache does. Here the others look before it writes."
    row = Spending.objects.get(key="careless")
    allowed = row.spent < {limit}
    print("looked", flush=True)
    sys.stdin.readline()
    row.spent += 1
    row.save()
    return allowed

budget = Budget("raced", limit={limit}, seconds=900)
print("ready", flush=True)
sys.stdin.readline()
print(sum((careless if "{kind}" == "careless" else budget.spend)() for _ in range({tries})))
"""


def raced(kind):
    """How much several real processes were allowed, which start at once."""
    database = connection.settings_dict
    url = os.environ.get("TEST_POSTGRES_URL", "").rpartition("/")[0] + f"/{database['NAME']}"
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "evalapp.settings"}
    code = SPENDER.format(limit=LIMIT, tries=TRIES, kind=kind)
    command, piped = [sys.executable, "-c", code], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    spenders = [subprocess.Popen(command, cwd=house.BASE_DIR, env=environment, **piped) for _ in range(PROCESSES)]
    try:
        for said in ("ready\n", *(TRIES * ["looked\n"] if kind == "careless" else [])):
            for each in spenders:
                assert each.stdout.readline() == said
            for each in spenders:
                each.stdin.write("go\n")
                each.stdin.flush()
        return sum(int(each.communicate(timeout=200)[0]) for each in spenders)
    finally:
        for each in spenders:
            each.kill()
            each.wait()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_real_processes_together_spend_the_limit_and_no_more():
    assert raced("budget") == LIMIT
    Spending.objects.create(key="careless", spent=0, until=timezone.now())
    assert raced("careless") == PROCESSES * LIMIT, "the race that this guards against"


def test_a_budget_begins_anew_when_its_time_is_over(db):
    budget = Budget("someone", limit=3, seconds=60)
    assert [budget.spend(2), budget.spend(2), budget.spend()] == [True, False, True]
    assert (budget.left(), budget.spend(4)) == (0, False)
    assert 0 < budget.wait() <= 61
    Spending.objects.update(until=timezone.now())
    assert (budget.left(), budget.wait()) == (3, 1)
    assert budget.spend(3)


def test_budgets_of_others_and_other_things_are_their_own(db):
    assert Budget("a", "b", limit=1, seconds=60).spend()
    assert Budget("a", "c", limit=1, seconds=60).spend()
    assert Budget("ab", limit=1, seconds=60).spend()
    assert not Budget("a", "b", limit=1, seconds=60).spend()


def test_a_forged_address_is_not_believed_without_a_proxy_and_behind_one_only_its_word_is(rf, settings):
    asked = rf.get("/", HTTP_X_FORWARDED_FOR="1.2.3.4, 192.0.2.9", REMOTE_ADDR="192.0.2.1")
    assert address_of(asked) == "192.0.2.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert address_of(asked) == "192.0.2.9"
