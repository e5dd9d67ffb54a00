"""Spellings of words and categories: what each is called, and the code that gives it."""

from __future__ import annotations

__all__ = ["MISSPELLED", "SPELLINGS", "UNKNOWN_WORDS"]

UNKNOWN_WORDS = "unknown-words"
"""The cause."""
MISSPELLED = 0.2
"""Share of unknown words that is a fault if a different spelling makes them known."""
SPELLINGS = {
    "strip": ("without spaces around them", "values = [value.strip() for value in values]"),
    "lower": ("in lower case", "values = [value.strip().lower() for value in values]"),
    "upper": ("in upper case", "values = [value.strip().upper() for value in values]"),
    "capitalize": ("with a capital letter", "values = [value.strip().capitalize() for value in values]"),
    "title": ("with capital letters", "values = [value.strip().title() for value in values]"),
    "whole": ("without '.0'", "values = [value.removesuffix('.0') for value in values]"),
    "decimal": ("with '.0'", "values = [f'{value}.0' for value in values]"),
    "zeros": (
        "with leading zeros",
        "frame = pandas.read_csv(path, dtype=str)   # numbers lose leading zeros; .str.zfill adds them",
    ),
    "quotes": ("without quotes", "values = [value.decode() for value in values]   # not str(value)"),
    "accents": ("without accents", "normalize accents as in training: unicodedata.normalize('NFKD', value)"),
}
"""By name of a spelling: in words, and the code that gives it."""
