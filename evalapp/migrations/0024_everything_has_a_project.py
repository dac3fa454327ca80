import django.db.models.deletion
import evalapp.people.projects
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evalapp', '0023_default_project'),
    ]

    operations = [
        migrations.AlterField(
            model_name='checkpoint',
            name='project',
            field=models.ForeignKey(default=evalapp.people.projects.first_project, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.project'),
        ),
        migrations.AlterField(
            model_name='comparison',
            name='project',
            field=models.ForeignKey(default=evalapp.people.projects.first_project, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.project'),
        ),
        migrations.AlterField(
            model_name='contender',
            name='project',
            field=models.ForeignKey(default=evalapp.people.projects.first_project, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.project'),
        ),
        migrations.AlterField(
            model_name='promptset',
            name='project',
            field=models.ForeignKey(default=evalapp.people.projects.first_project, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.project'),
        ),
        migrations.AlterField(
            model_name='webhook',
            name='project',
            field=models.ForeignKey(default=evalapp.people.projects.first_project, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evalapp.project'),
        ),
        migrations.AddConstraint(
            model_name='checkpoint',
            constraint=models.UniqueConstraint(models.F('project'), models.F('name'), name='one_checkpoint_per_name'),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.UniqueConstraint(models.F('project'), models.F('name'), name='one_comparison_per_name'),
        ),
        migrations.AddConstraint(
            model_name='contender',
            constraint=models.UniqueConstraint(models.F('project'), models.F('name'), name='one_contender_per_name'),
        ),
        migrations.AddConstraint(
            model_name='promptset',
            constraint=models.UniqueConstraint(models.F('project'), models.F('name'), models.F('version'), name='one_prompt_set_per_version'),
        ),
    ]
