"""Answers to a program's requests, kept so that a request sent twice is done once."""

from django.conf import settings
from django.db import models

LONGEST_KEY = 128


class StoredAnswer(models.Model):
    """What was answered to a user's request with a key."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=LONGEST_KEY)
    request = models.CharField(max_length=64, help_text="sha256 of method, address and body.")
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("user", "key", name="one_answer_per_user_and_key")]

    def __str__(self) -> str:
        return f"{self.status} to {self.key}"
