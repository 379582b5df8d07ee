"""Which posts of the stream of all posts talk about an earthquake."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

from quakelens.errors import SourceRefused, UsageError
from quakelens.sources.topic import Topic

_ANYWHERE = {
    "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "MYANMAR", "KHMER", "TIBETAN", "ARABIC", "HEBREW",
}  # fmt: skip
"""Scripts in which a word need not stand by itself: without spaces, or with particles before the word."""

_SAME = str.maketrans({"ı": "i", "đ": "d", "ø": "o", "ł": "l", "ي": "ی", "ى": "ی", "ك": "ک", "ـ": None})
"""Letters that are written one for the other and that Unicode does not take apart."""

_FIRST_REAL_MARK = 10  # combining classes below are vowel killers and voicing marks, which make another letter
_SHORT = 5  # letters; a shorter name of a town is the start of too many other words


def query_of(topic: Topic) -> str:
    """The query for a topic, as JSON: its words, and its towns with the words that tell something beside one.

    Raises:
        UsageError: There is no word.
    """
    words = _cleaned(topic.words)
    if not words:
        raise UsageError("harvest.words in params.yaml holds no word to search for")
    return json.dumps(
        {"words": words, "towns": _cleaned(topic.towns), "near": _cleaned(topic.near)}, ensure_ascii=False
    )


class Matcher:
    """Finds a query's words in texts, whatever their case and accents: a word, or a town and one of the near words.

    A word counts at the start of a word of the text, so that endings do not hide it (`deprem` in
    `depremde`), anywhere within a hashtag (`#izmirdeprem`), and anywhere at all in scripts in which words
    do not stand by themselves. A short name of a town counts as a whole word only.
    """

    def __init__(self, query: str) -> None:
        """Read a query of `query_of`.

        Raises:
            SourceRefused: It is none.
        """
        try:
            values = json.loads(query)
            words, towns, near = ([fold(str(each)) for each in values[key]] for key in ("words", "towns", "near"))
        except (ValueError, KeyError, TypeError):
            raise SourceRefused(f"the query {query[:80]!r} is not one for Bluesky's stream") from None
        self._words, self._towns, self._near = _Words(words), _Words(towns, short=_SHORT), _Words(near)

    def __call__(self, text: str) -> bool:
        """Whether a text talks about it."""
        folded = fold(text)
        return self._words.found(folded) or (self._near.found(folded) and self._towns.found(folded))


class _Words:
    """Words that are looked for together; those below `short` letters only as whole words."""

    def __init__(self, words: Sequence[str], short: int = 0) -> None:
        known = list(dict.fromkeys(words))
        anywhere = [word for word in known if _is_anywhere(word)]
        whole = [word for word in known if word not in anywhere and len(word) < short]
        starts = [word for word in known if word not in anywhere and word not in whole]
        forms = [("{}", anywhere), (r"(?<!\w)(?:{})", starts), (r"#\w*(?:{})", starts), (r"(?<!\w)(?:{})(?!\w)", whole)]
        self._pattern = re.compile("|".join(form.format("|".join(map(_pattern, part))) for form, part in forms if part))
        self._first = tuple(word.split()[0] for word in known)

    def found(self, folded: str) -> bool:
        """Whether one of them is in a folded text; most texts hold none, which plain search finds out fastest."""
        return any(word in folded for word in self._first) and self._pattern.search(folded) is not None


def fold(text: str) -> str:
    """A text without case and accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(part for part in parts if unicodedata.combining(part) < _FIRST_REAL_MARK)
    return unicodedata.normalize("NFC", kept).casefold().translate(_SAME)


def _cleaned(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(_clean, words))))


def _clean(word: str) -> str:
    clean = " ".join(word.replace('"', " ").removeprefix("#").split())
    return clean if any(character.isalnum() for character in clean) else ""


def _pattern(word: str) -> str:
    return r"\s*".join(re.escape(part) for part in word.split())


def _is_anywhere(word: str) -> bool:
    return not _ANYWHERE.isdisjoint(_scripts(word))


def _scripts(characters: Iterable[str]) -> set[str]:
    return {unicodedata.name(character, "").partition(" ")[0] for character in characters}
