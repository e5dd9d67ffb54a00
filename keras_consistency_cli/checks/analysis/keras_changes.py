"""Changes of Keras that give the same file different outputs, with their pull requests.

Every entry was found in the history of Keras; those of 3.16 were also seen by running one file under both
versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from keras_consistency_cli.measurement.facts import Facts, LayerFact
from keras_consistency_cli.measurement.installed import parse_version
from keras_consistency_cli.routes.sequences.series import RECURRENT

__all__ = ["BEHAVIOURS", "Behaviour", "ChangedBehaviour", "behaviours_of", "release", "saved_elsewhere"]

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
    """A behaviour of a layer that a release of Keras changed.

    Args:
        since: the first release with the new behaviour.
        what: the behaviour, in words that follow the layer's name.
        before: how older releases behave.
        after: how newer ones do.
        first_layer: returns the path of the first layer that it concerns, None if there is none.
        source: the change in Keras.
        weight: whether outputs may be wrong under any version (always), only if the file was saved on the
            other side of the change (crossed), or only for some rows or files (rarely).
    """

    since: Release
    what: str
    before: str
    after: str
    first_layer: Callable[[Facts], str | None]
    source: str
    weight: Literal["always", "crossed", "rarely"] = "crossed"

    def words(self, layer: str) -> str:
        """Return the behaviour of this layer in one sentence."""
        major, minor = self.since
        old, new = f"up to Keras {major}.{minor - 1}", f"from {major}.{minor} on"
        return f"'{layer}' {self.what} {self.before} {old} and {self.after} {new}"


class ChangedBehaviour(TypedDict):
    """A behaviour that concerns a model, as plain data for reports."""

    layer: str
    since: str
    state: Literal["crossed", "coming", "past"]
    words: str
    weight: Literal["always", "crossed", "rarely"]
    source: str


def release(version: str) -> Release | None:
    """Return major and minor number of a version such as 3.15.1, None if there are none."""
    numbers = parse_version(version)
    return numbers[:2] if numbers else None


def saved_elsewhere(facts: Facts) -> str:
    """Return a remark if a different Keras saved the model than the one that runs."""
    differs = facts.saved_with and facts.saved_with != facts.keras
    return f"; saved with Keras {facts.saved_with}, this is {facts.keras}" if differs else ""


def _baked(facts: Facts) -> str | None:
    """A training flag in the graph that is not the layer's default, which Keras writes too."""
    baked = (layer.path for layer in facts.layers if layer.baked_training and not layer.default_training)
    return next(baked, None)


def _mask_through_recurrence(facts: Facts) -> str | None:
    """A recurrent layer after a masking layer and before a layer that uses the mask."""
    masking = next((at for at, layer in enumerate(facts.layers) if layer.masks is not None), None)
    if masking is None:
        return None
    for at, layer in enumerate(facts.layers[masking + 1 :], masking + 1):
        if layer.kind in RECURRENT and not layer.custom and _is_used(facts.layers[at + 1 :], layer.path):
            return layer.path
    return None


def _is_used(later: Sequence[LayerFact], path: str) -> bool:
    return any(layer.kind in _USES_MASK and not layer.path.startswith(f"{path}/") for layer in later)


def _masked_softmax(facts: Facts) -> str | None:
    if all(layer.masks is None for layer in facts.layers):
        return None
    return _first_built_in(facts, _MASKED_SOFTMAX)


def _vocabulary(facts: Facts) -> str | None:
    return _first_built_in(facts, _VOCABULARIES)


def _first_built_in(facts: Facts, kinds: frozenset[str]) -> str | None:
    return next((layer.path for layer in facts.layers if layer.kind in kinds and not layer.custom), None)


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        since=(3, 16),
        what="has training=True in its graph, which predict",
        before="ignores",
        after="follows",
        first_layer=_baked,
        source="https://github.com/keras-team/keras/pull/23364",
        weight="always",
    ),
    Behaviour(
        since=(3, 16),
        what="passes its mask to later layers, so that they skip padded time steps,",
        before="as it should",
        after="no longer",
        first_layer=_mask_through_recurrence,
        source="https://github.com/keras-team/keras/pull/23235",
    ),
    Behaviour(
        since=(3, 14),
        what="reads empty lines at the end of its vocabulary",
        before="as entries",
        after="not at all",
        first_layer=_vocabulary,
        source="https://github.com/keras-team/keras/pull/22119",
        weight="rarely",
    ),
    Behaviour(
        since=(3, 10),
        what="gives a fully masked row weights that are",
        before="equal",
        after="zero",
        first_layer=_masked_softmax,
        source="https://github.com/keras-team/keras/pull/21149",
        weight="rarely",
    ),
)
"""The newest first."""


def behaviours_of(facts: Facts) -> list[ChangedBehaviour]:
    """Return the changed behaviours that concern this model, the newest first.

    The `state` is crossed if the change lies between the Keras that saved the model and this one, coming if a
    later Keras brings it, else past. It is never crossed if the saving version is not known.
    """
    saved, running = release(facts.saved_with), release(facts.keras)
    return [
        ChangedBehaviour(
            layer=layer,
            since=".".join(map(str, behaviour.since)),
            state=_state(behaviour.since, saved, running),
            words=behaviour.words(layer),
            weight=behaviour.weight,
            source=behaviour.source,
        )
        for behaviour in BEHAVIOURS
        if (layer := behaviour.first_layer(facts)) is not None
    ]


def _state(
    since: Release, saved: Release | None, running: Release | None
) -> Literal["crossed", "coming", "past"]:
    if running is not None and saved is not None and (saved < since) != (running < since):
        return "crossed"
    return "coming" if running is not None and running < since else "past"
