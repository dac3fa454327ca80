"""`deforum`: an image model frame by frame: each frame is the one before, moved by the camera and painted over.

The classic baseline of text-to-video (deforum-art/deforum-stable-diffusion, MIT): a warp, flat or by depth, then
image-to-image with part of the noise. Its schedules are keyframes, "0:(1.0), 24:(1.04)", linear in between. Written
anew from that description; importing this loads no torch.
"""

import hashlib
import math
import re
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from generators import Capabilities, GeneratorError, Take, Watch, load, unwatched
from generators.diffusers import PLAYBACK, Diffusers, add, with_distilled
from generators.keeping import alone
from generators.pipeline_settings import Part, Placed, canonical, meaning_of
from generators.pipeline_settings import Settings as Recipe

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

KEYFRAME = re.compile(r"\s*(\d+)\s*:\s*\(\s*([-+]?\d*\.?\d+)\s*\)\s*")
Schedule = float | str


class Flat(Part):
    """The picture moves as a sheet: pixels, degrees and a factor per frame."""

    kind: Literal["flat"] = "flat"
    zoom: Schedule = Field(default=1.0, description="above 1 comes nearer")
    angle: Schedule = Field(default=0.0, description="degrees, counter-clockwise")
    right: Schedule = Field(default=0.0, description="pixels that the picture moves right")
    down: Schedule = Field(default=0.0, description="pixels that the picture moves down")


class Depth(Placed):
    """The camera moves in a scene whose depth a model estimates: units of depth and degrees per frame."""

    kind: Literal["depth"]
    folder: str | None = Field(default=None, description="a depth model's folder; without one all lies at `near`")
    forward: Schedule = 0.0
    right: Schedule = 0.0
    down: Schedule = 0.0
    pan: Schedule = Field(default=0.0, description="degrees to the right")
    tilt: Schedule = Field(default=0.0, description="degrees downwards")
    field_of_view: float = Field(default=40.0, gt=1, lt=170, description="degrees, over the picture's width")
    near: float = Field(default=1.0, gt=0)
    far: float = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.near >= self.far:
            raise ValueError("near must be less than far")
        return self


class Settings(Part):
    """A recipe of `deforum`."""

    image: Recipe = Field(description="the image model's recipe; its width and height are the clip's")
    frames: int = Field(default=24, ge=2, le=2000)
    fps: float = Field(default=PLAYBACK, gt=0, le=120)
    strength: Schedule = Field(default=0.65, description="how much of the warped frame stays, 0 to 1")
    noise: Schedule = Field(default=0.02, description="deviation of the grain laid over the warped frame, of 0..1")
    warp: Flat | Depth = Field(default=Flat(), discriminator="kind")
    colours: Literal["free", "as-first"] = Field(default="as-first", description="keep the first frame's colours")
    seeds: Literal["each", "same"] = Field(default="each", description="another noise for each frame, or the same")

    @model_validator(mode="after")
    def _readable(self) -> Self:
        schedules = {f"warp.{name}": value for name, value in self.warp if name not in ("kind", "folder", "sha256")}
        for name, value in (schedules | {"strength": self.strength, "noise": self.noise}).items():
            try:
                at(value, 0)
            except GeneratorError as error:
                raise ValueError(f"{name}: {error}") from error
        if not (self.image.width and self.image.height):
            raise ValueError("image needs a width and a height")
        if self.image.scheduler.steps is None and not any(one.kind == "distilled" for one in self.image.modifiers):
            raise ValueError("image needs scheduler.steps: each frame takes a share of them")
        return self

    def meaning(self) -> dict[str, Any]:
        """All that may move a pixel."""
        meaning: dict[str, Any] = meaning_of(self)
        return meaning | {"image": self.image.meaning()}

    def with_image(self, image: Path | None) -> Self:
        """The recipe for a prompt with this image."""
        return self.model_copy(update={"image": self.image.with_image(image)})


def at(schedule: Schedule, frame: int) -> float:
    """A schedule's value at a frame: a number, or keyframes with straight lines between them."""
    if not isinstance(schedule, str):
        return schedule
    found = [KEYFRAME.fullmatch(one) for one in schedule.split(",")]
    if not all(found):
        raise GeneratorError(f"{schedule!r} is no schedule: write a number or '0:(1.0), 24:(1.04)'")
    frames = [(int(one[1]), float(one[2])) for one in found if one]
    if frames != sorted(frames) or frames[0][0] != 0 or len({number for number, _ in frames}) < len(frames):
        raise GeneratorError(f"{schedule!r}: keyframes begin with 0 and rise")
    for (start, value), (end, following) in pairwise(frames):
        if frame <= end:
            return value + (following - value) * (frame - start) / (end - start)
    return frames[-1][1]


