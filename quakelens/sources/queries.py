"""Search queries for X out of an earthquake's words and towns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quakelens.errors import UsageError
from quakelens.sources.topic import Topic

_FILTER = "has:media -is:nullcast"
"""Only posts with media, no advertisements.

`has:images` would lose the stills of videos, which often show the damage first. Reposts are not
excluded: X's keyword search no longer returns them (changelog of 2026-05-04), and one that comes is
known by `Post.repost_of`.
"""

_TOWNS_SHARE = 0.5
"""Of a query: towns that would fill more leave too little room for words."""

_HASHTAG = 14
"""Letters of the longest hashtag that people make of a town's name of several words."""

_RESERVED = {"or", "and", "not"}

_EVERYDAY = frozenset({
    "bath", "batman", "best", "bogo", "center", "central", "centre", "come", "como", "concord", "date", "delta",
    "east", "enterprise", "essen", "home", "hope", "independence", "liberty", "like", "male", "march", "mobile",
    "most", "nice", "north", "orange", "police", "reading", "salt", "same", "sion", "south", "split", "star",
    "surprise", "union", "universal", "victoria", "war", "west",
})  # fmt: skip
"""Towns whose name is a common word, without diacritics: only their hashtag tells the town. So it does for names
of up to three Latin letters, such as Van and Bam."""

# Code points that X counts as one character; all others count as two (docs.x.com, Counting characters). Whether the
# length of queries is counted so too is not said: it is never less.
_SINGLE = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))


def make_queries(topic: Topic, *, max_chars: int) -> list[str]:
    """Make queries in X's language that together find every post of a topic, as few as they fit into.

    Posts with a town and any of the words come first: a budget that does not reach for all posts is then spent
    near the earthquake. The queries after them ask for the words that tell an earthquake by themselves and leave
    the towns out, the most common words last. What an earlier query has found a later one excludes as far as
    it has room, so that few posts are found twice.

    Args:
        topic: Its words in the order of how common they are. Words that differ only in case are one.
        max_chars: Longest query that X accepts, see `length`.

    Raises:
        UsageError: There is no word, or one does not fit into a query.
    """
    words = _terms(topic.words)
    if not words:
        raise UsageError("harvest.words in params.yaml holds no word to search for")
    common = words[: max(1, len(topic.languages))]
    towns = _fitting(_distinct(term for town in topic.towns for term in _town(town)), _TOWNS_SHARE * max_chars)
    without = "".join(f"-{town} " for town in towns)
    main, *others = _excluding(
        [_Part("", each, without) for each in _fill(words, "", without + _FILTER, max_chars, common)], max_chars
    )
    general = [*others, main]
    if not towns:
        return general
    near = _distinct([*words, *_terms(topic.near)])
    return [*_near(towns, near, common, max_chars), *general]


