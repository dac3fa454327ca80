"""`shapes`: renders what a prompt says of moving scenes, with knobs that each damage one aspect. NumPy alone.

The scene (places, sizes, phases, texture) comes from prompt and seed; each knob draws from a random stream of its own.
So two recipes on one prompt and seed show the same scene, and turning one knob leaves all else as it was. Streams are
Philox counters keyed by SHA-256; arithmetic is float64, without BLAS, rounded once at the end, so that the last bits in
which processors differ do not reach the frames: they are the same on every machine (a test holds their hash).
"""

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pydantic import BaseModel, ConfigDict, Field

from generators import Capabilities, Take, Watch, unwatched
from generators.drawing import GROUND, GROUNDED, draw, draw_shadow, paint_background
from generators.scenes import BACKGROUNDS, COLOURS, SHAPES, Scene, Thing, understand

Array = NDArray[np.float64]
MARGIN = 24
"""How far, in pixels, the camera can drift; the background is painted that much larger on each side."""


class Settings(BaseModel):
    """A recipe of `shapes`. Each damage is 0 (none) to 1 (strong) and spoils one aspect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: int = Field(default=36, ge=2, le=240)
    fps: int = Field(default=24, ge=1, le=60)
    width: int = Field(default=384, ge=64, le=1920, multiple_of=2)
    height: int = Field(default=256, ge=64, le=1088, multiple_of=2)
    dullness: float = Field(default=0, ge=0, le=1, description="beauty: grey and flat colours")
    blur: float = Field(default=0, ge=0, le=1, description="beauty: soft focus")
    jerk: float = Field(default=0, ge=0, le=1, description="softness: time stands still, then leaps")
    motion: float = Field(default=1, ge=0, le=3, description="movement: 1 is right, 0 still, above 1 too much")
    identity: float = Field(default=0, ge=0, le=1, description="consistency: objects change colour and shape, vanish")
    boil: float = Field(default=0, ge=0, le=1, description="defects: texture renewed in each frame, flicker")
    camera_drift: float = Field(default=0, ge=0, le=1, description="defects: the background sways")
    ignore: float = Field(
        default=0, ge=0, le=1, description="relevance: this share of what the prompt says is not shown"
    )


@dataclass(frozen=True)
class _Body:
    """One object of the scene: where it is and how it moves, in shares of the picture."""

    thing: Thing
    x: float
    y: float
    radius: float
    phase: float

    def at(self, time: float) -> tuple[float, float, float, float]:
        """x, y, size and angle at `time`, 0..1 over an unhurried clip; y grows downwards."""
        x, y, motion = self.x, self.y, self.thing.motion
        turn = 2 * np.pi * (time + self.phase)
        there_and_back = 1 - abs(1 - time % 2)  # within 0..1 it is `time`; too much motion turns round at the ends
        if motion in ("slide", "roll", "rise", "fall", "zigzag"):
            return self._along(there_and_back)
        if motion == "bounce":
            top, bottom = 0.14, GROUND - self.radius
            leap = abs(np.sin(np.pi * (2 * time + self.phase)))
            return x + 0.10 * (time - 0.5), bottom + (top - bottom) * leap, 1, 0
        if motion == "orbit":
            return 0.5 + 0.2 * np.cos(turn), 0.46 + 0.22 * np.sin(turn), 1, 0
        if motion == "swing":
            swing = 0.7 * np.sin(2 * np.pi * (time + 0.2 * self.phase))  # nearly in step, or neighbours would collide
            return x + 0.28 * np.sin(swing), 0.15 + 0.42 * np.cos(swing), 1, -swing
        size = {"grow": 0.5 + 1.1 * there_and_back, "shrink": 1.6 - 1.1 * there_and_back}.get(motion, 1)
        return x, y, size, turn if motion == "spin" else 0

    def _along(self, time: float) -> tuple[float, float, float, float]:
        """On a straight way through the middle of the picture; several objects keep their distance."""
        (dx, dy), motion = self.thing.direction, self.thing.motion
        way = 2 * (time - 0.5) * (0.30 if dx else 0.26)
        sway = 0.12 * (2 * abs((3 * time) % 2 - 1) - 1) if motion == "zigzag" else 0.0
        if dy:
            return self.x + sway, 0.46 + dy * way, 1, 0
        y = GROUND - self.radius if motion == "roll" else self.y
        angle = dx * way / self.radius * 0.67 if motion == "roll" else 0.0
        return 0.5 + 0.5 * (self.x - 0.5) + dx * way, y + sway, 1, angle


def stream(prompt: str, seed: int, name: str) -> np.random.Generator:
    """The random stream of that name for a prompt and seed: the same everywhere, independent of all others."""
    key = hashlib.sha256(f"{name}\0{seed}\0{prompt}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "big")))


class Shapes:
    """The generator; takes no checkpoint."""

    Settings: type[BaseModel] = Settings
    capabilities = Capabilities()

    def generate(self, prompt: str, seed: int, recipe: Any, watch: Watch = unwatched) -> Take:
        """A clip (frames, height, width, 3) of the prompt's scene; facts tell what was understood, and what was not."""
        asked = understand(prompt)
        scene, ignored = ignore_part(asked, recipe.ignore, stream(prompt, seed, "ignore"))
        frames = render(scene, prompt, seed, recipe)
        facts: dict[str, Any] = {
            "understood": {
                "background": asked.background,
                "things": [asdict(thing) | {"said": list(thing.said)} for thing in asked.things],
            },
            "unknown_words": list(asked.unknown_words),
        }
        if ignored:
            facts["ignored"] = ignored
        return Take(frames, recipe.fps, facts)


