"""Whatever a page lets a member do, the API does too: each page that takes a POST names the calls that do the same."""

from inspect import getclosurevars, isfunction

import pytest
from django.urls import get_resolver

from evalapp.api.documents import schema
from evalapp.api.urls import urlpatterns
from tests.test_access import routes

SAME = {
    "new-comparison": ["post api-comparisons", "post api-templates"],
    "foresee": ["post api-forecast"],
    "edit-comparison": ["put api-comparison"],
    "remove-template": ["delete api-template"],
    **{verb: [f"post api-{verb}"] for verb in ("launch", "open", "pause", "close", "retry")},
    "rendering-verb": [f"post api-{verb}-rendering" for verb in ("hold", "release", "cancel", "prioritise")],
    "invite": ["post api-invitations"],
    "withdraw-invitation": ["delete api-invitation"],
    "goldens": ["post api-golden-orders", "post api-goldens"],
    "withdraw-golden": ["delete api-golden"],
    "set-rules": ["patch api-rules"],
    "pause-assessor": ["post api-pause-assessor", "post api-resume-assessor"],
    "exclude-assessor": ["post api-exclude"],
    "lift-exclusion": ["post api-readmit"],
    "erase-assessor": ["delete api-assessor-data"],
    "measuring": ["post api-measurements"],
    "stop-measuring": ["delete api-measuring-run"],
    "judging": ["post api-judge-runs", "post api-judge-estimate"],
    "stop-judge": ["delete api-judge-run"],
    "train-judge": ["post api-judge-trainings"],
    "stop-training": ["delete api-judge-training"],
    "prompt-sets": ["post api-prompt-sets", "put api-images", "put api-prompt-lists"],
    "own-clips": ["put api-clips"],
    "prompts-alike": ["post api-prompts-alike"],
    "prompt-sample": ["post api-prompt-sample"],
    "vote-imports": ["post api-vote-imports"],
    "register-contender": ["post api-contenders"],
    "try-contender": ["post api-try-contender"],
    **{name: ["patch api-queue"] for name in ("set-queue", "pause-queue", "resume-queue")},
    "projects": ["post api-projects"],
    "members": ["post api-member-invitations"],
    "demand-second-step": ["patch api-project"],
    "set-role": ["patch api-member"],
    "remove-member": ["delete api-member"],
    "withdraw-member": ["delete api-member-invitation"],
    "webhooks": ["post api-webhooks"],
    "remove-webhook": ["delete api-webhook"],
    "resend-delivery": ["post api-resend"],
    "tokens": ["post api-tokens"],
    "revoke-token": ["delete api-token"],
}
"""Page: the calls."""
OF_A_BROWSER = {
    "the person and their browser": "sign-in account_login mfa_authenticate openid_connect_callback account join prove",
    "the session: programs name the project": "enter-project sign-out set_language",
    "the assessor's screen, which stays blind": "invitation screen-check training stop withdraw task skip-task",
}
"""What no program does for anybody, and why."""


SHOWN = {
    "comparisons": "api-comparisons api-dashboard",
    "comparison": "api-comparison api-progress api-invitations",
    **dict.fromkeys(("rendering", "sheets"), "api-comparison api-progress api-pairs"),
    "new-comparison": "api-templates api-template",
    "edit-comparison": "api-plan",
    "preview": "api-comparison",
    "contenders": "api-contenders",
    **dict.fromkeys(("register-contender", "recipe-file"), "api-contender"),
    "prompt-sets": "api-prompt-sets",
    "prompt-set": "api-prompt-set api-prompt-set-looks api-prompts-alike api-prompt-sample",
    "own-clips": "api-upload",
    "vote-imports": "api-prompt-sets",
    "goldens": "api-goldens api-golden-orders api-golden-order",
    "assessors": "api-assessors api-rules",
    "assessor": "api-assessor",
    "assessor-data": "api-assessor-data",
    "answer": "api-assessor-data api-pairs",
    "measuring": "api-measurements api-measuring-run",
    "judging": "api-judges api-judge-runs api-judge-run api-measurements api-judge-trainings",
    "trained-judge": "api-judge-training",
    **dict.fromkeys(("judges-against-people", "judges-file", "judge-version"), "api-judges-against-people"),
    **dict.fromkeys(("judges-everywhere", "judges-everywhere-file"), "api-judges-everywhere"),
    "report": "api-report",
    "report-file": "api-report-file",
    "report-freshness": "api-report",
    "report-explore": "api-exploration",
    "report-pairs": "api-pairs",
    "league": "api-league",
    "queues": "api-queues api-queue",
    "projects": "api-projects api-project",
    "members": "api-members api-member-invitations",
    "webhooks": "api-webhooks api-webhook api-deliveries",
    "tokens": "api-tokens api-token",
    "audit": "api-audit",
}
"""Page that is read: the calls that tell the same."""
OF_EYES = "clip-media clip-poster clip-reference clip-sheet prompt-image golden-copy golden-poster".split()  # noqa: SIM905
"""Files for a browser that is signed in."""


def takes_a_post(view):
    """As the view's own guards say (`require_POST`, `require_http_methods`), or a class's methods."""
    if hasattr(view, "view_class"):
        return hasattr(view.view_class, "post")
    methods = methods_of(view)
    return methods is None or "POST" in methods


def methods_of(view):
    methods = None
    while view is not None and methods is None:
        methods = getclosurevars(view).nonlocals.get("request_method_list") if isfunction(view) else None
        view = getattr(view, "__wrapped__", None)
    return methods


def takes_a_get(view):
    methods = methods_of(view)
    return methods is None or "GET" in methods


def pages(that):
    for pattern in walked(get_resolver().url_patterns):
        if not (pattern.name or "").startswith("api-") and that(pattern.callback):
            yield pattern.name


def walked(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            if pattern.app_name != "admin":
                yield from walked(pattern.url_patterns)
        elif pattern.name in set(routes()):
            yield pattern


NO_PROGRAM = {name for names in OF_A_BROWSER.values() for name in names.split()}
READ_ONLY = {"home", "api-docs", "healthz", "readyz", "metrics", "openid_connect_login", "assess", "next-task"}


def test_every_page_that_takes_a_post_names_calls_that_do_the_same():
    found = set(pages(takes_a_post)) - READ_ONLY
    known = set(SAME) | NO_PROGRAM
    assert found - known == set(), "say in SAME by which calls a program does this"
    assert set(SAME) - found == set(), "these are pages no more, or take no POST"


def test_every_page_that_is_read_names_calls_that_tell_the_same():
    found = set(pages(takes_a_get)) - READ_ONLY - NO_PROGRAM - {"task-media", "foresee"}
    assert found - set(SHOWN) - set(OF_EYES) == set(), "say in SHOWN by which calls a program reads this"
    assert set(SHOWN) - found == set(), "these are pages no more"


@pytest.mark.parametrize(
    "call",
    sorted(
        {call for calls in SAME.values() for call in calls}
        | {f"get {name}" for names in SHOWN.values() for name in names.split()}
    ),
)
def test_the_call_is_in_the_schema(call):
    method, _, name = call.partition(" ")
    (route,) = [str(pattern.pattern) for pattern in urlpatterns if pattern.name == name]
    path = "/api/" + route.replace("<uuid:", "{").replace("<int:", "{").replace("<str:", "{").replace(">", "}")
    assert method in schema()["paths"][path]
