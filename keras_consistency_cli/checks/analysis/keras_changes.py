"""Versions of Keras that make other answers of the same file: a table of behaviours that changed, each with where it is told of.

Every entry was seen in Keras's own history, and those of 3.16 by running one file under both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keras_consistency_cli.checks.analysis.sequence_layers import RECURRENT
from keras_consistency_cli.measurement.facts import Facts, LayerFact

__all__ = ["BEHAVIOURS", "Behaviour", "behaviours_of", "release", "saved_elsewhere"]

Release = tuple[int, int]

_USES_MASK = RECURRENT | {
    "GlobalAveragePooling1D",
    "Attention",
    "AdditiveAttention",
    "MultiHeadAttention",
    "GroupedQueryAttention",
    "Softmax",
}
_MASKED_SOFTMAX = frozenset({"Softmax", "MultiHeadAttention", "GroupedQueryAttention"})
_VOCABULARIES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What Keras does otherwise since a release.

    Args:
        since: the first release that does it.
        what: what the layer does, in words that follow its name.
        before: how older releases do it.
        after: how newer ones do.
        shows: the path of the first layer that it concerns, None where it concerns none.
        source: the change in Keras.
        weight: whether any version may be the wrong one (always), one beyond the change is (crossed), or only some rows or files show it
            (rarely).
    """

    since: Release
    what: str
    before: str
    after: str
    shows: Callable[[Facts], str | None]
    source: str
    weight: Literal["always", "crossed", "rarely"] = "crossed"

    def words(self, layer: str) -> str:
        """The behaviour of this layer in one sentence."""
        major, minor = self.since
        return (
            f"'{layer}' {self.what} {self.before} up to Keras {major}.{minor - 1} and {self.after} from "
            f"{major}.{minor} on"
        )


def release(version: str) -> Release | None:
    """Return major and minor number of a version such as 3.15.1, None where there are none."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", version)
    return (int(found[1]), int(found[2])) if found else None


def saved_elsewhere(facts: Facts) -> str:
    """Return the words that end a message where another Keras saved the model than the one that runs; empty where none did."""
    other = facts.saved_with and facts.saved_with != facts.keras
    return f"; saved with Keras {facts.saved_with}, this is {facts.keras}" if other else ""


def _baked(facts: Facts) -> str | None:
    """A training flag that the graph holds; Keras writes a layer's own default there as well, which is the layer's nature and nobody's doing."""
    return next(
        (layer.path for layer in facts.layers if layer.baked_training and not layer.default_training), None
    )


def _mask_through_recurrence(facts: Facts) -> str | None:
    """A recurrent layer behind a masking one, and in front of a layer that uses the mask."""
    masking = next((at for at, layer in enumerate(facts.layers) if layer.masks is not None), None)
    for at, layer in enumerate(facts.layers):
        if (
            masking is not None
            and at > masking
            and layer.kind in RECURRENT
            and not layer.custom
            and _used_after(facts.layers[at + 1 :], layer.path)
        ):
            return layer.path
    return None


def _used_after(later: Sequence[LayerFact], path: str) -> bool:
    return any(layer.kind in _USES_MASK and not layer.path.startswith(f"{path}/") for layer in later)


def _masked_softmax(facts: Facts) -> str | None:
    masked = any(layer.masks is not None for layer in facts.layers)
    return next(
        (
            layer.path
            for layer in facts.layers
            if masked and layer.kind in _MASKED_SOFTMAX and not layer.custom
        ),
        None,
    )


def _vocabulary(facts: Facts) -> str | None:
    return next(
        (layer.path for layer in facts.layers if layer.kind in _VOCABULARIES and not layer.custom), None
    )


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        since=(3, 16),
        what="has training=True in its graph, which predict",
        before="ignores",
        after="obeys",
        shows=_baked,
        source="https://github.com/keras-team/keras/pull/23364",
        weight="always",
    ),
    Behaviour(
        since=(3, 16),
        what="hands its mask on to the layers behind it, so that they skip padded steps,",
        before="as it should",
        after="no longer",
        shows=_mask_through_recurrence,
        source="https://github.com/keras-team/keras/pull/23235",
    ),
    Behaviour(
        since=(3, 14),
        what="reads empty last lines of its vocabulary",
        before="as entries",
        after="not at all",
        shows=_vocabulary,
        source="https://github.com/keras-team/keras/pull/22119",
        weight="rarely",
    ),
    Behaviour(
        since=(3, 10),
        what="gives weights, where a mask leaves nothing, that are",
        before="equal",
        after="zero",
        shows=_masked_softmax,
        source="https://github.com/keras-team/keras/pull/21149",
        weight="rarely",
    ),
)
"""The newest first."""


def behaviours_of(facts: Facts) -> list[dict[str, Any]]:
    """Return the behaviours that concern this model as plain data.

    Their `state` is crossed where they came between the Keras that saved it and this one, coming where a later Keras brings them, else past. Where
    the release that saved it is not known, none is crossed.
    """
    saved, running = release(facts.saved_with), release(facts.keras)
    found = []
    for each in BEHAVIOURS:
        layer = each.shows(facts)
        if layer is not None:
            since, state = ".".join(map(str, each.since)), _state(each.since, saved, running)
            found.append(
                {
                    "layer": layer,
                    "since": since,
                    "state": state,
                    "words": each.words(layer),
                    "weight": each.weight,
                    "source": each.source,
                }
            )
    return found


def _state(since: Release, saved: Release | None, running: Release | None) -> str:
    if running is not None and saved is not None and (saved < since) != (running < since):
        return "crossed"
    return "coming" if running is not None and running < since else "past"
