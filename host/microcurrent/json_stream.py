"""Reading JSON of any size piece by piece: lists and tables are walked, only single values are held in memory."""

import json
import math
from collections.abc import Iterator
from typing import IO, Any, NoReturn

CHUNK = 2**18  # characters
LARGEST_VALUE = 2**26  # characters of one value: more is no value of a record
_IN_NUMBERS = "0123456789.eE+-"
_SPACE = " \t\n\r"


class JsonStream:
    """A JSON document in an open text file. Everything raises ValueError for what is no JSON."""

    def __init__(self, handle: IO[str]) -> None:
        self._handle = handle
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)

    def peek(self) -> str:
        """The next character that is no space, empty at the end of the file."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read(CHUNK)

    def members(self) -> Iterator[str]:
        """The names of a table, one by one: take its value before the next."""
        self._take("{")
        while self.peek() != "}":
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a name is no text")
            self._take(":")
            yield name
            self._take_comma("}")
        self._take("}")

    def items(self) -> Iterator[None]:
        """One None for each value of a list: take it before the next."""
        self._take("[")
        while self.peek() != "]":
            yield None
            self._take_comma("]")
        self._take("]")

    def value(self) -> Any:
        """The next value, whole."""
        if not self.peek():
            raise ValueError("it ends early")
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise ValueError(f"{error.msg} at character {error.pos} of a value") from None
            except RecursionError:
                raise ValueError("it is nested too deeply") from None
            else:
                if self._ended or self._text[end:].lstrip(_IN_NUMBERS):  # otherwise a number may go on
                    self._at = end
                    return value
            self._read(max(CHUNK, len(self._text) - self._at))

    def end(self) -> None:
        """Raise ValueError unless nothing follows."""
        if self.peek():
            raise ValueError("something follows behind its end")

    def _take(self, wanted: str) -> None:
        found = self.peek()
        if found != wanted:
            raise ValueError(f"{wanted!r} is missing" if found else "it ends early")
        self._at += 1

    def _take_comma(self, last: str) -> None:
        """Between two values of a list or a table that `last` closes."""
        if self.peek() == last:
            return
        self._take(",")
        if self.peek() == last:
            raise ValueError("a value is missing behind a comma")

    def _read(self, count: int) -> None:
        """Append up to so many characters to the text that is not used up."""
        if len(self._text) - self._at > LARGEST_VALUE:
            raise ValueError(f"one of its values is longer than {LARGEST_VALUE // 2**20} MB")
        try:
            more = self._handle.read(count)
        except UnicodeDecodeError as error:
            raise ValueError(f"it is no text ({error.reason} at byte {error.start} of a piece)") from None
        self._ended = not more
        self._text, self._at = self._text[self._at :] + more, 0


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value
