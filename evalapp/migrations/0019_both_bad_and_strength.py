"""Answers beyond left, same and right: "both bad" and how strong a preference is, where a comparison asks.

Votes and answers to controls are altered, so the triggers of 0002 and 0014 are made again.
"""

from importlib import import_module

import django.db.models.expressions
from django.db import migrations, models

BALLOTS = import_module("evalapp.migrations.0002_votes_are_insert_only")
CONTROLS = import_module("evalapp.migrations.0014_controls")


def guard(apps, schema_editor):
    BALLOTS.guard(apps, schema_editor)
    CONTROLS.unguard(apps, schema_editor)
    CONTROLS.guard(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("evalapp", "0018_judges_and_their_verdicts")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, guard),
        migrations.AddField(
            model_name="comparison",
            name="ask_both_bad",
            field=models.BooleanField(default=False, help_text="Beside “same”, “both bad” can be answered."),
        ),
        migrations.AddField(
            model_name="comparison",
            name="ask_strength",
            field=models.BooleanField(default=False, help_text="A side is chosen “a little” or “clearly”."),
        ),
        migrations.AddField(
            model_name="controlanswer",
            name="screen",
            field=models.JSONField(
                default=dict, help_text="What stood on the screen, by aspect key: for a correction."
            ),
        ),
        migrations.AddField(
            model_name="vote",
            name="both_bad",
            field=models.BooleanField(help_text="A tie that says neither is any good; empty: not asked.", null=True),
        ),
        migrations.AddField(
            model_name="vote",
            name="strength",
            field=models.PositiveSmallIntegerField(
                help_text="How strong the preference is: 1 a little, 2 clearly, 0 a tie; empty: not asked.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="vote",
            constraint=models.CheckConstraint(
                condition=models.Q(("both_bad", None), ("both_bad", False), ("choice", "tie"), _connector="OR"),
                name="both_bad_is_a_tie",
            ),
        ),
        migrations.AddConstraint(
            model_name="vote",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("strength", None),
                    models.Q(("choice", "tie"), ("strength", 0)),
                    models.Q(("choice__in", ("first", "second")), ("strength__gte", 1), ("strength__lte", 3)),
                    _connector="OR",
                ),
                name="strength_of_a_preference",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
