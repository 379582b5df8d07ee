"""What the posts of one earthquake talk about, before a network's own query language is made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """Words and towns of one earthquake.

    Attributes:
        words: That tell an earthquake by themselves, in the languages of the shaken area, the most telling first.
        towns: Names of shaken towns, in every script in which people there write them, the most shaken first.
        languages: BCP 47, of the words, in their order.
        near: Words for collapse and damage, which tell nothing unless beside a town or a word of `words`.
    """

    words: tuple[str, ...]
    towns: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
