"""Search queries for X out of an earthquake's words and towns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from quakelens.errors import UsageError
from quakelens.sources.topic import Topic

_FILTER = "has:media -is:nullcast"
"""Only posts with media, no advertisements.

`has:images` would lose the stills of videos, which often show the damage first. Reposts are not
excluded: X's keyword search no longer returns them (changelog of 2026-05-04), and one that comes is
known by `Post.repost_of`.
"""

_RESERVED = {"or", "and", "not"}


def make_queries(topic: Topic, *, max_chars: int) -> list[str]:
    """Make queries in X's language that ask together for every word, each word once.

    Where there are towns, posts with a town's name come first: a budget that does not reach for all posts
    is then spent near the earthquake. The queries after them leave the towns out, so that no post is paid
    for twice because of it.

    Args:
        topic: Its words in the order in which they are asked for. Words that differ only in case are one.
        max_chars: Longest query that X accepts.

    Raises:
        UsageError: There is no word, or one does not fit into a query.
    """
    terms = _terms(topic.words)
    if not terms:
        raise UsageError("harvest.words in params.yaml holds no word to search for")
    towns = [term for town in topic.towns for term in _town(town)]
    if not towns:
        return _split(terms, "", _FILTER, max_chars)
    near = f"({' OR '.join(towns)}) "
    elsewhere = " ".join(f"-{term}" for term in towns)
    return [
        *_split(terms, near, _FILTER, max_chars),
        *_split(terms, "", f"{elsewhere} {_FILTER}", max_chars),
    ]


def _split(terms: Sequence[str], before: str, after: str, max_chars: int) -> list[str]:
    """Fill queries `before(term OR term ...) after` one after the other."""
    queries: list[str] = []
    group: list[str] = []
    for term in terms:
        longer = f"{before}({' OR '.join([*group, term])}) {after}"
        if len(longer) <= max_chars:
            group.append(term)
            continue
        if not group or len(f"{before}({term}) {after}") > max_chars:
            raise UsageError(
                f"the word {term} does not fit into a query of {max_chars} characters: shorten it in "
                "harvest.words, or raise harvest.max_query_chars if X allows"
            )
        queries.append(f"{before}({' OR '.join(group)}) {after}")
        group = [term]
    return [*queries, f"{before}({' OR '.join(group)}) {after}"]


def _terms(words: Iterable[str]) -> list[str]:
    terms: dict[str, str] = {}
    for word in words:
        term = _term(word)
        if term is not None:
            terms.setdefault(term.casefold(), term)
    return list(terms.values())


def _term(word: str) -> str | None:
    """A word as X's language wants it: quoted unless it is one plain word or hashtag."""
    clean = " ".join(unicodedata.normalize("NFC", word).replace('"', " ").split())
    if not any(character.isalnum() for character in clean):
        return None
    if _is_plain(clean.removeprefix("#")) and clean.casefold() not in _RESERVED:
        return clean
    return f'"{clean}"'


def _is_plain(word: str) -> bool:
    # Marks belong to words in many scripts, such as the vowel signs of Devanagari.
    return all(character == "_" or unicodedata.category(character)[0] in "LNM" for character in word)


def _town(name: str) -> tuple[str, ...]:
    """A town as terms: its name and its hashtag."""
    term = _term(name)
    if term is None:
        return ()
    hashtag = "#" + "".join(term.strip('"').split())
    return (term, hashtag) if _is_plain(hashtag[1:]) else (term,)