class Deforum:
    """The generator; its image model is kept loaded by `diffusers`."""

    Settings: type[BaseModel] = Settings
    capabilities = Capabilities(negative=True, first_frame=True, progress=True, cancel=True)

    def __init__(self) -> None:
        self._depths: dict[str, Any] = {}

    def weights_key(self, recipe: Any) -> str:
        """Hash of all that must be loaded."""
        key = [recipe.image.weights_key(), getattr(recipe.warp, "folder", None)]
        return hashlib.sha256(canonical(key).encode()).hexdigest()

    def holds(self, recipe: Any) -> bool:
        """Whether the image model's weights are loaded."""
        pipelines = load("diffusers")
        assert isinstance(pipelines, Diffusers)
        return pipelines.holds(recipe.image)

    @alone
    def generate(self, prompt: str, seed: int, recipe: Any, watch: Watch = unwatched) -> Take:
        """The clip, painted frame by frame. Raises GeneratorError and Cancelled."""
        import numpy as np

        from generators.rewriting import rewritten

        watch(0.0)
        pipelines = load("diffusers")
        assert isinstance(pipelines, Diffusers)
        text = recipe.image.prompting.template.replace("{prompt}", rewritten(prompt, recipe.image))
        began = time.monotonic()
        loaded = pipelines.resident(recipe.image)
        repainting = replace(loaded, pipe=image_to_image(loaded.pipe))
        spent = {"load_seconds": round(time.monotonic() - began, 3)}
        from generators.outcome import as_frames, versions

        def share(number: int) -> Watch:
            return lambda done: watch((number + done) / recipe.frames)

        made, course, seconds = pipelines.sample(loaded, recipe.image, [seed], share(0), [prompt], [text])
        add(spent, seconds)
        frames = [as_frames(made, 0, recipe.image)[0]]
        gone = {"width": None, "height": None, "conditioning": type(recipe.image.conditioning)()}
        repaint, steps = recipe.image.model_copy(update=gone), with_distilled(recipe.image).scheduler.steps or 1
        for number in range(1, recipe.frames):
            own = seed if recipe.seeds == "same" else _seed_of(seed, number)
            moved = self._warped(frames[-1], number, recipe)
            if recipe.colours == "as-first":
                moved = with_colours_of(moved, frames[0])
            moved = grained(moved, at(recipe.noise, number), own)
            strength = min(1.0, max(1 - at(recipe.strength, number), 1.001 / steps))
            given = {"image": _picture(moved), "strength": strength}
            made, _, seconds = pipelines.sample(repainting, repaint, [own], share(number), [prompt], [text], given)
            add(spent, seconds)
            frames.append(as_frames(made, 0, recipe.image)[0])
        facts = {"noise_sha256": course.noise_sha256, "versions": versions()} | spent
        return Take(np.stack(frames), recipe.fps, facts | ({"prompt_given": text} if text != prompt else {}))

    @alone
    def preflight(self, recipe: Any) -> dict[str, Any]:
        """Two frames, twice: the clip's size, and whether it repeats itself."""
        from generators.pipelines import find, manifest_sha256
        from generators.preflight import difference, recipe_prompt, sample_image

        short = recipe.model_copy(update={"frames": 2})
        with sample_image() as image:
            given = short.with_image(image)
            one, again = (self.generate(recipe_prompt(recipe.image, 0), 0, given) for _ in range(2))
        repeats = difference(one.frames, again.frames)
        facts = {"frames": recipe.frames, "height": one.frames.shape[1], "width": one.frames.shape[2]}
        told = {"versions": one.facts["versions"], "noise_sha256": one.facts["noise_sha256"]}
        told["checkpoints"] = [manifest_sha256(find(recipe.image.source))]
        return facts | told | {"repeats": repeats, "reproducible": repeats == 0}

    def _warped(self, frame: "NDArray[np.uint8]", number: int, recipe: Any) -> "NDArray[np.uint8]":
        warp = recipe.warp
        if isinstance(warp, Flat):
            return flat(frame, *(at(value, number) for value in (warp.zoom, warp.angle, warp.right, warp.down)))
        depth = self._depth_of(frame, warp)
        moves = (at(value, number) for value in (warp.forward, warp.right, warp.down, warp.pan, warp.tilt))
        return by_depth(frame, depth, warp.field_of_view, *moves)

    def _depth_of(self, frame: "NDArray[np.uint8]", warp: Depth) -> "torch.Tensor":
        """Depth (H, W) from the model's inverse depth, stretched over near..far."""
        import torch

        height, width = frame.shape[:2]
        if warp.folder is None:
            return torch.full((height, width), warp.near)
        processor, model = self._depth_model(warp.folder, warp)
        with torch.inference_mode():
            inverse = model(**processor(images=_picture(frame), return_tensors="pt")).predicted_depth
        size = (height, width)
        inverse = torch.nn.functional.interpolate(inverse[:, None].float(), size, mode="bilinear", align_corners=False)
        return stretched(inverse[0, 0], warp.near, warp.far)

    def _depth_model(self, folder: str, warp: Depth) -> Any:
        if folder not in self._depths:
            from transformers import AutoImageProcessor, AutoModelForDepthEstimation

            from generators.pinning import check
            from generators.pipelines import check_files
            from generators.wholeness import whole

            check_files(Path(folder))
            check(warp)
            options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            try:
                with whole():
                    model = AutoModelForDepthEstimation.from_pretrained(folder, use_safetensors=True, **options)
                processor = AutoImageProcessor.from_pretrained(folder, **options)  # type: ignore[no-untyped-call]
            except (OSError, ValueError, KeyError) as error:
                raise GeneratorError(f"{folder}: cannot be loaded as a depth model: {error}") from error
            self._depths = {folder: (processor, model.eval())}
        return self._depths[folder]


