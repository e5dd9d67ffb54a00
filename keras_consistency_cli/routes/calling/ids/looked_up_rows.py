"""Served ids of a model that takes texts: they are compared with those of its own lookup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_numeric, is_text
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["LookedUp"]

_Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """The lookups of the text inputs for which ids were served, by input; empty for all other models."""

    layers: Mapping[str, Any]

    @classmethod
    def of(cls, session: Session, served: Rows) -> LookedUp:
        """Return the lookups of the text inputs of which these served rows are numbers."""
        names = {fact.name for fact in session.facts.lookups if is_numeric(served[fact.name].dtype)}
        if not names:
            return cls(layers={})
        from keras_consistency_cli.loading.model.text_lookups import find_text_lookups

        lookups = find_text_lookups(session.model)
        return cls(layers={name: lookups[name] for name in names})

    def replace_texts(self, raw: Rows, expected: Rows, served: Rows) -> tuple[_Arrays, _Arrays, _Arrays]:
        """Return rows, right rows and served rows with the ids of the lookup in place of its texts.

        A lookup that pads to the longest text of a batch has no length of its own: the shorter ids are
        padded. Numbers that are the texts themselves, such as 10115 for "10115", are no ids and stay.
        """
        own, right, fed = {**raw}, {**expected}, {**served}
        for name, layer in self.layers.items():
            from keras_consistency_cli.loading.model.text_lookups import look_up

            if _are_texts(served[name], expected[name]):
                continue
            ids = look_up(layer, expected[name])
            has_length = layer.output.shape[-1] is not None
            right[name], fed[name] = (ids, served[name]) if has_length else _pad(ids, served[name])
            own[name] = right[name]
        return own, right, fed

    def run(self, session: Session, rows: Rows) -> Outputs:
        """Return the outputs of the model for the served rows; ids reach the layers behind their lookup.

        There are none if the model cannot be cut behind its lookup.
        """
        if not self.layers:
            return session.steps(rows, session.batch_size)
        from keras_consistency_cli.loading.model.text_lookups import build_model_behind

        behind = build_model_behind(session.model, list(self.layers))
        return {} if behind is None else session.on_copy(behind).steps(rows, session.batch_size)


def _are_texts(numbers: np.ndarray, texts: np.ndarray) -> bool:
    """Whether numbers are those that the texts show."""
    if numbers.shape != texts.shape or not np.isfinite(numbers).all():
        return False
    return bool((np.char.mod("%.15g", numbers) == texts.astype(str)).all())


def _pad(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both with as many columns, filled with 0."""
    if one.ndim != 2 or other.ndim != 2 or is_text(other.dtype):
        return one, other
    width = max(one.shape[1], other.shape[1])
    first, second = (np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in (one, other))
    return first, second