def ignore_part(scene: Scene, share: float, rng: np.random.Generator) -> tuple[Scene, list[str]]:
    """The scene with that share, rounded up, of what the prompt said of it replaced by others, and which."""
    names = ("colour", "count", "motion", "shape")
    attributes = [(number, name) for number, thing in enumerate(scene.things) for name in names if name in thing.said]
    attributes += [(-1, name) for name in scene.said]
    order = rng.permutation(len(attributes))
    chosen = [attributes[position] for position in order[: math.ceil(share * len(attributes))]]
    things, background = list(scene.things), scene.background
    for number, name in chosen:
        if name == "background":
            background = _other(background, BACKGROUNDS, rng)
            continue
        thing = things[number]
        changed: dict[str, dict[str, Any]] = {
            "colour": {"colour": _other(thing.colour, tuple(COLOURS), rng)},
            "shape": {"shape": _other(thing.shape, SHAPES, rng)},
            "count": {"count": thing.count - 1 if thing.count > 1 else 2},
            "motion": {"motion": "still" if thing.motion != "still" else "slide"},
        }
        things[number] = replace(thing, **changed[name])
    return replace(scene, things=tuple(things), background=background), [name for _, name in chosen]


def _other(value: str, values: tuple[str, ...], rng: np.random.Generator) -> str:
    return str(rng.choice([other for other in values if other != value]))


def render(scene: Scene, prompt: str, seed: int, recipe: Settings) -> NDArray[np.uint8]:
    """Frames uint8 (T, H, W, 3) of a scene."""
    height, width = recipe.height, recipe.width
    rng = stream(prompt, seed, f"background {scene.background}")
    backdrop = paint_background(scene.background, height + 2 * MARGIN, width + 2 * MARGIN, rng)
    bodies = _bodies(scene, prompt, seed)
    times = _times(recipe, stream(prompt, seed, "jerk"))
    sway = _sway(recipe, stream(prompt, seed, "camera drift"))
    boiling, flaws = stream(prompt, seed, "boil"), stream(prompt, seed, "identity")
    flips = [_flip(body.thing, recipe.identity, flaws) for body in bodies]
    frames = np.empty((recipe.frames, height, width, 3), dtype=np.uint8)
    for number, time in enumerate(times):
        dx, dy = sway[number]
        top, left = MARGIN + int(dy), MARGIN + int(dx)
        picture = backdrop[top : top + height, left : left + width].copy()
        moment = number / max(1, recipe.frames - 1)
        for body, flip in zip(bodies, flips, strict=True):
            _show(picture, body, time, flip(moment), scene.background, recipe)
        if recipe.boil:
            _boil(picture, recipe.boil, boiling)
        if recipe.dullness:
            grey = picture[..., 0] * 0.2126 + picture[..., 1] * 0.7152 + picture[..., 2] * 0.0722
            picture += (grey[..., None] - picture) * 0.75 * recipe.dullness
            picture += (0.5 - picture) * 0.4 * recipe.dullness
        frames[number] = np.floor(np.clip(picture, 0, 1) * 255 + 0.5)
    return _blurred(frames, recipe.blur * height / 64) if recipe.blur else frames


