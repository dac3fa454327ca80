"""How finished clips lie on disk: a folder per contender, the layouts of public benchmarks, or a manifest.

Nothing here decodes or stores: a layout is read into prompts and places, with everything that is wrong with it.

Below a contender's folder lie files, or folders of files as the benchmarks have them: VBench samples
`<dimension>/<prompt>-<index>.mp4` (Vchitect/VBench, prompts/README.md); T2V-CompBench `<category>/0001.mp4`, the number
being the line of that category's list, prompts/<n>_<category>.txt (KaiyueSun98/T2V-CompBench, README.md); EvalCrafter
`0000.mp4`, the line of prompt700.txt counted from 0 (evalcrafter/EvalCrafter, README.md). Their lists are read as they
are: a prompt's key is the category and the number, its tag the dimension or category.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalapp.catalog.models import PromptText
from evalapp.catalog.prompt_lists import each_prompt, rows

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
CLIP_ENDINGS = (".mp4", ".mov", ".webm", ".mkv", ".gif", *IMAGE_ENDINGS)
MANIFEST_ENDINGS = (".csv", ".jsonl")
NUMBERED = re.compile(r"\d+")
FIRST_LINE = {"evalcrafter": 0, "compbench": 1}
"""What the first line of a benchmark's list is called."""
SAMPLED = re.compile(r"(?P<prompt>.+)-(?P<index>\d+)", re.DOTALL)
Scene = tuple[str, int]
"""A prompt's key and a seed."""


@dataclass(frozen=True)
class Place:
    """One finished clip: whose it is, of which prompt and seed, and where it lies."""

    contender: str
    prompt: str
    seed: int
    path: Path


@dataclass
class Layout:
    """What was found; `images` are prompts' reference images by key.

    `problems` names every file or row that cannot be used, with what is wrong with it.
    """

    prompts: dict[str, PromptText] = field(default_factory=dict)
    listed: bool = False
    places: dict[tuple[str, str, int], Place] = field(default_factory=dict)
    images: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def contenders(self) -> list[str]:
        return sorted({contender for contender, _, _ in self.places})

    @property
    def scenes(self) -> list[Scene]:
        """Every prompt and seed that some contender has a clip of, in the order of the prompt list."""
        order = {key: position for position, key in enumerate(self.prompts)}
        return sorted(
            {(prompt, seed) for _, prompt, seed in self.places}, key=lambda scene: (order[scene[0]], scene[1])
        )

    def missing(self) -> list[str]:
        """What the contenders lack of each other's scenes, and listed prompts that nobody has; nothing where no clip at
        all was found, which is told by itself."""
        if not self.places:
            return []
        lacks = [
            f"{contender}: no clip of prompt {prompt!r}, seed {seed}"
            for contender in self.contenders
            for prompt, seed in self.scenes
            if (contender, prompt, seed) not in self.places
        ]
        shown = {prompt for prompt, _ in self.scenes}
        return lacks + [f"no contender has a clip of prompt {key!r}" for key in self.prompts if key not in shown]

    def add(self, place: Place) -> None:
        where = (place.contender, place.prompt, place.seed)
        if other := self.places.get(where):
            self.problems.append(
                f"{place.path}: prompt {place.prompt!r}, seed {place.seed} comes twice for {place.contender} "
                f"(also {other.path.name})"
            )
        else:
            self.places[where] = place


def read(source: Path, prompts: Path | None = None) -> Layout:
    """Read a folder of contender folders, or a manifest; `prompts` defaults to the prompts.jsonl beside it."""
    layout = Layout()
    if not source.exists():
        layout.problems.append(f"{source}: there is no such folder or file")
        return layout
    root = source if source.is_dir() else source.parent
    prompts = prompts or next((path for path in (root / "prompts.jsonl",) if path.is_file()), None)
    if prompts:
        layout.listed = True
        if prompts.is_dir() or prompts.suffix.lower() == ".txt":
            read_lists(prompts, layout)
        else:
            read_prompts(prompts, layout)
    if source.is_dir():
        _read_folders(source, layout)
    elif source.suffix.lower() in MANIFEST_ENDINGS:
        _read_manifest(source, layout)
    else:
        layout.problems.append(f"{source}: give a folder, or a manifest ending in {' or '.join(MANIFEST_ENDINGS)}")
    if not layout.problems and len(layout.contenders) < 2:
        layout.problems.append(
            f"{source}: clips of {len(layout.contenders)} contenders found, two or more are needed; expected a folder "
            "per contender, or a manifest with a 'contender' column"
        )
    return layout


