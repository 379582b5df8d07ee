"""The part of X's query language that the stand-in understands.

AND is a space and binds tighter than OR; `-` negates one term, never a group. Keywords match whole
words, case and diacritics aside; in scripts without spaces they match anywhere. Operators that X knows
and this stand-in does not are refused, so that no query passes here by being ignored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

_TOKEN = re.compile(r'\s*(?:(?P<paren>[()])|(?P<minus>-?)(?P<term>(?:[^\s()"]+:)?"[^"]*"|[^\s()"]+|(?=\()))')
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(r"\w+")
_HASHTAG = re.compile(r"#(\w+)")
_ADDRESS = re.compile(r"https?://\S+")


class QueryError(Exception):
    """X would answer 400 with this message."""


@dataclass(frozen=True, slots=True)
class Searchable:
    """What can be asked of a post; its words are taken apart once, however many terms a query has."""

    text: str
    lang: str
    author: str
    country: str | None
    has_media: bool
    has_geo: bool
    is_retweet: bool
    has_images: bool = True
    is_reply: bool = False
    is_quote: bool = False
    folded: str = field(init=False)
    words: str = field(init=False)
    tags: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        folded = fold(_ADDRESS.sub(" ", self.text))
        object.__setattr__(self, "folded", folded)
        object.__setattr__(self, "words", f" {' '.join(_WORD.findall(folded))} ")
        object.__setattr__(self, "tags", frozenset(_HASHTAG.findall(folded)))


Predicate = Callable[[Searchable], bool]


@dataclass(frozen=True, slots=True)
class _Node:
    holds: Predicate
    stands_alone: bool


def fold(text: str) -> str:
    """Lower case without diacritics."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.category(c).startswith("M")).replace("ı", "i")


def compile_query(query: str) -> Predicate:
    """Turn a query into a test of posts.

    Raises:
        QueryError: X would refuse it.
    """
    parser = _Parser(_tokens(query))
    node = parser.alternatives()
    if parser.token is not None:
        raise QueryError(f"There were errors processing your request: unexpected '{parser.token}'")
    if not node.stands_alone:
        raise QueryError(
            "There were errors processing your request: Rules must contain at least one positive, "
            "standalone clause in each alternative"
        )
    return node.holds


def _tokens(query: str) -> list[str]:
    tokens = []
    position = 0
    query = query.rstrip()
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise QueryError(f"There were errors processing your request: at position {position}")
        if match["minus"] and not match["term"]:
            raise QueryError("There were errors processing your request: groups cannot be negated")
        tokens.append(match["paren"] or match["minus"] + match["term"])
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent: alternatives of terms of literals or groups."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    @property
    def token(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def alternatives(self) -> _Node:
        nodes = [self._terms()]
        while self.token == "OR":
            self._next += 1
            nodes.append(self._terms())
        if len(nodes) == 1:
            return nodes[0]
        return _Node(lambda post: any(node.holds(post) for node in nodes), all(node.stands_alone for node in nodes))

    def _terms(self) -> _Node:
        nodes = []
        while self.token not in (None, ")", "OR"):
            nodes.append(self._term())
        if not nodes:
            raise QueryError("There were errors processing your request: a clause is empty")
        return _Node(lambda post: all(node.holds(post) for node in nodes), any(node.stands_alone for node in nodes))

    def _term(self) -> _Node:
        token = self.token or ""
        self._next += 1
        if token != "(":
            return _literal(token)
        node = self.alternatives()
        if self.token != ")":
            raise QueryError("There were errors processing your request: missing ')'")
        self._next += 1
        return node


def _literal(token: str) -> _Node:
    if token == "-is:nullcast":
        return _Node(lambda _: True, False)  # the stand-in has no advertisements
    if token.startswith("-") and len(token) > 1:
        positive = _literal(token[1:])
        return _Node(lambda post: not positive.holds(post), False)
    if token == "is:nullcast":
        raise QueryError("There were errors processing your request: is:nullcast must be negated")
    if token.casefold() in ("or", "and"):
        raise QueryError(
            f"There were errors processing your request: Ambiguous use of {token.casefold()} as a keyword. "
            f'Use a space to join clauses, or "{token.casefold()}" to find it in text'
        )
    if token.startswith('"'):
        return _Node(_holds(token), True)
    if token.startswith("#"):
        tag = fold(token[1:])
        return _Node(lambda post: tag in post.tags, True)
    if ":" in token:
        return _operator(token)
    return _Node(_holds(token), True)


def _holds(phrase: str) -> Predicate:
    """Whether the text holds the words of a phrase one after the other."""
    wanted = fold(phrase.strip('"'))
    if _UNSPACED.search(wanted):
        return lambda post: wanted in post.folded
    words = f" {' '.join(_WORD.findall(wanted))} "
    return lambda post: words in post.words and words != "  "


_FLAGS: dict[str, Predicate] = {
    "has:media": lambda post: post.has_media,
    "has:images": lambda post: post.has_images and post.has_media,
    "has:geo": lambda post: post.has_geo,
    "has:links": lambda post: bool(_ADDRESS.search(post.text)),
    "has:hashtags": lambda post: bool(post.tags),
    "is:retweet": lambda post: post.is_retweet,
    "is:reply": lambda post: post.is_reply,
    "is:quote": lambda post: post.is_quote,
}


def _operator(token: str) -> _Node:
    name, _, value = token.partition(":")
    value = value.strip('"')
    if token in _FLAGS:
        return _Node(_FLAGS[token], False)
    if name == "lang":
        return _Node(lambda post: post.lang == value, False)
    if name == "from":
        return _Node(lambda post: post.author.casefold() == value.removeprefix("@").casefold(), True)
    if name == "place_country":
        return _Node(lambda post: post.country == value.upper(), True)
    raise QueryError(
        f"There were errors processing your request: Reference to invalid operator '{name}'. Operator is "
        "not available in current product or product packaging"
    )
