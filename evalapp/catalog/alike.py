"""Prompts that are the same or nearly so: each of them counts as one prompt less than a verdict takes it for.

Likeness of two texts is the Jaccard similarity of their sets of character trigrams, without case and
punctuation (Broder, 1997: resemblance of documents). Across languages it takes embeddings.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

NEARLY = 0.8


@dataclass(frozen=True)
class Alike:
    """Two prompts by their place in the list, and how alike they are: 1 is the same but for case and punctuation."""

    first: int
    second: int
    likeness: float


def alike(texts: Sequence[str], least: float = NEARLY) -> list[Alike]:
    """The pairs of texts that are alike by at least that much, the most alike first. Takes time with the number of
    trigrams that texts share: a second or two for 10,000 prompts."""
    shingles = [_trigrams(text) for text in texts]
    common = Counter(gram for grams in shingles for gram in grams)
    # Of each text, its rarest trigrams suffice to find its likes: two sets with Jaccard ≥ t share one of the first
    # |set| − ⌈t·|set|⌉ + 1 in any order that is the same for all (prefix filter; Chaudhuri et al., 2006).
    at: defaultdict[str, list[int]] = defaultdict(list)
    found: list[Alike] = []
    for place, grams in enumerate(shingles):
        ordered = sorted(grams, key=lambda gram: (common[gram], gram))
        prefix = ordered[: len(ordered) - int(-(-least * len(ordered) // 1)) + 1]
        for other in sorted({other for gram in prefix for other in at[gram]}):
            both = len(grams & shingles[other])
            likeness = both / (len(grams) + len(shingles[other]) - both)
            if likeness >= least:
                found.append(Alike(other, place, likeness))
        for gram in prefix:
            at[gram].append(place)
    return sorted(found, key=lambda each: (-each.likeness, each.first, each.second))


def _trigrams(text: str) -> set[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in folded).split()
    line = f" {' '.join(words)} "
    return {line[at : at + 3] for at in range(max(1, len(line) - 2))}