def read_prompts(path: Path, layout: Layout) -> None:
    """Add the prompts of a list, as `catalog.prompt_lists` reads them; "image" beside a prompt's text names a file.

    The image is the one that the clips were made from or are to be held against.
    """
    if (text := _text(path, layout)) is None:
        return
    for where, prompt, row in each_prompt(text, path.suffix.lower()):
        if isinstance(prompt, str):
            layout.problems.append(f"{path} {where}: {prompt}" if where else f"{path}: {prompt}")
            continue
        layout.prompts[prompt.key] = prompt
        if image := row.get("image"):
            _add_image(path.parent, f"{path} {where}", prompt.key, str(image), layout)


def read_lists(path: Path, layout: Layout) -> None:
    """Add the prompts of a benchmark's own lists, a prompt a line: EvalCrafter's one file, or T2V-CompBench's folder
    of a file per category."""
    if path.is_dir():
        lists = [(_category(file.stem), file) for file in sorted(path.glob("*.txt"))]
        first, width = FIRST_LINE["compbench"], 4
    else:
        lists, first, width = [("", path)], FIRST_LINE["evalcrafter"], 4
    for category, file in lists:
        text = _text(file, layout) or ""
        for number, line in enumerate((line.strip() for line in text.splitlines()), first):
            key = f"{category}/{number:0{width}d}" if category else f"{number:0{width}d}"
            if line:
                layout.prompts[key] = PromptText(key, line, (category,) if category else ())
    if not layout.prompts:
        layout.problems.append(f"{path}: has no prompts: give a .txt file with one a line, or a folder of such files")


def _category(stem: str) -> str:
    """`1_consistent_attr` is the list of the folder `consistent_attr`."""
    number, underscore, name = stem.partition("_")
    return name if underscore and number.isdigit() else stem


def _add_image(root: Path, where: str, key: str, file: str, layout: Layout) -> None:
    image = root / file
    if not _inside(image, root):
        layout.problems.append(f"{where}: {file} leads out of the folder {root}")
    elif not image.is_file() or image.suffix.lower() not in IMAGE_ENDINGS:
        layout.problems.append(f"{where}: there is no image {file} (images end in {', '.join(IMAGE_ENDINGS)})")
    else:
        layout.images[key] = image


def _read_folders(root: Path, layout: Layout) -> None:
    by_text = {prompt.text: key for key, prompt in layout.prompts.items()}
    for path in sorted(root.iterdir()):
        if path.is_file() and path.suffix.lower() in set(CLIP_ENDINGS).difference(IMAGE_ENDINGS):
            layout.problems.append(f"{path}: lies in no contender's folder")
    for folder in _folders(root, layout):
        told = len(layout.places) + len(layout.problems)
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                for inner in sorted(path.iterdir()):
                    _read_file(inner, folder.name, path.name, root, layout, by_text)
            else:
                _read_file(path, folder.name, "", root, layout, by_text)
        if told == len(layout.places) + len(layout.problems):
            layout.problems.append(f"{folder}: has no clips in it: fill it, or remove it")


def _folders(root: Path, layout: Layout) -> list[Path]:
    """The contenders' folders; a link that leads elsewhere becomes one problem, whatever lies behind it."""
    folders = []
    for path in sorted(path for path in root.iterdir() if not path.name.startswith(".")):
        if path.is_symlink() and not path.exists():
            layout.problems.append(f"{path}: a link that leads nowhere: is what it leads to mounted here?")
        elif path.is_dir() and not _inside(path, root):
            layout.problems.append(f"{path}: a link that leads out of the folder {root}: put the folder itself there")
        elif path.is_dir():
            folders.append(path)
    return folders


