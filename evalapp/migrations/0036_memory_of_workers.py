from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evalapp', '0035_times_of_imported_answers'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='gigabytes',
            field=models.PositiveIntegerField(help_text='Memory of its one GPU, 10⁹ bytes; null where it is not known.', null=True),
        ),
    ]
