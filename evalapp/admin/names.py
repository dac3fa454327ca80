"""What the tables are called in the administration."""

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

NAMES: dict[str, tuple[Any, Any]] = {
    "apitoken": (_("token of the API"), _("tokens of the API")),
    "aspect": (_("aspect"), _("aspects")),
    "assessor": (_("assessor"), _("assessors")),
    "assignment": (_("assignment"), _("assignments")),
    "auditentry": (_("audit entry"), _("audit entries")),
    "audithead": (_("end of the audit trail"), _("end of the audit trail")),
    "ballot": (_("ballot"), _("ballots")),
    "checkpoint": (_("checkpoint"), _("checkpoints")),
    "clip": (_("clip"), _("clips")),
    "comparison": (_("comparison"), _("comparisons")),
    "contender": (_("contender"), _("contenders")),
    "control": (_("control"), _("controls")),
    "controlanswer": (_("answer to a control"), _("answers to controls")),
    "delivery": (_("delivery"), _("deliveries")),
    "entry": (_("contender of a comparison"), _("contenders of comparisons")),
    "exclusion": (_("exclusion"), _("exclusions")),
    "features": (_("features of a clip"), _("features of clips")),
    "golden": (_("golden"), _("goldens")),
    "goldenorder": (_("order of goldens"), _("orders of goldens")),
    "invitation": (_("invitation"), _("invitations")),
    "judgerun": (_("run of a judge"), _("runs of judges")),
    "judgeversion": (_("version of a judge"), _("versions of judges")),
    "look": (_("planned look"), _("planned looks")),
    "measurement": (_("measurement of a clip"), _("measurements of clips")),
    "measuringrun": (_("measuring run"), _("measuring runs")),
    "memberinvitation": (_("invitation of a member"), _("invitations of members")),
    "membership": (_("membership"), _("memberships")),
    "pair": (_("pair"), _("pairs")),
    "panelseat": (_("seat from a panel"), _("seats from panels")),
    "participation": (_("participation"), _("participations")),
    "picture": (_("image of a prompt"), _("images of prompts")),
    "project": (_("project"), _("projects")),
    "prompt": (_("prompt"), _("prompts")),
    "promptset": (_("prompt set"), _("prompt sets")),
    "queue": (_("queue"), _("queues")),
    "recipe": (_("recipe"), _("recipes")),
    "report": (_("report"), _("reports")),
    "setmeasurement": (_("measurement of a set"), _("measurements of sets")),
    "spending": (_("spent budget"), _("spent budgets")),
    "standing": (_("standing of an assessor"), _("standings of assessors")),
    "storedanswer": (_("stored answer of the API"), _("stored answers of the API")),
    "template": (_("template"), _("templates")),
    "trainingrun": (_("training of a judge"), _("trainings of judges")),
    "upload": (_("clip sent in"), _("clips sent in")),
    "verdict": (_("verdict of a judge"), _("verdicts of judges")),
    "verification": (_("verification"), _("verifications")),
    "vote": (_("vote"), _("votes")),
    "webhook": (_("webhook"), _("webhooks")),
    "window": (_("window of a queue"), _("windows of queues")),
    "worker": (_("worker"), _("workers")),
}
"""By model: one, and many."""

_app = apps.get_app_config("evalapp")
_app.verbose_name = "Visavis"
for _model in _app.get_models():
    _model._meta.verbose_name, _model._meta.verbose_name_plural = NAMES[str(_model._meta.model_name)]
