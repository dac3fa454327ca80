"""Every model, so that Django finds them."""

from evalapp.assessing.controls import Control, ControlAnswer, Golden
from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.golden_orders import GoldenOrder
from evalapp.assessing.looks import Look
from evalapp.assessing.models import Assignment, Ballot, Invitation, Participation, Vote
from evalapp.assessing.panels import PanelSeat
from evalapp.assessing.quality import Standing
from evalapp.catalog.models import Checkpoint, Contender, Prompt, PromptSet, Recipe
from evalapp.catalog.pictures import Picture
from evalapp.comparisons.models import Aspect, Comparison, Entry, Pair
from evalapp.comparisons.plans import Template
from evalapp.generation.models import Clip, Queue, Window
from evalapp.generation.uploads import Upload
from evalapp.generation.workers import Worker
from evalapp.measuring.judges import JudgeRun, JudgeVersion, TrainingRun, Verdict
from evalapp.measuring.models import Features, Measurement, MeasuringRun, SetMeasurement
from evalapp.people.answers import StoredAnswer
from evalapp.people.audit import AuditEntry, AuditHead
from evalapp.people.budgets import Spending
from evalapp.people.models import Assessor
from evalapp.people.projects import MemberInvitation, Membership, Project
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Delivery, Webhook
from evalapp.reporting.models import Report
from evalapp.reporting.promises import Verification

__all__ = [
    "ApiToken",
    "Aspect",
    "Assessor",
    "Assignment",
    "AuditEntry",
    "AuditHead",
    "Ballot",
    "Checkpoint",
    "Clip",
    "Comparison",
    "Contender",
    "Control",
    "ControlAnswer",
    "Delivery",
    "Entry",
    "Exclusion",
    "Features",
    "Golden",
    "GoldenOrder",
    "Invitation",
    "JudgeRun",
    "JudgeVersion",
    "Look",
    "Measurement",
    "MeasuringRun",
    "MemberInvitation",
    "Membership",
    "Pair",
    "PanelSeat",
    "Participation",
    "Picture",
    "Project",
    "Prompt",
    "PromptSet",
    "Queue",
    "Recipe",
    "Report",
    "SetMeasurement",
    "Spending",
    "Standing",
    "StoredAnswer",
    "Template",
    "TrainingRun",
    "Upload",
    "Verdict",
    "Verification",
    "Vote",
    "Webhook",
    "Window",
    "Worker",
]
