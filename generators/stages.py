"""`stages`: base frames → interpolation → super-resolution or another decoder, each stage with a checkpoint of its own.

Every stage draws from a stream of its own, so that swapping one leaves what comes before it bit by bit as it was: two
recipes that differ in one stage are two contenders that differ in that stage. The sha256 of what each stage hands on is
among the facts. Importing this loads no torch.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from generators import Capabilities, GeneratorError, Take, Watch, load, unwatched
from generators.diffusers import PLAYBACK, Diffusers, add
from generators.keeping import alone
from generators.pipeline_settings import Part, Placed, canonical, meaning_of
from generators.pipeline_settings import Settings as Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from generators.pipelines import Loaded


class Decoder(Placed):
    """Another checkpoint of the stage's VAE, to decode what its denoiser made."""

    folder: str


class Base(Part):
    """The stage that reads the prompt: frames, or latents for a stage that takes them."""

    kind: Literal["base"]
    recipe: Recipe
    emits: Literal["frames", "latents"] = "frames"
    decoder: Decoder | None = None


class Interpolation(Part):
    """A pipeline with a first and a last frame (arguments image and last_image) fills each gap; base frames stay."""

    kind: Literal["interpolation"]
    recipe: Recipe = Field(description="its frames count both ends of a gap")


class Blend(Part):
    """Frames in between as a mean of their neighbours: what an interpolation must be better than."""

    kind: Literal["blend"]
    factor: int = Field(default=2, ge=2, le=16)


class SuperResolution(Part):
    """A pipeline that is given each frame (argument image), the whole clip (video), or latents."""

    kind: Literal["super-resolution"]
    recipe: Recipe
    takes: Literal["image", "video", "latents"] = "image"
    argument: Literal["image", "latents"] = Field(default="image", description="what its call names latents")
    decoder: Decoder | None = None


Stage = Annotated[Base | Interpolation | Blend | SuperResolution, Field(discriminator="kind")]


class Settings(Part):
    """A recipe of `stages`."""

    stages: tuple[Stage, ...] = Field(min_length=1)
    fps: float | None = Field(default=None, gt=0, le=120, description="by default as long as the base clip lasts")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.stages[0].kind != "base" or any(stage.kind == "base" for stage in self.stages[1:]):
            raise ValueError("the first stage, and only the first, is of kind base")
        for before, after in zip(self.stages, (*self.stages[1:], None), strict=True):
            emits = getattr(before, "emits", "frames")
            takes = "latents" if getattr(after, "takes", None) == "latents" else "frames"
            if emits != takes:
                what = f"stage {after.kind} takes {takes}" if after else "the last stage must hand on frames"
                raise ValueError(f"stage {before.kind} emits {emits}, and {what}")
        return self

    def recipes(self) -> list[Recipe]:
        """The pipelines' recipes, of every stage that has one."""
        return [stage.recipe for stage in self.stages if not isinstance(stage, Blend)]

    def meaning(self) -> dict[str, Any]:
        """All that may move a pixel."""
        meaning: dict[str, Any] = meaning_of(self)
        for told, stage in zip(meaning["stages"], self.stages, strict=True):
            if not isinstance(stage, Blend):
                told["recipe"] = stage.recipe.meaning()
        return meaning

    def with_image(self, image: Path | None) -> Self:
        """The recipe for a prompt with this image: every stage that asks for it gets it."""
        stages = [
            stage if isinstance(stage, Blend) else stage.model_copy(update={"recipe": stage.recipe.with_image(image)})
            for stage in self.stages
        ]
        return self.model_copy(update={"stages": tuple(stages)})


