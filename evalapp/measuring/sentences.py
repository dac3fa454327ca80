"""Why something could not be measured, in the reader's language: said in English, once, and recognised by pages."""

from functools import cache

from evalapp.catalog import refusals
from evalapp.recognising import Templates


def spoken(text: str) -> str:
    """The sentence in the language of the page; what no template fits stays as it is. Generators say why a file cannot
    be read."""
    return _templates().spoken(text)


@cache
def _templates() -> Templates:
    return Templates((*KNOWN, *refusals.KNOWN))


KNOWN: tuple[str, ...] = (
    # Choices
    "{name} compares with a reference set: choose a contender (--reference CONTENDER)",
    "no contender is called {name}",
    "{name} has no clip that is ready: render or import some first",
    "{comparison} is being measured already: wait for run {run}, or cancel it",
    "{name}: {file} is neither in {place} nor in the hub cache; get it with {command}",
    # Files
    "{clip}: {file} is gone from {folder}; bring it there again",
    "{clip}: {file} is not the file that was stored; bring it there again",
    "and {n} more",
    # Ends
    "{n} workers died at it: see their logs; what came is kept, and a new run goes on from there",
)
