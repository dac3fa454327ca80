"""Bells that nobody hears: on each broker they are bounded, and the work waits for whoever comes."""

import pytest

from tests.generation.house import until

RING = """
from evalapp import celery
from evalapp.generation.tasks import sweep
for celery.MOST_UNHEARD in (100, 10**6):
    for _ in range(20):
        sweep()
    print(celery.unheard("cpu"))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_where_nobody_listens_bells_do_not_pile_up_and_their_work_is_done_by_whoever_comes(house):
    house.launch(prompts=4)
    bounded, unbounded = map(int, house.run("shell", "-v0", "-c", RING).split()[-2:])
    assert 100 <= bounded < 110
    assert unbounded > bounded + 100, "the negative control: each sweep rings eight times"
    house.start_worker()
    until(lambda: not house.unfinished())
