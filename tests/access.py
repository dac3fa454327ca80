"""Who may do what: every route of the site map × every role. tests/test_access.py holds the house to it."""

MEMBERS = ("viewer", "researcher", "organizer", "admin")
# stranger: an assessor of other comparisons; foreigner: an admin of another project, and a member of no other
ROLES = ("anonymous", "assessor", "stranger", *MEMBERS, "foreigner")
SIGN_IN = "to sign in"
THERE = "200"
NOT_THERE = "404"
FORBIDDEN = "403"
UNKNOWN = "401"  # of the API, which tells programs how to sign in
ON = "moved on"  # done, and sent to another page than signing in


def members(least, outcome=THERE, foreigner=NOT_THERE, outside=SIGN_IN):
    """A row: who is not signed in is `outside`, members below that role are refused, a foreigner finds nothing."""
    place = MEMBERS.index(least)
    return (outside,) * 3 + (FORBIDDEN,) * place + (outcome,) * (len(MEMBERS) - place) + (foreigner,)


# name: (method, outcome for each role); more than one outcome where it depends on the state of things, not on the role.
# Pages without a thing of their own are of one's own project: there a foreigner is an admin.
VIEWERS, RESEARCHERS, ORGANIZERS, ADMINS = (members(role) for role in MEMBERS)
ORGANIZERS_DO, ADMINS_DO = members("organizer", ON), members("admin", ON)
OWN_PROJECT_ORGANIZERS, OWN_PROJECT_ADMINS = members("organizer", foreigner=THERE), members("admin", foreigner=THERE)
SIGNED_IN = members("viewer", foreigner=THERE)
EVERYONE = (THERE,) * len(ROLES)
NOBODY = (NOT_THERE,) * len(ROLES)


def assessors(outcome=THERE):
    return (NOT_THERE, outcome, *(NOT_THERE,) * 6)


