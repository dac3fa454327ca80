"""Every page of the house, by room."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from evalapp.assessing import invitations
from evalapp.comparisons import views as comparisons
from evalapp.people.views import SignIn
from evalapp.reporting import progress

urlpatterns = [
    # Languages
    path("i18n/", include("django.conf.urls.i18n")),
    # People
    path("", RedirectView.as_view(pattern_name="comparisons"), name="home"),
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    # Comparisons
    path("comparisons/<uuid:code>/open/", comparisons.open_voting, name="open"),
    path("comparisons/<uuid:code>/pause/", comparisons.pause, name="pause"),
    path("comparisons/<uuid:code>/close/", comparisons.close, name="close"),
    path("comparisons/<uuid:code>/retry/", comparisons.retry, name="retry"),
    # Invitations
    path("comparisons/<uuid:code>/invitations/", invitations.invite, name="invite"),
    path("invitations/<uuid:code>/withdraw/", invitations.withdraw, name="withdraw-invitation"),
    # Progress
    path("comparisons/", progress.comparisons, name="comparisons"),
    path("comparisons/<uuid:code>/", progress.comparison, name="comparison"),
    # Programs and the administration; signing in happens in one place, where failures are counted
    path("api/", include("evalapp.api.urls")),
    path("admin/login/", RedirectView.as_view(pattern_name="sign-in", query_string=True)),
    path("admin/", admin.site.urls),
]
