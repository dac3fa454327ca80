"""What a prompt says of a moving scene: objects with colour, shape, size and motion, on a background."""

import re
from dataclasses import dataclass, field

COLOURS = {
    "red": (0.86, 0.16, 0.16),
    "orange": (0.96, 0.52, 0.11),
    "yellow": (0.98, 0.83, 0.16),
    "green": (0.16, 0.62, 0.27),
    "blue": (0.15, 0.36, 0.86),
    "purple": (0.50, 0.23, 0.75),
    "pink": (0.96, 0.47, 0.68),
    "white": (0.95, 0.95, 0.95),
    "black": (0.12, 0.12, 0.14),
    "grey": (0.55, 0.56, 0.58),
    "brown": (0.50, 0.31, 0.17),
    "turquoise": (0.13, 0.72, 0.72),
}
SYNONYMS = {
    "gray": "grey", "violet": "purple", "golden": "yellow", "cyan": "turquoise",
    "disc": "ball", "sphere": "ball", "dot": "ball", "balloon": "ball", "box": "square", "cube": "square",
    "block": "square", "rhombus": "diamond", "lake": "sea", "ocean": "sea", "water": "sea", "meadow": "grass",
    "lawn": "grass", "field": "grass", "sand": "desert", "beach": "desert", "dunes": "desert", "snowy": "snow",
    "skyline": "city", "street": "city", "town": "city", "room": "studio", "evening": "sunset", "dusk": "sunset",
    "starry": "night", "space": "night", "little": "small", "tiny": "small", "large": "big",
    "huge": "big", "giant": "big",
}  # fmt: skip
SHAPES = ("ball", "square", "triangle", "star", "diamond", "hexagon", "heart", "ring")
SIZES = {"small": 0.65, "big": 1.45}
BACKGROUNDS = ("grass", "night", "sea", "desert", "snow", "white", "city", "sunset", "studio", "sky")
MOTIONS = {
    "bounce": ("bounce", "bounces", "bouncing", "jump", "jumps", "jumping", "hop", "hops", "hopping"),
    "slide": ("slide", "slides", "sliding", "move", "moves", "moving", "glide", "glides", "gliding", "drift", "drifts",
              "drifting", "fly", "flies", "flying", "travel", "travels", "runs", "run"),
    "roll": ("roll", "rolls", "rolling"),
    "rise": ("rise", "rises", "rising", "float", "floats", "floating", "ascend", "ascends"),
    "fall": ("fall", "falls", "falling", "drop", "drops", "dropping", "sink", "sinks", "descend", "descends"),
    "spin": ("spin", "spins", "spinning", "rotate", "rotates", "rotating", "turn", "turns", "turning", "twirls"),
    "orbit": ("orbit", "orbits", "orbiting", "circling"),
    "grow": ("grow", "grows", "growing", "swell", "swells"),
    "shrink": ("shrink", "shrinks", "shrinking"),
    "zigzag": ("zigzag", "zigzags", "zigzagging"),
    "swing": ("swing", "swings", "swinging", "sway", "sways", "swaying"),
    "still": ("still", "stay", "stays", "staying", "rest", "rests", "resting", "stand", "stands", "standing"),
}  # fmt: skip
VERBS = {word: motion for motion, words in MOTIONS.items() for word in words}
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "upwards": (0, -1), "down": (0, 1), "downwards": (0, 1)}
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5} | {str(n): n for n in range(1, 6)}
NUMBERS |= {"pair": 2, "couple": 2, "few": 3, "several": 3}
PLURAL = 3
"""How many "balls" are, where no number is given."""
BACKDROPS = frozenset(("background", "backdrop", "canvas"))
STOP_WORDS = frozenset(
    (
        "the", "and", "on", "in", "over", "of", "at", "to", "from", "with", "while", "is", "are", "it", "its", "across",
        "through", "above", "under", "by", "near", "onto", "into", "slowly", "gently", "quickly", "scene",
        "against", "there", "as", "then", "some", "up-and-down", "around", "towards", "along", "off", "front",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """One kind of object: `count` of them, all alike."""

    shape: str = "ball"
    colour: str = "red"
    count: int = 1
    size: float = 1.0
    motion: str = "slide"
    direction: tuple[int, int] = (1, 0)
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """What is shown; `said` names the attributes that the prompt itself gave, here and in each thing."""

    things: tuple[Thing, ...]
    background: str = "studio"
    said: tuple[str, ...] = ()
    unknown_words: tuple[str, ...] = ()


@dataclass
class _Reader:
    """Reads words one by one: what stands before an object belongs to it ("a spinning red star"), and objects without a
    motion wait for a verb, which several may share ("a ball and a square bounce")."""

    things: list[dict[str, object]] = field(default_factory=list)
    moved: list[dict[str, object]] = field(default_factory=list)
    pending: dict[str, object] = field(default_factory=dict)
    background: str = ""
    unknown: list[str] = field(default_factory=list)

    def read(self, word: str, after: str) -> None:
        plain = SYNONYMS.get(word, word)
        singular = plain if plain in SHAPES else SYNONYMS.get(plain.removesuffix("s"), plain.removesuffix("s"))
        orbits = word in ("circle", "circles") and self._waiting() and not self.pending
        if word in VERBS or orbits:
            self._move(VERBS.get(word, "orbit"))
        elif word in DIRECTIONS:
            self._direct(DIRECTIONS[word])
        elif word in ("circle", "circles") or singular in SHAPES:
            self._place(singular if singular in SHAPES else "ball", plural=word.endswith("s"))
        elif word in BACKDROPS:
            if colour := self.pending.get("colour"):
                self.unknown.append(f"{colour} background")
            self.pending = {}
        elif plain in BACKGROUNDS and (plain not in COLOURS or after in BACKDROPS or not after):
            self._set(plain)
        elif plain in COLOURS:
            self.pending["colour"] = plain
        elif plain in SIZES:
            self.pending["size"] = SIZES[plain]
        elif word in NUMBERS:
            self.pending["count"] = NUMBERS[word]
        elif word not in STOP_WORDS:
            self.unknown.append(word)

    def _set(self, background: str) -> None:
        if self.background and background not in (self.background, "sky"):
            self.unknown.append(background)
        self.background = self.background or background
        self.pending = {}

    def _place(self, shape: str, plural: bool) -> None:
        self.things.append({"shape": shape} | ({"count": PLURAL} if plural else {}) | self.pending)
        if "motion" in self.pending:
            self.moved = self.things[-1:]
        self.pending = {}

    def _move(self, motion: str) -> None:
        moving = {"motion": motion, "direction": {"rise": (0, -1), "fall": (0, 1)}.get(motion, (1, 0))}
        if self.pending or not self._waiting():
            self.pending |= moving
            return
        self.moved = self._waiting()
        for thing in self.moved:
            thing |= moving

    def _waiting(self) -> list[dict[str, object]]:
        return [thing for thing in self.things if "motion" not in thing]

    def finish(self) -> None:
        """Give a motion that found no object after it ("a ball in a forest bounces") to those that wait."""
        motion, self.pending = self.pending.get("motion"), {}
        if motion and self._waiting():
            self._move(str(motion))
        elif motion:
            self.unknown.append(str(motion))

    def _direct(self, direction: tuple[int, int]) -> None:
        for thing in self.moved:
            if thing.get("motion") in ("slide", "roll", "zigzag"):
                thing["direction"] = direction


def understand(prompt: str) -> Scene:
    """The scene of a prompt. What it does not say has a default; what is not understood is listed, never guessed.

    >>> scene = understand("Two red balls bounce on grass")
    >>> scene.background, scene.things[0].count, scene.things[0].colour, scene.things[0].motion
    ('grass', 2, 'red', 'bounce')
    """
    words = re.findall(r"[a-z0-9]+(?:-[a-z]+)*", prompt.lower())
    reader = _Reader()
    for word, after in zip(words, [*words[1:], ""], strict=False):
        reader.read(word, after)
    reader.finish()
    things = tuple(Thing(**thing, said=tuple(thing)) for thing in reader.things) or (Thing(),)  # type: ignore[arg-type]
    said = ("background",) if reader.background else ()
    return Scene(things, reader.background or "studio", said, tuple(dict.fromkeys(reader.unknown)))