def _bodies(scene: Scene, prompt: str, seed: int) -> list[_Body]:
    """Every object of the scene, side by side without touching."""
    total = sum(thing.count for thing in scene.things)
    bodies: list[_Body] = []
    for kind, thing in enumerate(scene.things):
        rng = stream(prompt, seed, f"bodies {kind}")
        for _ in range(thing.count):
            slot = (len(bodies) + 0.5) / total
            radius = 0.13 * thing.size * (1.0 if total == 1 else 0.85 if total == 2 else 0.68) * rng.uniform(0.92, 1.08)
            x = 0.5 + (slot - 0.5) * 0.8 + rng.uniform(-0.04, 0.04) / total
            y = rng.uniform(0.40, 0.56)
            bodies.append(_Body(thing, x, y, radius, rng.uniform(0, 0.15) + len(bodies) / total))
    return bodies


def _times(recipe: Settings, rng: np.random.Generator) -> Array:
    """When in the motion each frame is: even steps; with `jerk`, time stands still for frames and then catches up."""
    even = np.linspace(0, 1, recipe.frames)
    held, shown = even.copy(), 0.0
    for number, draw_now in enumerate(rng.uniform(size=recipe.frames)):
        if number == 0 or draw_now >= 0.85 * recipe.jerk:
            shown = even[number]
        held[number] = shown
    return 0.5 + (held - 0.5) * recipe.motion


def _sway(recipe: Settings, rng: np.random.Generator) -> Array:
    """How far the background has drifted in each frame, in pixels (T, 2): a walk that is drawn back to the middle."""
    steps, place = rng.normal(size=(recipe.frames, 2)), np.zeros(2)
    walk = np.empty_like(steps)
    for number, step in enumerate(steps):
        place = 0.92 * place + step * 3.0 * recipe.camera_drift
        walk[number] = np.clip(place, -MARGIN, MARGIN)
    return walk


def _flip(thing: Thing, strength: float, rng: np.random.Generator) -> Any:
    """How an object looks at a moment 0..1: shape, colour and how much of it there is."""
    own, other = np.asarray(COLOURS[thing.colour]), np.asarray(COLOURS[_other(thing.colour, tuple(COLOURS), rng)])
    shape, moment = _other(thing.shape, SHAPES, rng), rng.uniform(0.35, 0.6)

    def look(now: float) -> tuple[str, Array, float]:
        turned = min(1.0, max(0.0, (now - moment) / 0.12)) * min(1.0, 1.5 * strength)
        gone = strength > 0.7 and moment + 0.22 < now < moment + 0.32
        changed = strength > 0.4 and now > moment + 0.06
        return shape if changed else thing.shape, own + (other - own) * turned, 0.0 if gone else 1.0

    return look


def _show(
    picture: Array, body: _Body, time: float, look: tuple[str, Array, float], background: str, recipe: Settings
) -> None:
    shape, colour, presence = look
    x, y, size, angle = body.at(time)
    radius, x, y = body.radius * size * presence * recipe.height, x * recipe.width, y * recipe.height
    if background in GROUNDED and presence:
        ground = GROUND * recipe.height
        draw_shadow(picture, x, ground, radius, max(0.0, ground - y - radius))
    striped = shape in ("ball", "ring") and body.thing.motion in ("spin", "roll")
    draw(picture, shape, colour, x, y, radius, angle, striped)


def _boil(picture: Array, strength: float, rng: np.random.Generator) -> None:
    """Texture that is new in every frame, coarse and fine, and light that flickers."""
    height, width = picture.shape[:2]
    coarse = rng.normal(size=(height // 6 + 1, width // 6 + 1)).repeat(6, 0).repeat(6, 1)[:height, :width]
    fine = rng.normal(size=(height // 2, width // 2)).repeat(2, 0).repeat(2, 1)
    picture += ((coarse * 0.035 + fine * 0.035) * strength + rng.normal() * 0.03 * strength)[..., None]


def _blurred(frames: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    soft = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(frame).filter(soft)) for frame in frames])