def length(query: str) -> int:
    """Characters of a query as X counts them in posts: those of East Asia and emoji are two."""
    return sum(
        1 if any(first <= ord(each) <= last for first, last in _SINGLE) else 2
        for each in unicodedata.normalize("NFC", query)
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A query before it is written: terms of which one must be there, and what stands before and after them."""

    before: str
    terms: Sequence[str]
    after: str

    def written(self, excluded: Iterable[str] = ()) -> str:
        more = "".join(f"-{term} " for term in excluded)
        return f"{self.before}{_any_of(self.terms)} {self.after}{more}{_FILTER}"


def _near(towns: Sequence[str], words: Sequence[str], common: Sequence[str], max_chars: int) -> list[str]:
    """Queries for posts with a town and a word; towns are split where that makes fewer of them."""
    ways: list[list[_Part]] = []
    for count in range(1, min(4, len(towns)) + 1):
        parts = []
        for group in _balanced(towns, count):
            before = f"{_any_of(group)} "
            try:
                parts += [_Part(before, chunk, "") for chunk in _fill(words, before, _FILTER, max_chars, common)]
            except UsageError:
                break  # these towns leave no room for the longest word
        else:
            ways.append(parts)
    if not ways:
        raise UsageError(f"the towns leave no room for a word in {max_chars} characters: raise harvest.max_query_chars")
    return _excluding(min(ways, key=len), max_chars)


def _excluding(parts: Sequence[_Part], max_chars: int) -> list[str]:
    """Write queries; each excludes words of earlier ones with the same beginning, the first ones first."""
    queries = []
    for position, part in enumerate(parts):
        earlier = [term for other in parts[:position] if other.before == part.before for term in other.terms]
        room = max_chars - length(part.written())
        excluded = []
        for term in earlier:
            room -= length(f"-{term} ")
            if room < 0:
                break
            excluded.append(term)
        queries.append(part.written(excluded))
    return queries


def _fill(terms: Sequence[str], before: str, after: str, max_chars: int, common: Sequence[str]) -> list[list[str]]:
    """Distribute terms to as few queries `before(term OR term ...) after` as hold them.

    The first one is full. The others have room to exclude the most common words, and the room that is over.
    """
    room = max_chars - length(f"{before}() {after}")
    longest = max(length(term) for term in terms)
    if longest > room:
        term = next(term for term in terms if length(term) == longest)
        raise UsageError(
            f"the word {term} does not fit into a query of {max_chars} characters: shorten it in "
            "harvest.words, or raise harvest.max_query_chars if X allows"
        )
    high = max(longest, room - sum(length(f"-{term} ") for term in common))
    count = len(_chunks(terms, room, high))
    low = longest
    while low < high:  # the least room for the later ones with which they do not become more
        middle = (low + high) // 2
        if len(_chunks(terms, room, middle)) > count:
            low = middle + 1
        else:
            high = middle
    return _chunks(terms, room, high)


def _chunks(terms: Sequence[str], first: int, later: int) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    used = 0
    for term in terms:
        size = length(term) + (len(" OR ") if chunks[-1] else 0)
        if chunks[-1] and used + size > (first if len(chunks) == 1 else later):
            chunks.append([])
            used, size = 0, length(term)
        chunks[-1].append(term)
        used += size
    return chunks


def _balanced(terms: Sequence[str], count: int) -> list[Sequence[str]]:
    """Terms in so many groups of about the same length, in their order."""
    goal = sum(length(term) for term in terms) / count
    groups: list[list[str]] = [[]]
    used = 0.0
    for term in terms:
        if groups[-1] and len(groups) < count and used + length(term) / 2 > goal * len(groups):
            groups.append([])
        groups[-1].append(term)
        used += length(term)
    return list(groups)


def _fitting(terms: Sequence[str], room: float) -> list[str]:
    """The first terms that fit if each is excluded; one that is too long for itself does not stop the others."""
    found = []
    for term in terms:
        size = length(f"-{term} ")
        if size <= room:
            found.append(term)
            room -= size
    return found


def _any_of(terms: Sequence[str]) -> str:
    return f"({' OR '.join(terms)})"


def _distinct(terms: Iterable[str]) -> list[str]:
    kept: dict[str, str] = {}
    for term in terms:
        kept.setdefault(term.casefold(), term)
    return list(kept.values())


def _terms(words: Iterable[str]) -> list[str]:
    return _distinct(term for term in map(_term, words) if term is not None)


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
    """A town's name as terms. A keyword finds its hashtag too; the hashtag of several words needs its own term."""
    term = _term(name)
    if term is None:
        return ()
    joined = "".join(character for character in name if _is_plain(character) and not character.isspace())
    usable = len(joined) <= _HASHTAG and any(character.isalpha() for character in joined)
    hashtag = f"#{joined}" if usable else None
    if _is_common(joined):
        return (hashtag,) if hashtag else ()
    return (term, hashtag) if term.startswith('"') and hashtag else (term,)


def _is_common(name: str) -> bool:
    parts = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(part for part in parts if unicodedata.combining(part) == 0)
    return plain in _EVERYDAY or (len(plain) <= 3 and plain.isascii())
