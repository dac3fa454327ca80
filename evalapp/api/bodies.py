"""What the API reads a body with."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 100
TOO_DEEP = f"JSON within JSON more than {DEEPEST} deep is not read"


class Json(JSONParser):
    """JSON, not so deep that whoever reads or writes it runs out of stack."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            told: Any = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError(TOO_DEEP) from error
        level = [told]
        for _ in range(DEEPEST):
            level = [
                inner
                for outer in level
                if isinstance(outer, list | dict)
                for inner in (outer.values() if isinstance(outer, dict) else outer)
            ]
        if level:
            raise ParseError(TOO_DEEP)
        return told
