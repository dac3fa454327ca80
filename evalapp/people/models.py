"""People: who votes. Who sets up and who reads reports is an ordinary Django user, a member of projects."""

import uuid

from django.db import models


class Assessor(models.Model):
    """Someone who votes. Has no password: an invitation link brings them in and the session remembers them."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, blank=True, help_text="For organizers only; may stay empty.")
    simulated = models.BooleanField(default=False, help_text="A program that votes by known preferences.")
    erased_at = models.DateTimeField(null=True, blank=True, help_text="Nothing that tells who it was is left.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name or f"assessor {str(self.code)[:8]}"
