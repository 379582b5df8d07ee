"""Which of a town's names a language would write.

GeoNames lists names without saying of which language they are. Letters tell it, where languages do not share
them: Persian has letters that Arabic lacks, Serbian ones that Russian lacks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_ARABIC = "\u0621-\u063a\u0641-\u064a\u064b-\u0652"
_HAN = "\u3400-\u9fff"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"

_LETTERS: dict[str, str] = {
    "ar": _ARABIC,
    "fa": "ءآأئابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی\u200c",
    "ur": "ءآأئابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوؤہھیےۓۂ",
    "ps": "ءآأئابپتټثجځچڅحخدډذرړزژږسشښصضطظعغفقکګلمنڼوهۀیېۍئ",
    "ku": "ئابپتجچحخدرڕزژسشعغفڤقکگلڵمنوۆهەیێ",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u05d0-\u05ea",
    "hy": "\u0531-\u058f",
    "ka": "\u10a0-\u10ff",
    "hi": "\u0900-\u097f",
    "ne": "\u0900-\u097f",
    "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u104f",  # without the letters of Shan and Mon
    "km": "\u1780-\u17ff",
    "am": "\u1200-\u137f",
    "ko": "\uac00-\ud7a3",
    "ja": _HAN + "\u3040-\u30ffー々ヶ",
    "zh-Hans": _HAN,
    "zh-Hant": _HAN,
    "ru": _CYRILLIC,
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюя",
    "sr": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџш",
    "kk": _CYRILLIC + "әғқңөұүһі",
    "ky": _CYRILLIC + "ңөү",
    "tg": _CYRILLIC + "ғӣқӯҳҷ",
}
"""Letters of the languages that are not written in Latin letters, in lower case, as of a regular expression."""

_SPELLINGS = {"ja": 1, "ko": 1, "my": 1}
"""Names in one language that are worth a search; elsewhere two, as spellings differ."""

_ENDINGS: dict[str, str] = {
    "ja": "市町村区",
    "zh-Hans": "市县区镇乡",
    "zh-Hant": "市縣区區鎮鄉",
    "my": "မြို့",
}
"""What says that it is a town, and is not said in a post."""


def in_language(names: Iterable[str], language: str) -> list[str]:
    """Of a town's names, those that people who write a language would use, the plainest first, two at most.

    Args:
        names: In any languages.
        language: A key of harvest.words; those that are written in Latin letters give nothing.
    """
    letters = _LETTERS.get(language)
    if letters is None:
        return []
    fits = re.compile(f"[{letters}][{letters} '’-]*")
    clean = (unicodedata.normalize("NFC", name) for name in names)
    fitting = [name for name in clean if fits.fullmatch(name.lower())]
    # A name of one word also finds the longer ones that hold it, such as `city of ...`.
    short = [name for name in fitting if not re.search("[ -]", name)] or fitting
    if language == "ja":
        short = [name for name in short if re.search(f"[{_HAN}]", name)] or short
    plain = dict.fromkeys(_plain(name, language) for name in sorted(short, key=lambda name: (len(name), name)))
    return list(plain)[: _SPELLINGS.get(language, 2)]


def is_latin(language: str) -> bool:
    """Whether a language is written in Latin letters."""
    return language not in _LETTERS


def folded(text: str) -> str:
    """Lower case without diacritics, as X searches; letters of their own such as `ı` stay."""
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(part for part in parts if unicodedata.combining(part) == 0)


_OWN_LETTERS = str.maketrans("ıłŁøØđĐðəƏ", "ilLoOdDdeE") | str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "þ": "th", "Þ": "Th"}
)


def plain_latin(text: str) -> str:
    """As people write it on a keyboard without diacritics, `ı`, `đ`, `ł`, ...: `Nurdagi` for `Nurdağı`."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if unicodedata.combining(part) == 0).translate(_OWN_LETTERS)


def _plain(name: str, language: str) -> str:
    endings = _ENDINGS.get(language, "")
    if language == "my":
        return name.removesuffix(endings) or name
    return name[:-1] if len(name) > 2 and name[-1] in endings else name
