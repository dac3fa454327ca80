"""The files that measures read: a clip's master, or those of a reference folder. What is wrong is said by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalapp.catalog.models import Contender
from evalapp.comparisons.models import Comparison
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip

if TYPE_CHECKING:
    from generators.video import Footage

ENDINGS = (
    *(".mp4", ".mov", ".webm", ".mkv", ".gif", ".png", ".jpg", ".jpeg", ".webp"),
    *(".m4v", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".bmp", ".tif", ".tiff"),
)
"""Of a reference folder's files, those that are clips; what cannot be read of them is refused by name."""


class Unmeasurable(Exception):
    """Some files could not be measured; the message names each with its reason. The others are stored: so many."""

    def __init__(self, told: str, stored: int = 0) -> None:
        super().__init__(told)
        self.stored = stored


class UnknownReference(Exception):
    """No such reference set; the message says what there is."""


@dataclass(frozen=True)
class Item:
    """One file of a set. cluster: its prompt, or the file itself; tags: of the prompt."""

    sha256: str
    path: Path
    cluster: str
    called: str
    tags: tuple[str, ...] = ()

    def read(self) -> "Footage":
        """The whole clip. Raises Unmeasurable with its name."""
        from generators.inspection import footage
        from generators.video import MediaError, read

        foreign = self.called == str(self.path)  # a file of a folder is called by its path
        if not self.path.is_file():
            raise Unmeasurable(f"{self.called}: {self.path.name} is gone from {self.path.parent}; bring it there again")
        if sha256_of(self.path) != self.sha256:
            raise Unmeasurable(f"{self.called}: {self.path.name} is not the file that was stored; bring it there again")
        try:
            return footage(self.path) if foreign else read(self.path)
        except MediaError as error:
            raise Unmeasurable(str(error) if foreign else f"{self.called}: {error}") from error


@dataclass(frozen=True)
class Reference:
    """A set that contenders are compared with. shares_prompts: its items bear the prompts' own clusters and tags.
    contender: whose clips they are, if they are a contender's, which is not compared with itself."""

    name: str
    items: list[Item]
    shares_prompts: bool
    contender: int | None = None


def item_of(clip: Clip) -> Item:
    return Item(
        clip.sha256, clip.master, f"prompt {clip.prompt_id}", f"clip {clip.pk} ({clip})", tuple(clip.prompt.tags)
    )


def items_of(comparison: Comparison, contender: int) -> list[Item]:
    """The ready clips of a contender. Seeds that gave the same file count each: a set that repeats itself is so."""
    ready = comparison.clips().filter(state=Clip.State.READY, contender=contender).select_related("contender", "prompt")
    return [item_of(clip) for clip in ready.order_by("pk")]


def reference_of(contender: Contender, comparison: Comparison) -> Reference:
    """A contender's ready clips, those of the comparison's prompts where it has any. Raises UnknownReference where it
    has none at all."""
    clips = Clip.objects.filter(contender=contender, state=Clip.State.READY).select_related("contender", "prompt")
    own = clips.filter(prompt__prompt_set=comparison.prompt_set)
    items = [item_of(clip) for clip in (own if own.exists() else clips).order_by("pk")]
    if not items:
        raise UnknownReference(f"{contender} has no clip that is ready: render or import some first")
    return Reference(contender.name, items, own.exists(), contender.pk)


def reference_named(name: str, comparison: Comparison) -> Reference:
    """A contender's clips, or a folder of files. Raises UnknownReference."""
    here = Contender.objects.filter(project=comparison.project_id)
    if contender := here.filter(name=name).first():
        return reference_of(contender, comparison)
    folder = Path(name)
    if not folder.is_dir():
        known = ", ".join(here.values_list("name", flat=True)[:20]) or "none"
        raise UnknownReference(f"{name!r} is neither a contender nor a folder; contenders: {known}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not paths:
        raise UnknownReference(f"{folder} holds no {', '.join(ENDINGS)} file")
    found = {sum_: path for path in reversed(paths) for sum_ in [sha256_of(path)]}
    items = [Item(sum_, path, f"file {sum_}", str(path)) for sum_, path in reversed(found.items())]
    return Reference(folder.resolve().name, items, False)
