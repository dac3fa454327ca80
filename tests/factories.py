"""Objects for tests, as small as they can be."""

import itertools
from typing import Any

import numpy as np
from django.contrib.auth.models import User

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Assignment, Ballot, Invitation, Participation
from evalapp.catalog.models import Checkpoint, Contender, PromptSet, PromptText, digest
from evalapp.comparisons.launch import create, launch
from evalapp.comparisons.models import Comparison
from evalapp.generation.files import write_files
from evalapp.generation.models import Clip
from evalapp.people.models import Assessor
from evalapp.people.projects import Membership, Project, Role, first_project, working_in

_number = itertools.count(1)


def make_prompt_set(prompts: int = 3, name: str = "prompts") -> PromptSet:
    tags = (["ball"], ["square"])
    return PromptSet.objects.freeze(
        name, [PromptText(f"p{n}", f"prompt number {n}", tags[n % 2]) for n in range(1, prompts + 1)]
    )


def make_contender(
    name: str, generator: str = "shapes", settings: dict[str, Any] | None = None, hardware: str = "cpu"
) -> Contender:
    checkpoint, _ = Checkpoint.objects.get_or_create(name=f"checkpoint of {name}", project_id=first_project())
    settings = settings or {}
    identity = digest([generator, settings])
    return Contender.objects.register(name, checkpoint, generator, settings, identity, hardware=hardware)


def make_clip(state: str = "ready", seed: int = 0, media: bool = False, **columns: Any) -> Clip:
    """A clip of its own contender and prompt, unless they are given."""
    columns.setdefault("contender", Contender.objects.filter(name="lone").first() or make_contender("lone"))
    columns.setdefault("prompt", make_prompt_set(1, name="lone").prompts.get())
    clip = Clip.objects.create(state=state, seed=seed, **columns)
    if media:
        give_media(clip)
    return clip


def give_media(clip: Clip, shade: int = 120) -> None:
    """A real, tiny, decodable file."""
    frames = np.full((6, 32, 48, 3), shade, dtype=np.uint8)
    frames[:, 8:24, :, 0] = np.arange(48) * 5
    for number, frame in enumerate(frames):
        frame[:, number * 6 : number * 6 + 6] = 255 - shade
    Clip.objects.filter(pk=clip.pk).update(**write_files(frames, fps=12))
    clip.refresh_from_db()


def make_comparison(
    contenders: int = 2,
    prompts: int = 3,
    overlap: int = 2,
    state: str = "open",
    media: bool = False,
    name: str = "",
    names: tuple[str, ...] = ("end-to-end", "frame-by-frame", "third", "fourth"),
    project: Project | None = None,
    prompt_set: PromptSet | None = None,
    **options: Any,
) -> Comparison:
    """A comparison in that state, its clips ready (with real files where `media`) unless it is a draft or rendering."""
    name = name or f"comparison {next(_number)}"
    with working_in(project.pk if project else 0):
        chosen = [make_contender(each) for each in names[:contenders]]
        comparison = create(name, prompt_set or make_prompt_set(prompts), chosen, overlap=overlap, **options)
    if state == "draft":
        return comparison
    launch(comparison)
    if state == "rendering":
        return comparison
    for number, clip in enumerate(comparison.clips()):
        if clip.state != Clip.State.READY:
            Clip.objects.filter(pk=clip.pk).update(state=Clip.State.READY)
            if media:
                give_media(clip, shade=60 + 20 * (number % 8))
    comparison.open()
    if state == "paused":
        comparison.pause()
    if state == "closed":
        comparison.close()
    return comparison


def make_invitation(comparison: Comparison, seats: int = 1, label: str = "") -> Invitation:
    return Invitation.objects.create(comparison=comparison, seats=seats, label=label)


def make_participation(comparison: Comparison, name: str = "alice", simulated: bool = False) -> Participation:
    """An assessor who has agreed to take part."""
    participation = Participation.objects.create(
        comparison=comparison, assessor=Assessor.objects.create(name=name, simulated=simulated)
    )
    participation.consent()
    return participation


def make_vote(participation: Participation, choice: str = "left", **by_aspect: str) -> tuple[Assignment, Ballot]:
    """The assessor answers their next pair with one choice on every aspect, or another where `by_aspect` says so."""
    assignment = next_assignment(participation)
    assert assignment, "there is no pair left for this assessor"
    choices = {aspect: by_aspect.get(aspect.key, choice) for aspect in participation.comparison.aspects.all()}
    return assignment, assignment.submit(choices, key=assignment.code.hex, viewing={"seconds": 5.0})


def make_member(name: str, role: Role, project: Project | None = None) -> User:
    """Of the default project, unless one is given."""
    user = User.objects.create_user(name, password="a long enough password")
    Membership.objects.create(user=user, project_id=project.pk if project else first_project(), role=role)
    return user


def make_viewer(name: str = "vera") -> User:
    return make_member(name, Role.VIEWER)


def make_researcher(name: str = "rita") -> User:
    return make_member(name, Role.RESEARCHER)


def make_organizer(name: str = "olga") -> User:
    return make_member(name, Role.ORGANIZER)


def make_admin(name: str = "ada") -> User:
    return make_member(name, Role.ADMIN)
