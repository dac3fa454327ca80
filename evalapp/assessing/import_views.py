"""The page where votes and ratings that were cast elsewhere come in, as the API and the command line take them."""

from pathlib import PurePath
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from evalapp.assessing.intake import ImportedAlready, VotesRefused
from evalapp.assessing.models import Vote
from evalapp.assessing.votes_files import MOST_AT_ONCE, import_table
from evalapp.catalog.models import PromptSet
from evalapp.comparisons.launch import InvalidPlan
from evalapp.comparisons.models import Comparison
from evalapp.people.access import project_of
from evalapp.people.projects import Project, working_in
from evalapp.people.views import organizers_only

LARGEST = 5 * 2**20  # bytes
RATINGS = "ratings"
KINDS = [
    ("votes", gettext_lazy("a vote: two contenders and which one was chosen")),
    (RATINGS, gettext_lazy("a rating: one contender and a number, the higher the better")),
]


class TableOfVotes(forms.Form):
    """A table as a file. `save` makes the closed comparison, or raises what `import_table` raises."""

    file = forms.FileField(
        label=gettext_lazy("A table, CSV"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
        help_text=gettext_lazy("UTF-8; columns separated by commas, semicolons or tabs."),
    )
    rows = forms.ChoiceField(choices=KINDS, label=gettext_lazy("Each row is"))
    name = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Of the comparison that is made. Empty: the file's name."),
    )
    prompt_set = forms.ModelChoiceField(
        PromptSet.objects.order_by("name", "version"),
        required=False,
        label=gettext_lazy("Prompt set"),
        empty_label=gettext_lazy("none: prompts as the table has them"),
        help_text=gettext_lazy("Its texts, tags and clips are shown with the votes."),
    )
    again = forms.BooleanField(required=False, label=gettext_lazy("Import them all the same; the league counts both."))

    def __init__(self, project: Project, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.project = project
        known: Any = self.fields["prompt_set"]
        known.queryset = known.queryset.filter(project=project)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("This file is larger than 5 MB: send fewer votes, or import them on the server by import_votes.")
            )
        return file

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if file := cleaned.get("file"):
            cleaned["name"] = cleaned.get("name") or PurePath(str(file.name)).stem[:200]
        return cleaned

    def save(self) -> Comparison:
        asked = self.cleaned_data
        chosen: PromptSet | None = asked["prompt_set"]
        prompts, of = (chosen.texts(), chosen.name) if chosen else ((), "")
        rated, content = asked["rows"] == RATINGS, asked["file"].read()
        with working_in(self.project.pk):
            return import_table(content, asked["name"], prompts, of, rated, MOST_AT_ONCE, asked["again"])


@organizers_only
@require_http_methods(["GET", "HEAD", "POST"])
def vote_imports(request: HttpRequest) -> HttpResponse:
    """The form; a table whose every row can be used becomes a closed comparison, sent twice the same one."""
    form, twin = TableOfVotes(project_of(request), request.POST or None, request.FILES or None), None
    if form.is_valid():
        try:
            made = form.save()
        except VotesRefused as refused:
            form.add_error("file", refused.listed)
        except ImportedAlready as refusal:
            twin = refusal.comparison
            if twin.name == form.cleaned_data["name"]:
                messages.success(request, _("These votes are here already; nothing was stored twice."))
                return redirect("report", twin.code)
            form.add_error("file", str(refusal))
        except InvalidPlan as refusal:
            form.add_error("name", str(refusal))
        else:
            count = Vote.objects.of(made).count()
            said = ngettext("%(n)d vote is imported.", "%(n)d votes are imported.", count)
            messages.success(request, said % {"n": count})
            return redirect("report", made.code)
    return render(request, "assessing/vote_imports.html", {"form": form, "twin": twin, "most": MOST_AT_ONCE})
