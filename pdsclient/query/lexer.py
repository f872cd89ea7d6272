"""From text to tokens, each with its position; nothing here can take long or go deep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from pdsclient.errors import QuerySyntaxError
from pdsclient.query.ast import KEYWORDS
from pdsclient.query.values import shortened, unsendable


class TokenKind(Enum):
    """What a token is; the language's own words are symbols, in lower case."""

    WORD = "word"
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"
    END = "end"


class Token(NamedTuple):
    """A piece of the text; ``text`` of a string is what stands between the quotes, unescaped."""

    kind: TokenKind
    text: str
    position: int

    def __str__(self) -> str:
        if self.kind is TokenKind.END:
            return "the end"
        shown = repr(shortened(self.text))
        return shown if self.kind is TokenKind.SYMBOL else f"the {self.kind.value} {shown}"


# ASCII classes are spelled out: \d and \s take in the digits and spaces of every script.
_TOKEN: Final = re.compile(
    r"""
    [ \t\r\n]*
    (?: (?P<WORD>    [A-Za-z][A-Za-z0-9_]* )
    |   (?P<STRING>  "[^"\\]*(?:\\.[^"\\]*)*" | '[^'\\]*(?:\\.[^'\\]*)*' )
    |   (?P<foreign> != | <> | == | && | \|\| | // | /\* | -- | =~ | => | =< )
    |   (?P<SYMBOL>  <= | >= | [=<>()\[\],] )
    |   (?P<NUMBER>  -?[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.]) )
    |   (?P<END>     \Z )
    |   (?P<strange> . )
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)

# What other languages would write here.
_FOREIGN: Final = {
    "!=": "there is no !=; write not field = value",
    "<>": "there is no <>; write not field = value",
    "==": "equality is a single =",
    "&&": "write and",
    "||": "write or",
    "//": "comments are not part of the language",
    "/*": "comments are not part of the language",
    "--": "comments are not part of the language",
    "=~": "write match",
    "=>": "write >=",
    "=<": "write <=",
    "!": "write not",
}
_KINDS: Final = {kind.name: kind for kind in TokenKind}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of the text up to and with END; QuerySyntaxError at the first that is none."""
    for found in _TOKEN.finditer(text):
        group = found.lastgroup or ""
        position = found.start(group)
        kind = _KINDS.get(group)
        if kind is None:
            raise QuerySyntaxError(_reason(found[group]), text=text, position=position)
        piece = found[group]
        if kind is TokenKind.STRING:
            piece = _unescape(text, position, found.end())
        elif kind is TokenKind.WORD and piece.lower() in KEYWORDS:
            kind, piece = TokenKind.SYMBOL, piece.lower()
        yield Token(kind, piece, position)
        if kind is TokenKind.END:
            return  # the empty end would be found again behind trailing white space


def _unescape(text: str, start: int, end: int) -> str:
    inside = text[start + 1 : end - 1]
    at = unsendable(inside)
    if at is not None:
        reason = "a string cannot hold NUL or an unpaired surrogate"
        raise QuerySyntaxError(reason, text=text, position=start + 1 + at)
    if "\\" not in inside:
        return inside
    for escape in _ESCAPE.finditer(inside):
        if escape[1] not in "\\\"'":
            reason = f"after a backslash comes \\, \" or ', not {escape[1]!r}; double the backslash"
            raise QuerySyntaxError(reason, text=text, position=start + 1 + escape.start())
    return _ESCAPE.sub(r"\1", inside)


def _reason(found: str) -> str:
    if found in _FOREIGN:
        return _FOREIGN[found]
    if found in "\"'":
        return f"this string has no closing {found}"
    if found in "+-." or found.isdigit():
        return "a number is written as digits, such as 1024, -1 or 0.75, without an exponent"
    if found in "“”‘’„«»＂＇`":
        return f"a string is written in straight quotes, not in {found}"
    return f"{found!r} is not part of the search language"
