"""A checklist of yes-or-no questions about one clip, after VisionReward (arXiv 2412.21059), with questions of our own.

Each question is a native output, 1 for yes and −1 for no; yes is always the good answer. An aspect is the mean of its
questions that arise and the preference the mean of all: VisionReward fits its weights to votes, here they are equal.
"""

from __future__ import annotations

from metrics.judges.templates import IMPARTIAL, Template, Unparsed, Values, answered_object

CHECKLIST = {
    "beauty.colour": "Are the colours rich and do they go together?",
    "beauty.light": "Is the light even, with nothing burnt out or drowned in darkness?",
    "beauty.crisp": "Is the main subject crisp, within the style of the picture?",
    "softness.jerks": "Is it free of jerks and sudden jumps?",
    "movement.enough": "Does as much move as the text calls for?",
    "movement.real": "Is the movement what bodies of that weight and kind would do?",
    "consistency.objects": "Does every object stay the same object throughout?",
    "consistency.people": "Do nothing and nobody appear or vanish without cause?",
    "defects.bodies": "Are hands, faces, limbs and other known shapes whole?",
    "defects.flicker": "Is it free of boiling, flicker and shimmering texture?",
    "relevance.subject": "Is everything there that the text names?",
    "relevance.action": "Does what the text says happen?",
}


def checklist(questions: dict[str, str]) -> Template:
    """questions: "aspect.name" → question to which yes is the good answer. Raises ValueError for another form."""
    questions = questions or CHECKLIST
    parts: dict[str, list[str]] = {}
    for name in questions:
        aspect, dot, rest = name.partition(".")
        if not (aspect and dot and rest):
            raise ValueError(f"{name!r}: name questions of a checklist as aspect.name, for instance defects.hands")
        parts.setdefault(aspect, []).append(name)
    parts["preference"] = list(questions)
    answer = {"type": "string", "enum": ["yes", "no", "none"]}
    schema = {
        "type": "object",
        "properties": dict.fromkeys(questions, answer),
        "required": list(questions),
        "additionalProperties": False,
    }

    def asks(kind: str) -> str:
        listed = "\n".join(f"- {name}: {question}" for name, question in questions.items())
        return (
            f"Answer each question about this {kind} with yes or no, or none where it does not arise (as movement in a "
            f"still image).\n{listed}\nAnswer as JSON with these names as keys."
        )

    def read(text: str) -> Values:
        told = answered_object(text)
        if wrong := [name for name in questions if told.get(name) not in ("yes", "no", "none")]:
            raise Unparsed(f"{wrong[0]} is {told.get(wrong[0])!r}, not yes, no or none")
        values = {name: 1.0 if told[name] == "yes" else -1.0 for name in questions if told[name] != "none"}
        if not values:
            raise Unparsed("none of the questions was answered")
        for aspect, names in parts.items():
            if told_of := [values[name] for name in names if name in values]:
                values[aspect] = sum(told_of) / len(told_of)
        return values

    aspects = {aspect: {aspect: 1.0} for aspect in parts}
    return Template((*questions, *parts), aspects, asks, read, schema, IMPARTIAL, "pointwise")