class Stages:
    """The generator; its pipelines are kept loaded together by `diffusers`."""

    Settings: type[BaseModel] = Settings
    capabilities = Capabilities(negative=True, first_frame=True, progress=True, cancel=True)

    def weights_key(self, recipe: Any) -> str:
        """Hash of all that must be loaded, for all stages."""
        decoders = [stage.decoder.folder for stage in recipe.stages if getattr(stage, "decoder", None)]
        keys = [one.weights_key() for one in recipe.recipes()]
        return hashlib.sha256(canonical([keys, decoders]).encode()).hexdigest()

    def holds(self, recipe: Any) -> bool:
        """Whether the weights of all stages are loaded."""
        pipelines = load("diffusers")
        assert isinstance(pipelines, Diffusers)
        return all(map(pipelines.holds, recipe.recipes()))

    @alone
    def generate(self, prompt: str, seed: int, recipe: Any, watch: Watch = unwatched) -> Take:
        """The clip of the last stage. Raises GeneratorError, which names the stage, and Cancelled."""
        watch(0.0)
        run = _Run(prompt, seed, recipe)
        facts: dict[str, Any] = {"stages": []}
        for number, stage in enumerate(recipe.stages):
            began = time.monotonic()

            def share(done: float, number: int = number) -> None:
                watch((number + done) / len(recipe.stages))

            try:
                run.go(number, stage, share)
            except GeneratorError as error:
                raise GeneratorError(f"stage {number + 1} ({stage.kind}): {error}") from error
            told = {"kind": stage.kind, "seconds": round(time.monotonic() - began, 3), "sha256": run.fingerprint()}
            facts["stages"].append(told | run.facts)
        from generators.outcome import versions

        facts |= {"versions": versions(), "noise_sha256": facts["stages"][0]["noise_sha256"]}
        return Take(run.frames, recipe.fps or run.fps, facts | run.seconds)

    @alone
    def preflight(self, recipe: Any) -> dict[str, Any]:
        """Every stage with two steps, twice: the clip's size, and whether it repeats itself."""
        from generators.pipelines import find, manifest_sha256
        from generators.preflight import difference, recipe_prompt, sample_image, shortened

        stages = [
            stage if isinstance(stage, Blend) else stage.model_copy(update={"recipe": shortened(stage.recipe)})
            for stage in recipe.stages
        ]
        short = recipe.model_copy(update={"stages": tuple(stages)})
        with sample_image() as image:
            given = short.with_image(image)
            one, again = (self.generate(recipe_prompt(recipe.recipes()[0], 0), 0, given) for _ in range(2))
        frames, height, width = one.frames.shape[:3]
        repeats = difference(one.frames, again.frames)
        facts = {"frames": frames, "height": height, "width": width, "repeats": repeats, "reproducible": repeats == 0}
        checkpoints = [manifest_sha256(find(stage.source)) for stage in recipe.recipes()]
        told = {"versions": one.facts["versions"], "noise_sha256": one.facts["noise_sha256"]}
        return facts | told | {"checkpoints": checkpoints}


class _Run:
    """A clip on its way through the stages."""

    def __init__(self, prompt: str, seed: int, recipe: Settings) -> None:
        self.prompt, self.seed, self.recipe = prompt, seed, recipe
        self.pipelines = load("diffusers")
        assert isinstance(self.pipelines, Diffusers)
        self.frames: NDArray[np.uint8]
        self.latents: Any = None
        self.fps = PLAYBACK
        self.facts: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}

    def fingerprint(self) -> str:
        values = self.frames if self.latents is None else self.latents.float().cpu().contiguous().numpy()
        return hashlib.sha256(f"{values.shape}".encode() + values.tobytes()).hexdigest()

    def go(self, number: int, stage: Any, watch: Watch) -> None:
        self.facts = {}
        if isinstance(stage, Blend):
            self.frames = blended(self.frames, stage.factor)
            self.fps *= stage.factor
        elif isinstance(stage, Base):
            self.fps = stage.recipe.fps or PLAYBACK
            if stage.emits == "latents":
                self.latents = self._latents(stage, number, watch)
            else:
                self.frames = self._call(stage, number, watch, {})
        elif isinstance(stage, Interpolation):
            self._fill(stage, number, watch)
        else:
            self._enlarge(stage, number, watch)

    def _fill(self, stage: Interpolation, number: int, watch: Watch) -> None:
        if len(self.frames) < 2:
            raise GeneratorError("an image has no gaps to fill: make the base a video")
        filled = [self.frames[:1]]
        gaps = len(self.frames) - 1
        for gap in range(gaps):

            def share(done: float, gap: int = gap) -> None:
                watch((gap + done) / gaps)

            ends = {"image": as_image(self.frames[gap]), "last_image": as_image(self.frames[gap + 1])}
            made = self._call(stage, number, share, ends)
            if made.shape[1:] != self.frames.shape[1:] or len(made) < 3:
                raise GeneratorError(f"made {made.shape} between frames {self.frames.shape[1:]}: give it their size")
            filled += [made[1:-1], self.frames[gap + 1 : gap + 2]]
        self.fps *= len(filled[1]) + 1
        self.frames = _joined(filled)

    def _enlarge(self, stage: SuperResolution, number: int, watch: Watch) -> None:
        if stage.takes == "latents":
            self.frames = self._call(stage, number, watch, {stage.argument: self.latents})
            self.latents = None
        elif stage.takes == "video":
            self.frames = self._call(stage, number, watch, {"video": [as_image(frame) for frame in self.frames]})
        else:
            count = len(self.frames)
            larger = []
            for at, frame in enumerate(self.frames):

                def share(done: float, at: int = at) -> None:
                    watch((at + done) / count)

                larger.append(self._call(stage, number, share, {"image": as_image(frame)}))
            self.frames = _joined(larger)

    def _call(self, stage: Any, number: int, watch: Watch, given: dict[str, Any]) -> "NDArray[np.uint8]":
        from generators.outcome import as_frames

        return as_frames(self._made(stage, number, watch, given, "pt"), 0, stage.recipe)

    def _latents(self, stage: Any, number: int, watch: Watch) -> Any:
        made = self._made(stage, number, watch, {}, "latent")
        return made.frames if hasattr(made, "frames") else made.images

    def _made(self, stage: Any, number: int, watch: Watch, given: dict[str, Any], output_type: str) -> Any:
        from generators.rewriting import rewritten

        pipelines, recipe = self.pipelines, stage.recipe
        assert isinstance(pipelines, Diffusers)
        text = recipe.prompting.template.replace("{prompt}", rewritten(self.prompt, recipe))
        began = time.monotonic()
        loaded = pipelines.resident(recipe, among=self.recipe.recipes())
        add(self.seconds, {"load_seconds": time.monotonic() - began})
        with decoding(loaded, stage.decoder if hasattr(stage, "decoder") else None):
            made, course, seconds = pipelines.sample(
                loaded, recipe, [stream_seed(self.seed, number)], watch, [self.prompt], [text], given, output_type
            )
        add(self.seconds, seconds)
        self.facts = {"noise_sha256": course.noise_sha256} | ({"prompt_given": text} if text != self.prompt else {})
        return made


