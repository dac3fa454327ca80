"""What there was before projects lies in the default one; staff organize there, other users read its reports as before.

Superusers need no membership: they are admins of every project.
"""

from django.conf import settings
from django.db import migrations

OWNED = ("Checkpoint", "Comparison", "Contender", "PromptSet", "Webhook")
RESEARCHER, ORGANIZER = 2, 3


def gather(apps, schema_editor):
    project = apps.get_model("evalapp", "Project").objects.create(name="Default")
    for name in OWNED:
        apps.get_model("evalapp", name).objects.filter(project=None).update(project=project)
    Membership = apps.get_model("evalapp", "Membership")
    app, model = settings.AUTH_USER_MODEL.split(".")
    for user in apps.get_model(app, model).objects.filter(is_superuser=False):
        Membership.objects.create(project=project, user=user, role=ORGANIZER if user.is_staff else RESEARCHER)


def let_go(apps, schema_editor):
    for name in OWNED:
        apps.get_model("evalapp", name).objects.update(project=None)
    apps.get_model("evalapp", "Project").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("evalapp", "0022_projects")]

    operations = [migrations.RunPython(gather, let_go)]
