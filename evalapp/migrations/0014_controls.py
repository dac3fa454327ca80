"""Goldens, repeats, identical pairs and training in tables of their own; answers to them are written once."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import uuid
from django.db import migrations, models


TABLE, NAME = "evalapp_controlanswer", "controlanswer"


def guard(apps, schema_editor):
    """As in 0002; PostgreSQL's function is there already."""
    for trigger, act in ((f"{NAME}_insert_only", "UPDATE"), (f"{NAME}_insert_only_delete", "DELETE")):
        does = (
            f"BEGIN SELECT RAISE(ABORT, '{NAME} rows are written once: never altered or deleted'); END"
            if schema_editor.connection.vendor == "sqlite"
            else "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        schema_editor.execute(f"CREATE TRIGGER {trigger} BEFORE {act} ON {TABLE} {does}")


def unguard(apps, schema_editor):
    on = "" if schema_editor.connection.vendor == "sqlite" else f" ON {TABLE}"
    for trigger in (f"{NAME}_insert_only", f"{NAME}_insert_only_delete"):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on}")


class Migration(migrations.Migration):

    dependencies = [
        ('evalapp', '0013_registered_checkpoints'),
    ]

    operations = [
        migrations.CreateModel(
            name='Control',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('golden', 'Golden'), ('identical', 'Identical'), ('repeat', 'Repeat'), ('training', 'Training'), ('qualification', 'Qualification')], max_length=13)),
                ('swapped', models.BooleanField(help_text='The second clip is on the left.')),
                ('state', models.CharField(choices=[('held', 'Held'), ('submitted', 'Submitted'), ('released', 'Released'), ('expired', 'Expired')], default='held', max_length=10)),
                ('lease_until', models.DateTimeField()),
                ('skip_reason', models.CharField(blank=True, max_length=200)),
                ('version', models.PositiveIntegerField(default=0, help_text='How many answers it has; the last one counts.')),
                ('handed_at', models.DateTimeField(auto_now_add=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('feedback_at', models.DateTimeField(blank=True, help_text='Training: the answer was explained.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ControlAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('key', models.CharField(max_length=64, unique=True)),
                ('fingerprint', models.CharField(max_length=64)),
                ('choices', models.JSONField(help_text='First, second or tie, by aspect key.')),
                ('viewing', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Golden',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('use', models.CharField(choices=[('work', 'Work'), ('training', 'Training'), ('qualification', 'Qualification')], default='work', max_length=13)),
                ('damage', models.CharField(blank=True, help_text='What was done to the second clip; empty: nothing.', max_length=30)),
                ('folder', models.UUIDField(blank=True, editable=False, help_text="Where a damaged copy's files lie.", null=True)),
                ('kind', models.CharField(choices=[('video', 'Video'), ('image', 'Image')], default='video', max_length=5)),
                ('facts', models.JSONField(blank=True, default=dict, help_text='Of a damaged copy, as clips have them, with sha256.')),
                ('answers', models.JSONField(help_text='Right choice by aspect key: first, second or tie.')),
                ('explanation', models.TextField(blank=True, help_text='Shown after the answer, in training.')),
                ('withdrawn', models.BooleanField(default=False, help_text='Handed out to nobody new.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('comparison', 'pk'),
            },
        ),
        migrations.AddField(
            model_name='comparison',
            name='adaptive_overlap',
            field=models.BooleanField(default=False, help_text='One assessor more where the first ones disagree on the aspect that verdicts speak of.'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='break_minutes',
            field=models.PositiveIntegerField(default=5, validators=[django.core.validators.MinValueValidator(1)]),
        ),
        migrations.AddField(
            model_name='comparison',
            name='daily_cap',
            field=models.PositiveIntegerField(default=0, help_text='Pairs per assessor and day; 0: no end.'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='golden_share',
            field=models.FloatField(default=0, help_text="Of an assessor's work: known answers.", validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='comparison',
            name='identical_share',
            field=models.FloatField(default=0, help_text='Of the work: one clip twice.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='comparison',
            name='least_width',
            field=models.PositiveIntegerField(default=0, help_text='Windows narrower than this are refused; 0: none.'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='pass_mark',
            field=models.FloatField(default=0.75, help_text='Share of right answers that qualifies.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='comparison',
            name='repeat_gap',
            field=models.PositiveIntegerField(default=10, help_text='Pairs between the first time and the repeat.'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='repeat_share',
            field=models.FloatField(default=0, help_text='Of the work: own pairs, sides turned.', validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='comparison',
            name='screen_check',
            field=models.BooleanField(default=False, help_text='Size, rate and playback, before the first pair.'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='session_minutes',
            field=models.PositiveIntegerField(default=25, help_text='Work without a break; 0: no end.'),
        ),
        migrations.AddField(
            model_name='participation',
            name='qualified_at',
            field=models.DateTimeField(blank=True, help_text='Past all that comes before the work.', null=True),
        ),
        migrations.AddField(
            model_name='participation',
            name='screen',
            field=models.JSONField(blank=True, default=dict, help_text='What the screen check measured; empty: not yet.'),
        ),
        migrations.AddField(
            model_name='participation',
            name='screened_out_at',
            field=models.DateTimeField(blank=True, help_text='Below the pass mark.', null=True),
        ),
        migrations.AddField(
            model_name='participation',
            name='session_from',
            field=models.DateTimeField(blank=True, help_text='Since the last break.', null=True),
        ),
        migrations.AddField(
            model_name='participation',
            name='worked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.CheckConstraint(condition=models.Q(('golden_share__gte', 0), ('identical_share__gte', 0), ('repeat_share__gte', 0), ('golden_share__lte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.Value(0.5), '-', models.F('repeat_share')), '-', models.F('identical_share')))), name='comparison_work_is_mostly_pairs', violation_error_message='goldens, repeats and identical pairs may be half of the work at most'),
        ),
        migrations.AddField(
            model_name='control',
            name='participation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='controls', to='evalapp.participation'),
        ),
        migrations.AddField(
            model_name='control',
            name='repeated',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='repeats', to='evalapp.assignment'),
        ),
        migrations.AddField(
            model_name='control',
            name='twice',
            field=models.ForeignKey(blank=True, help_text='Shown on both sides.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.clip'),
        ),
        migrations.AddField(
            model_name='controlanswer',
            name='control',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='evalapp.control'),
        ),
        migrations.AddField(
            model_name='golden',
            name='comparison',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='goldens', to='evalapp.comparison'),
        ),
        migrations.AddField(
            model_name='golden',
            name='first',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.clip'),
        ),
        migrations.AddField(
            model_name='golden',
            name='prompt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='evalapp.prompt'),
        ),
        migrations.AddField(
            model_name='golden',
            name='second',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.clip'),
        ),
        migrations.AddField(
            model_name='control',
            name='golden',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='controls', to='evalapp.golden'),
        ),
        migrations.AddConstraint(
            model_name='controlanswer',
            constraint=models.UniqueConstraint(models.F('control'), models.F('version'), name='one_answer_per_version'),
        ),
        migrations.AddConstraint(
            model_name='golden',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('folder__isnull', False), ('second', None)), models.Q(('folder', None), ('second__isnull', False)), _connector='OR'), name='golden_has_one_second_clip'),
        ),
        migrations.AddIndex(
            model_name='control',
            index=models.Index(models.F('participation'), models.F('state'), name='control_of_participation'),
        ),
        migrations.AddConstraint(
            model_name='control',
            constraint=models.UniqueConstraint(models.F('participation'), models.F('golden'), name='no_golden_twice_for_one_assessor'),
        ),
        migrations.AddConstraint(
            model_name='control',
            constraint=models.UniqueConstraint(models.F('repeated'), name='no_assignment_repeated_twice'),
        ),
        migrations.AddConstraint(
            model_name='control',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('golden__isnull', False), ('kind__in', ('golden', 'training', 'qualification'))), models.Q(('kind', 'repeat'), ('repeated__isnull', False)), models.Q(('kind', 'identical'), ('twice__isnull', False)), _connector='OR'), name='control_shows_what_its_kind_says'),
        ),
        migrations.RunPython(guard, unguard),
    ]
