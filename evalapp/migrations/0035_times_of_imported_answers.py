from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):
    dependencies = [("evalapp", "0034_workers")]

    # Nothing changes in the database: SQLite would make the table anew, without the triggers that keep ballots.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "ballot",
                    "created_at",
                    models.DateTimeField(default=timezone.now, help_text="When it was answered."),
                )
            ]
        )
    ]
