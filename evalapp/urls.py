"""Every page of the house, by room."""

from django.urls import include, path

urlpatterns = [
    # Languages
    path("i18n/", include("django.conf.urls.i18n")),
]