def stream_seed(seed: int, number: int) -> int:
    """The seed of a stage: the clip's own for the base, one derived from it for those that follow."""
    if number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"stage {number}\0{seed}".encode()).digest()[:8], "big") >> 1


@contextmanager
def decoding(loaded: "Loaded", decoder: Decoder | None) -> Iterator[None]:
    """The pipeline with another VAE in place of its own. Raises GeneratorError when that does not fit."""
    if decoder is None:
        yield
        return
    import diffusers

    from generators.pinning import check
    from generators.pipelines import check_files
    from generators.wholeness import whole

    folder = Path(decoder.folder).expanduser()
    check_files(folder)
    check(decoder)
    own = loaded.pipe.vae
    try:
        name = json.loads((folder / "config.json").read_text())["_class_name"]
        kind: Any = getattr(diffusers, name, None)
        if not name.startswith("Autoencoder") or kind is None:
            raise GeneratorError(f"{folder}: {name} is no autoencoder of diffusers")
        with whole():
            vae = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=own.dtype)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GeneratorError(f"{folder}: cannot be loaded as a decoder: {error}") from error
    theirs, ours = (one.config.get("latent_channels") or one.config.get("z_dim") for one in (vae, own))
    if theirs != ours:
        raise GeneratorError(f"{folder}: decodes {theirs} latent channels, and this pipeline makes {ours}")
    loaded.pipe.vae = vae.to(own.device).eval()
    try:
        yield
    finally:
        loaded.pipe.vae = own


def blended(frames: "NDArray[np.uint8]", factor: int) -> "NDArray[np.uint8]":
    """`factor` − 1 frames in each gap, linearly between their neighbours: (T − 1) · factor + 1 frames."""
    import numpy as np

    times = np.arange((len(frames) - 1) * factor + 1) / factor
    before = np.floor(times).astype(int)
    after = np.minimum(before + 1, len(frames) - 1)
    share = (times - before)[:, None, None, None]
    mixed = np.floor(frames[before] * (1 - share) + frames[after] * share + 0.5)
    return np.asarray(mixed, dtype=np.uint8)


def as_image(frame: "NDArray[np.uint8]") -> Any:
    from PIL import Image

    return Image.fromarray(frame)


def _joined(parts: "list[NDArray[np.uint8]]") -> "NDArray[np.uint8]":
    import numpy as np

    return np.concatenate(parts)
