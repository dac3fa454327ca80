"""How many statements a page may ask: every route that is got has its number, so that a query in a loop is seen."""

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.access import ACCESS, NOT_THERE, ON, THERE
from tests.test_access import address, browser, furnished, house  # noqa: F401

# Two more than were counted; sessions, account and roles take four. Other pages keep to the usual.
USUAL = 12
BUDGET = {
    "api-report": 24,
    "report-file": 24,
    "api-report-file": 24,
    "comparison": 23,
    "api-schema": 24,  # each list is asked for its model
    "api-docs": 24,
    "report-pairs": 21,
    "api-exploration": 21,
    "assess": 18,
    "report": 18,
    "api-progress": 18,
    "report-freshness": 18,
    "edit-comparison": 17,
    "judges-file": 16,
    "rendering": 16,
    "api-votes": 15,
    "comparisons": 15,
    "assessor-data": 20,
    "next-task": 14,
    "api-assessor-data": 21,
    "api-dashboard": 14,
    "api-comparison": 13,
}


def role_for(expected):
    return "assessor" if expected[3] == NOT_THERE and expected[1] in (THERE, ON) else "admin"


def test_each_page_keeps_to_its_number_of_statements(house):  # noqa: F811
    over = {}
    for name, (method, expected) in ACCESS.items():
        if method != "get":
            continue
        things = house(name)
        with transaction.atomic():
            target, client = address(name, things), browser(role_for(expected), things)
            client.get(target)  # what a process keeps is kept by now
            with CaptureQueriesContext(connection) as asked:
                client.get(target)
            transaction.set_rollback(True)
        if len(asked) > BUDGET.get(name, USUAL):
            over[name] = len(asked)
    assert over == {}
