"""Which posts of the stream of all posts talk about an earthquake."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable

from quakelens.errors import SourceRefused, UsageError
from quakelens.sources.topic import Topic

_ANYWHERE = {
    "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "MYANMAR", "KHMER", "TIBETAN", "ARABIC", "HEBREW",
}  # fmt: skip
"""Scripts in which a word need not stand by itself: without spaces, or with particles before the word."""

_SAME = str.maketrans({"ı": "i", "đ": "d", "ø": "o", "ł": "l", "ي": "ی", "ى": "ی", "ك": "ک", "ـ": None})
"""Letters that are written one for the other and that Unicode does not take apart."""

_FIRST_REAL_MARK = 10  # combining classes below are vowel killers and voicing marks, which make another letter


def query_of(topic: Topic) -> str:
    """The query for a topic: its words, as JSON.

    Towns are left out. A town alone says nothing of an earthquake, and the towns of an earthquake change
    from one announcement to the next, which would make another query and start the stream anew.

    Raises:
        UsageError: There is no word.
    """
    words = list(dict.fromkeys(filter(None, (_clean(word) for word in topic.words))))
    if not words:
        raise UsageError("harvest.words in params.yaml holds no word to search for")
    return json.dumps({"words": words}, ensure_ascii=False)


class Matcher:
    """Finds a query's words in texts, whatever their case and accents.

    A word counts at the start of a word of the text, so that endings do not hide it (`deprem` in
    `depremde`), anywhere within a hashtag (`#izmirdeprem`), and anywhere at all in scripts in which words
    do not stand by themselves.
    """

    def __init__(self, query: str) -> None:
        """Read a query of `query_of`.

        Raises:
            SourceRefused: It is none.
        """
        try:
            words = json.loads(query)["words"]
            folded = [fold(str(word)) for word in words]
        except (ValueError, KeyError, TypeError):
            raise SourceRefused(f"the query {query[:80]!r} is not one for Bluesky's stream") from None
        self._words = tuple(dict.fromkeys(folded))
        apart = "|".join(_pattern(word) for word in self._words)
        anywhere = [re.escape(word) for word in self._words if _is_anywhere(word)]
        self._pattern = re.compile("|".join([*anywhere, rf"(?<!\w)(?:{apart})", rf"#\w*(?:{apart})"]))
        self._first = tuple(word.split()[0] for word in self._words)

    def __call__(self, text: str) -> bool:
        """Whether one of the words is in the text."""
        folded = fold(text)
        # Most texts hold none of them, which plain search finds out fastest.
        return any(word in folded for word in self._first) and self._pattern.search(folded) is not None


def fold(text: str) -> str:
    """A text without case and accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(part for part in parts if unicodedata.combining(part) < _FIRST_REAL_MARK)
    return unicodedata.normalize("NFC", kept).casefold().translate(_SAME)


def _clean(word: str) -> str:
    clean = " ".join(word.replace('"', " ").removeprefix("#").split())
    return clean if any(character.isalnum() for character in clean) else ""


def _pattern(word: str) -> str:
    return r"\s+".join(re.escape(part) for part in word.split())


def _is_anywhere(word: str) -> bool:
    return not _ANYWHERE.isdisjoint(_scripts(word))


def _scripts(characters: Iterable[str]) -> set[str]:
    return {unicodedata.name(character, "").partition(" ")[0] for character in characters}
