"""Every page of the house, by room."""

from allauth.socialaccount.providers.openid_connect import views as openid
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from evalapp.assessing import entrance, examples, golden_pages, import_views, invitations, preview, standings
from evalapp.assessing import views as assessing
from evalapp.catalog import contender_views
from evalapp.catalog import views as catalog
from evalapp.comparisons import views as comparisons
from evalapp.generation import own_clips, queues
from evalapp.measuring import measuring_views, training_views
from evalapp.measuring import views as judging
from evalapp.people import account_views, audit_views, member_views, token_views, webhook_views
from evalapp.people.sign_in import SecondStep, SignIn, by_openid
from evalapp.reporting import behind, progress, rendering, setup, trust_views
from evalapp.reporting import views as reporting
from evalapp.running import health

handler400 = "evalapp.running.wrong.bad_request"
handler500 = "evalapp.running.wrong.server_error"

urlpatterns = [
    # Assessing: /i/<token>/ brings an assessor in; pairs and their clips go by random codes.
    # First, because they are asked most: addresses are compared one after the other.
    path("i/<str:token>/", entrance.invitation, name="invitation"),
    path("assess/<uuid:code>/", assessing.assess, name="assess"),
    path("assess/<uuid:code>/screen/", examples.screen_check, name="screen-check"),
    path("assess/<uuid:code>/training/", examples.training_page, name="training"),
    path("assess/<uuid:code>/stop/", entrance.stop_here, name="stop"),
    path("assess/<uuid:code>/withdraw/", entrance.withdraw, name="withdraw"),
    path("assess/<uuid:code>/next/", assessing.next_task, name="next-task"),
    path("assess/tasks/<uuid:code>/", assessing.task, name="task"),
    path("assess/tasks/<uuid:code>/skip/", assessing.skip_task, name="skip-task"),
    path("assess/media/<str:seal>/", assessing.task_media, name="task-media"),
    # Languages
    path("i18n/", include("django.conf.urls.i18n")),
    # People
    path("", RedirectView.as_view(pattern_name="comparisons"), name="home"),
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-in/", SignIn.as_view(), name="account_login"),  # what django-allauth calls it
    path("sign-in/code/", SecondStep.as_view(), name="mfa_authenticate"),
    path("sign-in/<slug:provider_id>/", by_openid, name="openid_connect_login"),
    path("sign-in/<slug:provider_id>/back/", openid.callback, name="openid_connect_callback"),
    path("account/", account_views.account, name="account"),
    path("account/prove/", account_views.prove_it, name="prove"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("projects/", member_views.projects, name="projects"),
    path("projects/<uuid:code>/enter/", member_views.enter, name="enter-project"),
    path("members/", member_views.members, name="members"),
    path("members/second-step/", member_views.demand, name="demand-second-step"),
    path("members/<int:number>/role/", member_views.set_role, name="set-role"),
    path("members/<int:number>/remove/", member_views.remove_member, name="remove-member"),
    path("members/invitations/<uuid:code>/withdraw/", member_views.withdraw_invitation, name="withdraw-member"),
    path("join/<str:token>/", member_views.come_in, name="join"),
    path("audit/", audit_views.trail, name="audit"),
    path("webhooks/", webhook_views.webhooks, name="webhooks"),
    path("webhooks/<uuid:code>/remove/", webhook_views.remove, name="remove-webhook"),
    path("webhooks/deliveries/<uuid:code>/resend/", webhook_views.resend, name="resend-delivery"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<int:number>/revoke/", token_views.revoke, name="revoke-token"),
    # Queues
    path("queues/", queues.queues, name="queues"),
    path("queues/<str:hardware>/", queues.set_queue, name="set-queue"),
    path("queues/<str:hardware>/pause/", queues.pause_queue, {"pause": True}, name="pause-queue"),
    path("queues/<str:hardware>/resume/", queues.pause_queue, {"pause": False}, name="resume-queue"),
    # Contenders
    path("contenders/", contender_views.contenders, name="contenders"),
    path("contenders/<int:number>/recipe.<str:kind>", contender_views.recipe_file, name="recipe-file"),
    path("contenders/<int:number>/try/", contender_views.try_contender, name="try-contender"),
    path("contenders/new/<str:generator>/", contender_views.register_page, name="register-contender"),
    # Comparisons
    path("comparisons/new/", setup.new, name="new-comparison"),
    path("templates/<int:number>/remove/", setup.remove_template, name="remove-template"),
    path("comparisons/new/forecast/", setup.foresee, name="foresee"),
    path("comparisons/<uuid:code>/edit/", setup.edit, name="edit-comparison"),
    path("comparisons/<uuid:code>/launch/", comparisons.launch_draft, name="launch"),
    path("comparisons/<uuid:code>/open/", comparisons.open_voting, name="open"),
    path("comparisons/<uuid:code>/pause/", comparisons.pause, name="pause"),
    path("comparisons/<uuid:code>/close/", comparisons.close, name="close"),
    path("comparisons/<uuid:code>/retry/", comparisons.retry, name="retry"),
    path("vote-imports/", import_views.vote_imports, name="vote-imports"),
    # Prompt sets
    path("prompt-sets/", catalog.prompt_sets, name="prompt-sets"),
    path("prompt-sets/<int:number>/", catalog.prompt_set, name="prompt-set"),
    path("prompt-sets/<int:number>/images/<str:sha256>/", catalog.prompt_image, name="prompt-image"),
    path("prompt-sets/<int:number>/clips/", own_clips.own_clips, name="own-clips"),
    path("prompt-sets/<int:number>/alike/", catalog.prompts_alike, name="prompts-alike"),
    path("prompt-sets/<int:number>/sample/", catalog.prompt_sample, name="prompt-sample"),
    # Invitations
    path("comparisons/<uuid:code>/invitations/", invitations.invite, name="invite"),
    path("invitations/<uuid:code>/withdraw/", invitations.withdraw, name="withdraw-invitation"),
    # Goldens
    path("comparisons/<uuid:code>/goldens/", golden_pages.goldens, name="goldens"),
    path("comparisons/<uuid:code>/goldens/<int:number>/copy/", golden_pages.golden_copy, name="golden-copy"),
    path(
        "comparisons/<uuid:code>/goldens/<int:number>/poster/",
        golden_pages.golden_copy,
        {"poster": True},
        name="golden-poster",
    ),
    path(
        "comparisons/<uuid:code>/goldens/<int:number>/withdraw/", golden_pages.withdraw_golden, name="withdraw-golden"
    ),
    # Assessors, as organizers see them
    path("comparisons/<uuid:code>/preview/", preview.preview, name="preview"),
    path("comparisons/<uuid:code>/assessors/", standings.assessors, name="assessors"),
    path("comparisons/<uuid:code>/assessors/rules/", standings.set_rules, name="set-rules"),
    path("comparisons/<uuid:code>/answers/<uuid:assignment>/", standings.answer, name="answer"),
    path("comparisons/<uuid:code>/assessors/<uuid:assessor>/pause/", standings.pause_assessor, name="pause-assessor"),
    path("comparisons/<uuid:code>/assessors/<uuid:assessor>/", standings.assessor, name="assessor"),
    path("comparisons/<uuid:code>/assessors/<uuid:assessor>/exclude/", standings.exclude, name="exclude-assessor"),
    path("comparisons/<uuid:code>/assessors/<uuid:assessor>/lift/", standings.lift, name="lift-exclusion"),
    path("comparisons/<uuid:code>/assessors/<uuid:assessor>/data/", standings.assessor_data, name="assessor-data"),
    path("comparisons/<uuid:code>/assessors/<uuid:assessor>/erase/", standings.erase_assessor, name="erase-assessor"),
    # Progress
    path("comparisons/", progress.comparisons, name="comparisons"),
    path("comparisons/<uuid:code>/", progress.comparison, name="comparison"),
    path("comparisons/<uuid:code>/rendering/", rendering.rendering, name="rendering"),
    path("comparisons/<uuid:code>/rendering/sheets/", rendering.sheets, name="sheets"),
    path("comparisons/<uuid:code>/rendering/<str:verb>/", rendering.tell, name="rendering-verb"),
    path("clips/<uuid:folder>/sheet/", rendering.sheet, name="clip-sheet"),
    # Measures of the clips
    path("comparisons/<uuid:code>/measuring/", measuring_views.measuring, name="measuring"),
    path("measuring/<uuid:measuring>/stop/", measuring_views.stop, name="stop-measuring"),
    # Judges: programs that score or compare the clips
    path("comparisons/<uuid:code>/judging/", judging.judging, name="judging"),
    path("judging/<uuid:run>/stop/", judging.stop, name="stop-judge"),
    path("comparisons/<uuid:code>/judging/train/", training_views.train, name="train-judge"),
    path("judging/trainings/<uuid:training>/stop/", training_views.stop, name="stop-training"),
    path("judging/trainings/<uuid:training>/", trust_views.trained_judge, name="trained-judge"),
    # Reports: pages and files from one snapshot, and the clips behind their numbers
    path("comparisons/<uuid:code>/report/", reporting.report, name="report"),
    path("comparisons/<uuid:code>/report/freshness/", reporting.freshness, name="report-freshness"),
    path("comparisons/<uuid:code>/report/explore/", reporting.exploration, name="report-explore"),
    path("comparisons/<uuid:code>/report/pairs/", behind.pairs, name="report-pairs"),
    path("comparisons/<uuid:code>/report.<str:kind>", reporting.report_file, name="report-file"),
    path("league/", reporting.league, name="league"),
    path("comparisons/<uuid:code>/judges/", trust_views.judges, name="judges-against-people"),
    path("comparisons/<uuid:code>/judges.<str:kind>", trust_views.judges_file, name="judges-file"),
    path("comparisons/<uuid:code>/judges/<int:number>/", trust_views.judge_version, name="judge-version"),
    path("judges/", trust_views.judges, name="judges-everywhere"),
    path("judges.<str:kind>", trust_views.judges_file, name="judges-everywhere-file"),
    path("clips/<uuid:folder>/", reporting.clip_media, name="clip-media"),
    path("clips/<uuid:folder>/poster/", reporting.clip_media, {"poster": True}, name="clip-poster"),
    path("clips/<uuid:folder>/reference/", reporting.clip_reference, name="clip-reference"),
    # Watching it run
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    # Programs and the administration; signing in happens in one place, where failures are counted
    path("api/", include("evalapp.api.urls")),
    path("admin/login/", RedirectView.as_view(pattern_name="sign-in", query_string=True)),
    path("admin/", admin.site.urls),
]
