"""Registered layers of `reports_inputs`, for --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="corpus-inputs")


@register
class TokensAndPlaces(layers.Layer):
    """The sum of two tables: one is given the words, one the position of each word.

    Args:
        words: entries of the first table.
        places: entries of the second one.
        width: length of each vector.
    """

    def __init__(self, words: int, places: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words, self.places, self.width = words, places, width
        self.of_words = layers.Embedding(words, width, name="of_words")
        self.of_places = layers.Embedding(places, width, name="of_places")

    def build(self, shape: Any) -> None:
        """Build both tables."""
        self.of_words.build(shape)
        self.of_places.build(shape)

    def call(self, words: Any) -> Any:
        """Look up words and positions."""
        return self.of_words(words) + self.of_places(ops.arange(ops.shape(words)[1]))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "words": self.words, "places": self.places, "width": self.width}


@register
class Placed(layers.Layer):
    """Vectors with a learned vector for each position; the inputs never reach its table.

    Args:
        places: entries of the table.
        width: length of each vector.
    """

    def __init__(self, places: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.places, self.width = places, width
        self.project = layers.Dense(width, name="project")
        self.table = layers.Embedding(places, width, name="table")

    def build(self, shape: Any) -> None:
        """Build both parts."""
        self.project.build(shape)
        self.table.build(shape)

    def call(self, vectors: Any) -> Any:
        """Add the vector of each position."""
        return self.project(vectors) + self.table(ops.arange(self.places))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "places": self.places, "width": self.width}


@register
class FirstColumnAsId(layers.Layer):
    """The first column looked up in a table, next to the others; a table inside a custom layer.

    Args:
        entries: entries of the table.
    """

    def __init__(self, entries: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entries = entries
        self.table = layers.Embedding(entries, 3, name="table")

    def build(self, shape: Any) -> None:
        """Build the table."""
        self.table.build(shape[:1])

    def call(self, rows: Any) -> Any:
        """Look up the first column."""
        return ops.concatenate([self.table(ops.cast(rows[:, 0], "int32")), rows[:, 1:] / 50.0], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "entries": self.entries}
