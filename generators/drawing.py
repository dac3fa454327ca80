"""Drawing for `shapes`: backgrounds, anti-aliased objects with shading and shadow. Float64, colours in 0..1."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GROUND = 0.80
"""Where objects rest: share of the height."""
GROUNDED = frozenset(("grass", "desert", "snow", "city", "studio"))


def _sky(height: int, width: int, top: tuple[float, ...], bottom: tuple[float, ...]) -> Array:
    share = np.linspace(0, 1, height)[:, None, None]
    picture = np.asarray(top) * (1 - share) + np.asarray(bottom) * share
    return np.repeat(picture, width, axis=1)


def _noise(height: int, width: int, cell: int, rng: np.random.Generator) -> Array:
    """Smooth noise in -1..1: random values on a grid, interpolated between."""
    rows, columns = height // cell + 2, width // cell + 2
    grid = rng.uniform(-1, 1, (rows, columns))
    y, x = np.arange(height) / cell, np.arange(width) / cell
    i, j = y.astype(int), x.astype(int)
    u, v = y - i, x - j
    u, v = (u * u * (3 - 2 * u))[:, None], (v * v * (3 - 2 * v))[None]
    top = grid[np.ix_(i, j)] * (1 - v) + grid[np.ix_(i, j + 1)] * v
    bottom = grid[np.ix_(i + 1, j)] * (1 - v) + grid[np.ix_(i + 1, j + 1)] * v
    smooth: Array = top * (1 - u) + bottom * u
    return smooth


def _ground(
    picture: Array, share: float, near: tuple[float, ...], far: tuple[float, ...], bumps: Array
) -> NDArray[np.bool_]:
    """Paint the ground below a wavy horizon; returns where it lies."""
    height = len(picture)
    rows = np.arange(height)[:, None]
    line = share * height + bumps[:1] * 0.03 * height
    mask = rows >= line
    depth = np.clip((rows - line) / (height - share * height), 0, 1)[..., None]
    colour = np.asarray(far) * (1 - depth) + np.asarray(near) * depth
    picture[mask] = colour[mask]
    return mask


def _grass(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.50, 0.74, 0.95), (0.86, 0.94, 1.0))
    mask = _ground(picture, 0.6, (0.20, 0.50, 0.16), (0.48, 0.72, 0.32), _noise(2, width, 60, rng))
    blades = _noise(height, width, 2, rng) * 0.5 + _noise(height * 4, width, 5, rng)[::4] * 0.5
    picture += np.where(mask, blades * 0.09, 0)[..., None] * (0.7, 1.0, 0.5)
    return picture


def _night(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.02, 0.03, 0.10), (0.13, 0.16, 0.33))
    for _ in range(90):
        y, x, light = rng.integers(0, height - 1), rng.integers(0, width - 1), rng.uniform(0.3, 0.9)
        picture[y : y + 2, x : x + 2] += light * np.array([[1.0, 0.5], [0.5, 0.3]])[..., None]
    glow = np.hypot(*np.meshgrid(np.arange(width) - 0.8 * width, np.arange(height) - 0.2 * height))
    moon: Array = np.exp(-((glow / (0.07 * height)) ** 4))[..., None] * np.array((0.75, 0.74, 0.62))
    return picture + moon


def _sea(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.55, 0.78, 0.95), (0.90, 0.95, 0.98))
    mask = _ground(picture, 0.45, (0.03, 0.25, 0.45), (0.25, 0.56, 0.72), np.zeros((2, width)))
    waves = _noise(height * 5, width, 14, rng)[::5]
    return picture + np.where(mask, np.clip(waves, 0, 1) * 0.16, 0)[..., None]


def _desert(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.45, 0.68, 0.90), (0.98, 0.90, 0.74))
    _ground(picture, 0.5, (0.88, 0.66, 0.38), (0.93, 0.76, 0.50), _noise(2, width, 130, rng) * 2)
    mask = _ground(picture, 0.66, (0.84, 0.60, 0.32), (0.95, 0.77, 0.48), _noise(2, width, 90, rng) * 2)
    return picture + np.where(mask, _noise(height, width, 3, rng) * 0.03, 0)[..., None]


def _snow(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.66, 0.76, 0.86), (0.86, 0.90, 0.95))
    mask = _ground(picture, 0.6, (0.95, 0.97, 1.0), (0.84, 0.89, 0.95), _noise(2, width, 80, rng) * 1.5)
    return picture + np.where(mask, _noise(height, width, 24, rng) * 0.03, 0)[..., None]


def _city(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.62, 0.72, 0.86), (0.96, 0.87, 0.78))
    for shade, low in ((0.66, 0.32), (0.48, 0.42)):
        x = 0
        while x < width:
            wide, top = int(rng.integers(24, 52)), int(rng.uniform(low, low + 0.28) * height)
            picture[top : int(0.72 * height), x : x + wide] = (shade, shade * 1.02, shade * 1.12)
            for y in range(top + 6, int(0.70 * height), 11):
                for window in range(x + 5, min(x + wide, width) - 6, 9):
                    if rng.uniform() < 0.55:
                        picture[y : y + 5, window : window + 4] = (0.97, 0.86, 0.58)
            x += wide + int(rng.integers(0, 8))
    _ground(picture, 0.72, (0.40, 0.41, 0.44), (0.56, 0.56, 0.58), np.zeros((2, width)))
    return picture


def _sunset(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.30, 0.22, 0.48), (0.99, 0.62, 0.36))
    glow = np.hypot(*np.meshgrid(np.arange(width) - 0.3 * width, np.arange(height) - 0.75 * height))
    picture += np.exp(-((glow / (0.35 * height)) ** 2))[..., None] * (0.25, 0.20, 0.05)
    return picture + (_noise(height * 3, width, 40, rng)[::3] * 0.03)[..., None]


def _studio(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.80, 0.80, 0.82), (0.90, 0.90, 0.91))
    _ground(picture, 0.68, (0.70, 0.70, 0.72), (0.82, 0.82, 0.84), np.zeros((2, width)))
    return picture + (_noise(height, width, 50, rng) * 0.01)[..., None]


def _clear_sky(height: int, width: int, rng: np.random.Generator) -> Array:
    picture = _sky(height, width, (0.36, 0.62, 0.92), (0.80, 0.91, 0.99))
    clouds = np.clip(
        _noise(height * 2, width, 56, rng)[::2] + 0.5 * _noise(height * 2, width, 22, rng)[::2] - 0.1, 0, 1
    )
    return picture + (1 - picture) * np.minimum(clouds, 0.9)[..., None]


def _white(height: int, width: int, rng: np.random.Generator) -> Array:
    return np.full((height, width, 3), 0.97)


PAINTERS: dict[str, Callable[[int, int, np.random.Generator], Array]] = {
    "grass": _grass, "night": _night, "sea": _sea, "desert": _desert, "snow": _snow, "white": _white, "city": _city,
    "sunset": _sunset, "studio": _studio, "sky": _clear_sky,
}  # fmt: skip


def paint_background(name: str, height: int, width: int, rng: np.random.Generator) -> Array:
    """The picture (height, width, 3) of a background."""
    return np.clip(PAINTERS[name](height, width, rng), 0, 1)


def _polygon(corners: list[tuple[float, float]]) -> Callable[[Array, Array], Array]:
    """Signed distance to a closed polygon (negative inside), after the usual segment distance with winding."""
    points = np.asarray(corners)

    def distance(x: Array, y: Array) -> Array:
        nearest, sign = np.full(x.shape, np.inf), np.ones(x.shape)
        for (ax, ay), (bx, by) in zip(points, np.roll(points, 1, axis=0), strict=True):
            ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
            share = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
            nearest = np.minimum(nearest, (wx - ex * share) ** 2 + (wy - ey * share) ** 2)
            above, below, turn = y >= ay, y < by, ex * wy > ey * wx
            crosses = (above & below & turn) | (~above & ~below & ~turn)
            sign = np.where(crosses, -sign, sign)
        signed: Array = sign * np.sqrt(nearest)
        return signed

    return distance


def _regular(sides: int, turn: float = -np.pi / 2) -> Callable[[Array, Array], Array]:
    angles = turn + 2 * np.pi * np.arange(sides) / sides
    return _polygon(list(zip(np.cos(angles), np.sin(angles), strict=True)))


def _star() -> Callable[[Array, Array], Array]:
    angles, radii = -np.pi / 2 + np.pi * np.arange(10) / 5, np.tile((1.1, 0.48), 5)
    return _polygon(list(zip(radii * np.cos(angles), radii * np.sin(angles), strict=True)))


def _heart() -> Callable[[Array, Array], Array]:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return _polygon(list(zip(x, y, strict=True)))


def _square(x: Array, y: Array) -> Array:
    qx, qy = np.abs(x) - 0.72, np.abs(y) - 0.72
    outside: Array = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - 0.1
    return outside


DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    "ball": lambda x, y: np.hypot(x, y) - 1,
    "square": _square,
    "triangle": _regular(3),
    "star": _star(),
    "diamond": _polygon([(0, -1.1), (0.75, 0), (0, 1.1), (-0.75, 0)]),
    "hexagon": _regular(6),
    "heart": _heart(),
    "ring": lambda x, y: np.abs(np.hypot(x, y) - 0.72) - 0.27,
}


def draw(
    picture: Array, shape: str, colour: Array, x: float, y: float, radius: float, angle: float, striped: bool = False
) -> None:
    """Draw one object into the picture, in place; (x, y) is its centre and radius its size, in pixels.

    `striped` gives round shapes the sectors of a beach ball, without which nobody sees them turn.
    """
    if radius < 0.5:
        return
    reach = 1.25 * radius + 2
    top, bottom = max(0, int(y - reach)), min(len(picture), int(y + reach) + 1)
    left, right = max(0, int(x - reach)), min(picture.shape[1], int(x + reach) + 1)
    if top >= bottom or left >= right:
        return
    px, py = np.meshgrid((np.arange(left, right) - x) / radius, (np.arange(top, bottom) - y) / radius)
    cosine, sine = np.cos(angle), np.sin(angle)
    distance = DISTANCES[shape](cosine * px + sine * py, cosine * py - sine * px) * radius
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    # Light from the upper left; a darker rim sets the object off from its background.
    light = 0.80 - 0.22 * (px + py)
    if shape == "ball":
        light = 0.62 + 0.40 * np.sqrt(np.clip(1 - ((px + 0.25) ** 2 + (py + 0.3) ** 2) * 0.6, 0, 1))
    if striped:
        sectors = np.clip(6 * np.cos(3 * (np.arctan2(py, px) - angle)), -1, 1) * np.clip(3 * np.hypot(px, py), 0, 1)
        light = light * (1 - 0.22 * np.clip(sectors, 0, 1))
    rim = np.clip(1 + (distance + 1.5) / 3, 0, 1)
    shaded = colour * (light * (1 - 0.28 * rim))[..., None]
    if shape == "ball":
        shaded += np.exp(-((px + 0.38) ** 2 + (py + 0.42) ** 2) / 0.05)[..., None] * 0.45
    patch = picture[top:bottom, left:right]
    patch += (np.clip(shaded, 0, 1) - patch) * cover


def draw_shadow(picture: Array, x: float, ground: float, radius: float, lift: float) -> None:
    """A soft shadow on the ground below an object that hovers `lift` pixels above it."""
    wide, flat = radius * (1.0 + lift / 200), max(2.0, radius * 0.22)
    top, bottom = max(0, int(ground - 3 * flat)), min(len(picture), int(ground + 3 * flat) + 1)
    left, right = max(0, int(x - 2 * wide)), min(picture.shape[1], int(x + 2 * wide) + 1)
    if top >= bottom or left >= right:
        return
    px, py = np.meshgrid((np.arange(left, right) - x) / wide, (np.arange(top, bottom) - ground) / flat)
    strength = 0.42 / (1 + lift / 60)
    picture[top:bottom, left:right] *= 1 - strength * np.exp(-(px**2 + py**2))[..., None]
