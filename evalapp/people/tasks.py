"""Doorbell of webhooks."""

from celery import shared_task

MOST_AT_ONCE = 100


@shared_task(ignore_result=True)
def deliver() -> None:
    """Post what is due; a beat rings this again, so that nothing waits on a lost bell."""
    from evalapp.people.webhooks import Delivery

    for _ in range(MOST_AT_ONCE):
        delivery = Delivery.objects.claim()
        if delivery is None:
            return
        delivery.send()