ASSESSORS_OWN = assessors()
API_SIGNED_IN = members("viewer", foreigner=THERE, outside=UNKNOWN)
API_VIEWERS, API_RESEARCHERS, API_ORGANIZERS, API_ADMINS = (members(role, outside=UNKNOWN) for role in MEMBERS)
API_SUPERUSERS = (*(UNKNOWN,) * 3, *(FORBIDDEN,) * 5)
ACCESS = {
    "home": ("get", (ON,) * len(ROLES)),
    "set_language": ("post", (ON,) * len(ROLES)),
    "sign-in": ("get", EVERYONE),
    "account_login": ("get", EVERYONE),
    "mfa_authenticate": ("get", (SIGN_IN, SIGN_IN, SIGN_IN, *(ON,) * 5)),  # only between the two steps
    "openid_connect_login": ("get", NOBODY),  # where no provider is named
    "openid_connect_callback": ("get", NOBODY),
    "account": ("get", SIGNED_IN),
    "prove": ("get", SIGNED_IN),
    "demand-second-step": ("post", members("admin", ON, foreigner=ON)),
    "sign-out": ("post", (SIGN_IN,) * len(ROLES)),
    "contenders": ("get", OWN_PROJECT_ORGANIZERS),
    "queues": ("get", OWN_PROJECT_ORGANIZERS),
    **dict.fromkeys(("set-queue", "pause-queue", "resume-queue"), ("post", members("organizer", ON, foreigner=ON))),
    "register-contender": ("get", OWN_PROJECT_ORGANIZERS),
    "recipe-file": ("get", ORGANIZERS),
    "try-contender": ("post", members("organizer", NOT_THERE)),  # its generator has nothing to try
    "comparisons": ("get", SIGNED_IN),
    "comparison": ("get", ORGANIZERS),
    "new-comparison": ("get", OWN_PROJECT_ORGANIZERS),
    "foresee": ("post", OWN_PROJECT_ORGANIZERS),
    "edit-comparison": ("get", ORGANIZERS),
    "remove-template": ("post", ORGANIZERS_DO),
    **dict.fromkeys(("launch", "open", "pause", "close", "retry"), ("post", ORGANIZERS_DO)),
    "vote-imports": ("get", OWN_PROJECT_ORGANIZERS),
    "rendering": ("get", ORGANIZERS),
    "sheets": ("get", ORGANIZERS),
    "rendering-verb": ("post", ORGANIZERS_DO),
    "clip-sheet": ("get", ORGANIZERS),
    "prompt-sets": ("get", OWN_PROJECT_ORGANIZERS),
    "prompt-set": ("get", ORGANIZERS),
    "prompt-image": ("get", ORGANIZERS),
    "own-clips": ("get", ORGANIZERS),
    "prompts-alike": ("post", ORGANIZERS_DO),
    "api-prompts-alike": ("get", API_RESEARCHERS),
    "prompt-sample": ("post", ORGANIZERS_DO),
    "invite": ("post", ORGANIZERS_DO),
    "withdraw-invitation": ("post", ORGANIZERS_DO),
    "assessor": ("get", ORGANIZERS),
    "goldens": ("get", ORGANIZERS),
    "golden-copy": ("get", ORGANIZERS),
    "golden-poster": ("get", ORGANIZERS),
    "withdraw-golden": ("post", ORGANIZERS_DO),
    "preview": ("get", ORGANIZERS),
    "assessors": ("get", ORGANIZERS),
    "answer": ("get", ORGANIZERS),
    "assessor-data": ("get", ORGANIZERS),
    "erase-assessor": ("post", ORGANIZERS_DO),
    "set-rules": ("post", ORGANIZERS_DO),
    "pause-assessor": ("post", ORGANIZERS_DO),
    "exclude-assessor": ("post", ORGANIZERS_DO),
    "lift-exclusion": ("post", ORGANIZERS_DO),
    "invitation": ("get", EVERYONE),
    "assess": ("get", ASSESSORS_OWN),
    "screen-check": ("get", ASSESSORS_OWN),
    "training": ("get", assessors(ON)),
    "stop": ("post", ASSESSORS_OWN),
    "withdraw": ("get", ASSESSORS_OWN),
    "next-task": ("get", ASSESSORS_OWN),
    "task": ("get", ASSESSORS_OWN),
    "skip-task": ("post", assessors(ON)),
    "task-media": ("get", ASSESSORS_OWN),
    "measuring": ("get", ORGANIZERS),
    "stop-measuring": ("post", ORGANIZERS_DO),
    "judging": ("get", ORGANIZERS),
    "stop-judge": ("post", ORGANIZERS_DO),
    "train-judge": ("post", members("organizer", "400")),  # nobody has voted
    "stop-training": ("post", ORGANIZERS_DO),
    "trained-judge": ("get", VIEWERS),
    "report": ("get", VIEWERS),
    "report-freshness": ("get", VIEWERS),
    "report-explore": ("get", RESEARCHERS),
    "league": ("get", SIGNED_IN),
    "judges-against-people": ("get", VIEWERS),
    "judges-file": ("get", RESEARCHERS),
    "judge-version": ("get", VIEWERS),
    "judges-everywhere": ("get", SIGNED_IN),
    "judges-everywhere-file": ("get", members("researcher", foreigner="503")),  # nothing to tell of theirs yet
    "report-file": ("get", RESEARCHERS),
    "report-pairs": ("get", VIEWERS),
    "clip-media": ("get", VIEWERS),
    "clip-poster": ("get", VIEWERS),
    "clip-reference": ("get", VIEWERS),
    "projects": ("get", SIGNED_IN),
    "enter-project": ("post", members("viewer", ON)),
    "members": ("get", OWN_PROJECT_ADMINS),
    "set-role": ("post", ADMINS_DO),
    "remove-member": ("post", ADMINS_DO),
    "withdraw-member": ("post", ADMINS_DO),
    "join": ("get", EVERYONE),
    "audit": ("get", OWN_PROJECT_ORGANIZERS),
    "webhooks": ("get", OWN_PROJECT_ADMINS),
    "remove-webhook": ("post", ADMINS_DO),
    "resend-delivery": ("post", ADMINS_DO),
    "tokens": ("get", SIGNED_IN),
    "revoke-token": ("post", (*(SIGN_IN,) * 3, NOT_THERE, NOT_THERE, ON, NOT_THERE, NOT_THERE)),  # the organizer's own
    **dict.fromkeys(("healthz", "readyz"), ("get", EVERYONE)),
    "metrics": ("get", NOBODY),  # but staff and the token (tests/running)
    "api-docs": ("get", SIGNED_IN),
    "api-schema": ("get", API_SIGNED_IN),
    "api-me": ("get", API_SIGNED_IN),
    "api-prompt-sets": ("get", members("researcher", foreigner=THERE, outside=UNKNOWN)),
    "api-prompt-set": ("get", API_RESEARCHERS),
    "api-images": ("put", members("organizer", "202", foreigner="202", outside=UNKNOWN)),
    "api-image": ("get", API_ORGANIZERS),
    "api-prompt-lists": ("put", members("organizer", "409", foreigner="409", outside=UNKNOWN)),  # no zip
    "api-vote-imports": ("post", members("organizer", "400", foreigner="400", outside=UNKNOWN)),  # of nothing
    "api-clips": ("put", members("organizer", "400", outside=UNKNOWN)),  # of no contender
    "api-upload": ("get", API_ORGANIZERS),
    "api-contenders": ("get", members("researcher", foreigner=THERE, outside=UNKNOWN)),
    "api-invitations": ("get", API_ORGANIZERS),
    "api-invitation": ("delete", members("organizer", "204", outside=UNKNOWN)),
    "api-launch": ("post", members("organizer", "409", outside=UNKNOWN)),  # it is launched already
    "api-retry": ("post", API_ORGANIZERS),
    **{f"api-{verb}-rendering": ("post", API_ORGANIZERS) for verb in ("cancel", "hold", "release")},
    "api-prioritise-rendering": ("post", members("organizer", "400", outside=UNKNOWN)),  # without a priority
    "api-contender": ("get", API_RESEARCHERS),
    "api-try-contender": ("post", members("organizer", "409", outside=UNKNOWN)),  # its generator has nothing to try
    "api-prompt-set-looks": ("get", API_RESEARCHERS),
    "api-prompt-sample": ("get", API_ORGANIZERS),
    "api-template": ("get", API_ORGANIZERS),
    "api-league": ("get", API_VIEWERS),
    "api-pairs": ("get", API_VIEWERS),
    **dict.fromkeys(("api-judges-everywhere", "api-exploration"), ("get", API_RESEARCHERS)),
    **dict.fromkeys(("api-templates", "api-dashboard", "api-plan", "api-progress"), ("get", API_ORGANIZERS)),
    "api-forecast": ("post", members("organizer", "400", outside=UNKNOWN)),  # of nothing
    **dict.fromkeys(("api-goldens", "api-golden-orders", "api-golden-order"), ("get", API_ORGANIZERS)),
    "api-golden": ("delete", members("organizer", "204", outside=UNKNOWN)),
    **dict.fromkeys(("api-rules", "api-assessors", "api-assessor", "api-assessor-data"), ("get", API_ORGANIZERS)),
    "api-exclude": ("post", members("organizer", "400", outside=UNKNOWN)),  # without a reason
    "api-readmit": ("post", members("organizer", "400", outside=UNKNOWN)),
    **dict.fromkeys(("api-pause-assessor", "api-resume-assessor"), ("post", API_ORGANIZERS)),
    **dict.fromkeys(("api-queues", "api-queue"), ("get", members("organizer", foreigner=THERE, outside=UNKNOWN))),
    "api-tokens": ("get", API_SIGNED_IN),
    "api-token": ("get", (*(UNKNOWN,) * 3, *(NOT_THERE,) * 3, THERE, NOT_THERE)),  # the project's
    "api-verifications": ("get", API_SUPERUSERS),
    "api-projects": ("get", API_SIGNED_IN),
    "api-project": ("get", API_VIEWERS),
    "api-audit": ("get", API_ORGANIZERS),
    "api-webhooks": ("get", API_ADMINS),
    "api-webhook": ("delete", members("admin", "204", outside=UNKNOWN)),
    "api-deliveries": ("get", API_ADMINS),
    "api-resend": ("post", members("admin", "202", outside=UNKNOWN)),
    "api-members": ("get", members("admin", outside=UNKNOWN)),
    "api-member": ("delete", members("admin", "204", outside=UNKNOWN)),
    "api-member-invitations": ("get", members("admin", outside=UNKNOWN)),
    "api-member-invitation": ("delete", members("admin", "204", outside=UNKNOWN)),
    "api-comparisons": ("get", API_SIGNED_IN),
    "api-comparison": ("get", API_VIEWERS),
    "api-report": ("get", API_RESEARCHERS),
    "api-report-file": ("get", API_RESEARCHERS),
    "api-judges-against-people": ("get", API_RESEARCHERS),
    "api-votes": ("get", API_RESEARCHERS),
    "api-measurements": ("get", API_ORGANIZERS),
    "api-measuring-run": ("delete", API_ORGANIZERS),
    "api-judges": ("get", members("organizer", foreigner=THERE, outside=UNKNOWN)),
    "api-judge-runs": ("get", API_ORGANIZERS),
    "api-judge-estimate": ("post", members("organizer", "400", outside=UNKNOWN)),  # no judge is named
    "api-judge-run": ("delete", API_ORGANIZERS),
    "api-judge-trainings": ("get", API_ORGANIZERS),
    "api-judge-training": ("delete", API_ORGANIZERS),
    "api-open": ("post", API_ORGANIZERS),
    "api-pause": ("post", API_ORGANIZERS),
    "api-close": ("post", API_ORGANIZERS),
    "api-nothing": ("get", NOBODY),
}
STARTS = {"edit-comparison": "draft", "open": "paused", "api-open": "paused", "api-retry": "rendering"}
WITHOUT_CODE = """
    account_login mfa_authenticate account prove demand-second-step home set_language sign-in sign-out comparisons
    new-comparison foresee league judges-everywhere prompt-sets tokens audit webhooks projects members healthz readyz
    metrics api-docs api-schema api-me api-images api-prompt-lists api-prompt-sets api-contenders api-comparisons
    api-judges api-tokens api-queues api-verifications api-projects api-vote-imports
    vote-imports
""".split()  # noqa: SIM905