def image_to_image(pipe: Any) -> Any:
    """The image-to-image pipeline over the same weights. Raises GeneratorError where there is none."""
    from diffusers import AutoPipelineForImage2Image

    from generators.pipelines import pipeline_class

    try:
        found = AutoPipelineForImage2Image.from_pipe(pipe)
    except (ValueError, OSError) as error:
        raise GeneratorError(f"{type(pipe).__name__} has no image-to-image pipeline: {error}") from error
    pipeline_class(type(found).__name__)
    found.set_progress_bar_config(disable=True)
    return found


def flat(frame: "NDArray[np.uint8]", zoom: float, angle: float, right: float, down: float) -> "NDArray[np.uint8]":
    """The picture turned and scaled about its centre, then moved; its edges are mirrored."""
    import torch

    height, width = frame.shape[:2]
    rows, columns = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij"
    )
    x, y, turn = columns - right, rows - down, math.radians(angle)
    cosine, sine = math.cos(turn), math.sin(turn)
    return sampled(frame, (cosine * x - sine * y) / zoom, (sine * x + cosine * y) / zoom)


def by_depth(
    frame: "NDArray[np.uint8]", depth: "torch.Tensor", field_of_view: float,
    forward: float, right: float, down: float, pan: float, tilt: float,
) -> "NDArray[np.uint8]":  # fmt: skip
    """The scene after the camera moved. Each new pixel looks up where its point was seen before, at the old depth."""
    import torch

    height, width = frame.shape[:2]
    focal = width / 2 / math.tan(math.radians(field_of_view) / 2)
    rows, columns = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij"
    )
    x, y, z = columns / focal * depth, rows / focal * depth, depth
    cosine, sine = math.cos(math.radians(pan)), math.sin(math.radians(pan))
    x, z = cosine * x + sine * z, cosine * z - sine * x
    cosine, sine = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    y, z = cosine * y + sine * z, cosine * z - sine * y
    x, y, z = x + right, y + down, (z + forward).clamp_min(1e-3)
    return sampled(frame, focal * x / z, focal * y / z)


def sampled(frame: "NDArray[np.uint8]", x: "torch.Tensor", y: "torch.Tensor") -> "NDArray[np.uint8]":
    """The frame read at these places, in pixels from its centre."""
    import numpy as np
    import torch

    height, width = frame.shape[:2]
    grid = torch.stack([x * 2 / (width - 1), y * 2 / (height - 1)], dim=-1)[None].float()
    picture = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float()
    moved = torch.nn.functional.grid_sample(
        picture, grid, mode="bilinear", padding_mode="reflection", align_corners=True
    )
    return np.ascontiguousarray(moved[0].clamp(0, 255).round().permute(1, 2, 0).to(torch.uint8).numpy())


def stretched(inverse: "torch.Tensor", near: float, far: float) -> "torch.Tensor":
    """Depth from relative inverse depth: its greatest value lies at `near`, its least at `far`."""
    span = (inverse.max() - inverse.min()).clamp_min(1e-6)
    share = (inverse - inverse.min()) / span
    depth: torch.Tensor = 1 / (share / near + (1 - share) / far)
    return depth


def with_colours_of(frame: "NDArray[np.uint8]", first: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """The frame with the first one's mean and deviation in each channel (after Reinhard et al., 2001, in RGB)."""
    import numpy as np

    mean, deviation = frame.mean((0, 1)), frame.std((0, 1))
    scaled = (frame - mean) * (first.std((0, 1)) / np.maximum(deviation, 1e-6)) + first.mean((0, 1))
    return np.asarray(np.clip(np.floor(scaled + 0.5), 0, 255), dtype=np.uint8)


def grained(frame: "NDArray[np.uint8]", deviation: float, seed: int) -> "NDArray[np.uint8]":
    """Gaussian grain over the frame, so that image-to-image finds something to make detail of."""
    import numpy as np

    if deviation == 0:
        return frame
    grain = np.random.default_rng(seed % 2**64).normal(0, deviation * 255, frame.shape)
    return np.asarray(np.clip(np.floor(frame + grain + 0.5), 0, 255), dtype=np.uint8)


def _seed_of(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"frame {number}\0{seed}".encode()).digest()[:8], "big") >> 1


def _picture(frame: "NDArray[np.uint8]") -> Any:
    from PIL import Image

    return Image.fromarray(frame)
