"""REST v1, included under /api/."""

from django.urls import path, re_path

from evalapp.api import views

urlpatterns = [
    path("v1/comparisons/", views.Comparisons.as_view(), name="api-comparisons"),
    path("v1/comparisons/<uuid:code>/", views.OneComparison.as_view(), name="api-comparison"),
    path("v1/comparisons/<uuid:code>/report/", views.NewestReport.as_view(), name="api-report"),
    path("v1/comparisons/<uuid:code>/votes/", views.Votes.as_view(), name="api-votes"),
    path("v1/comparisons/<uuid:code>/open/", views.Verb.as_view(verb="open"), name="api-open"),
    path("v1/comparisons/<uuid:code>/pause/", views.Verb.as_view(verb="pause"), name="api-pause"),
    path("v1/comparisons/<uuid:code>/close/", views.Verb.as_view(verb="close"), name="api-close"),
    re_path("", views.Nothing.as_view(), name="api-nothing"),
]