def _read_file(path: Path, contender: str, category: str, root: Path, layout: Layout, by_text: dict[str, str]) -> None:
    if path.name.startswith("."):
        return
    if path.is_dir() or path.suffix.lower() not in CLIP_ENDINGS:
        layout.problems.append(f"{path}: not a clip (clips end in {', '.join(CLIP_ENDINGS)})")
    elif not _inside(path, root):
        layout.problems.append(f"{path}: leads out of the folder {root}")
    elif scene := _scene(path.stem, category, layout, by_text):
        if category and category not in layout.prompts[scene[0]].tags:
            prompt = layout.prompts[scene[0]]
            layout.prompts[scene[0]] = PromptText(prompt.key, prompt.text, (*prompt.tags, category))
        where = (contender, *scene)
        if category and where in layout.places and _same(layout.places[where].path, path):
            return  # VBench's dimensions share prompts: the same sample lies in several folders
        layout.add(Place(*where, path))
    else:
        layout.problems.append(
            f"{path}: no listed prompt has this name (<prompt id>, <prompt>-<index>, or a number in the list's order)"
        )


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def _scene(stem: str, category: str, layout: Layout, by_text: dict[str, str]) -> Scene | None:
    """The prompt and seed that a file's name tells: `<prompt id>`, a number in a list, or `<prompt>-<index>`."""
    if stem in layout.prompts and not category:
        return stem, 0
    if NUMBERED.fullmatch(stem) and (key := f"{category}/{int(stem):04d}".lstrip("/")) in layout.prompts:
        return key, 0
    sampled = SAMPLED.fullmatch(stem)
    if not layout.listed:
        # Without a list the file names are the list.
        text, seed = (sampled["prompt"], int(sampled["index"])) if sampled else (stem, 0)
        layout.prompts.setdefault(text, PromptText(text, text))
        return text, seed
    if sampled and (
        key := sampled["prompt"] if sampled["prompt"] in layout.prompts else by_text.get(sampled["prompt"], "")
    ):
        return key, int(sampled["index"])
    return (key, 0) if (key := by_text.get(stem, stem if stem in layout.prompts else "")) else None


def _read_manifest(path: Path, layout: Layout) -> None:
    by_text = {prompt.text: key for key, prompt in layout.prompts.items()}
    for where, row in _rows(path, layout):
        contender, file, seed = row.get("contender"), row.get("file"), str(row.get("seed") or 0)
        prompt = row.get("prompt_id") or row.get("prompt")
        if not contender or not file or not prompt:
            layout.problems.append(f"{where}: needs contender, file and prompt_id (or prompt, its text)")
            continue
        if not seed.isdigit():
            layout.problems.append(f"{where}: seed {seed!r} is not a whole number")
            continue
        clip, key = path.parent / file, prompt if prompt in layout.prompts else by_text.get(prompt)
        if key is None and layout.listed:
            layout.problems.append(f"{where}: no listed prompt is {prompt!r}")
        elif not _inside(clip, path.parent):
            layout.problems.append(f"{where}: {file} leads out of the manifest's folder")
        elif clip.suffix.lower() not in CLIP_ENDINGS:
            layout.problems.append(f"{where}: {file} is not a clip (clips end in {', '.join(CLIP_ENDINGS)})")
        elif not clip.is_file():
            layout.problems.append(f"{where}: there is no file {file}")
        else:
            if key is None:
                key = prompt
                layout.prompts[key] = PromptText(key, row.get("prompt") or prompt)
            layout.add(Place(contender, key, int(seed), clip))


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _rows(path: Path, layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row of a CSV or JSONL file with where it stands; rows that cannot be read become problems."""
    for where, row in rows(_text(path, layout) or "", path.suffix.lower()):
        if isinstance(row, str):
            layout.problems.append(f"{path} {where}: {row}")
        else:
            yield f"{path} {where}", row


def _text(path: Path, layout: Layout) -> str | None:
    """What the file holds; None, and a problem, where it is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        layout.problems.append(f"{path}: cannot be read as UTF-8 text ({error})")
        return None
