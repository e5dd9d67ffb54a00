"""Whether the rows of a batch influence each other, and in batches of which size."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts, Failing
from keras_consistency_cli.diagnosis.signatures import layer_with_changed_state, located, loses_rows
from keras_consistency_cli.routes.calling.neighbours import NeighbourDetails
from keras_consistency_cli.routes.locating.layers import LocatedLayer

__all__ = ["mixes_neighbours", "texts_of_mixing"]

_COMPARED = CauseTexts(
    sentence="{layer} compares the rows of a batch with each other: the outputs have a column for each row",
    advice=(
        "return what '{layer}' compares, one row for each input row, and compare it outside of predict:\n"
        "    model = keras.Model(inputs, [left, right])     # the inputs of '{layer}'\n"
        "    left, right = model.predict(x)\n"
        "    scores = left @ right.T\n"
        "The matrix of a batch is for the loss in training only"
    ),
)
_RARE = CauseTexts(
    sentence=(
        "{layer} mixes the rows of a batch if certain rows are in it: the output of a row depends on its "
        "neighbours"
    ),
    advice=(
        "look in '{layer}' for a condition over the whole batch, such as cond(any(…)), cond(all(…)), a max "
        "or a count, that only few rows meet, and decide for each row by itself: ops.where(condition, this, "
        "that)"
    ),
)
_FIRST_ROWS = CauseTexts(
    sentence=(
        "{layer} computes numbers from the rows of a batch and keeps them: outputs depend on the rows that "
        "came first"
    ),
    advice=(
        "compute what '{layer}' keeps in training only, and only read it in predict:\n"
        "    if training:\n"
        "        self.mean.assign(ops.mean(x, axis=0))\n"
        "run training rows through the model before it is saved"
    ),
)
_IN_LARGE_BATCHES = (
    "look in '{layer}' for a number of rows that is reached in larger batches, such as the capacity of an "
    "expert or of a buffer, and for cumsum, sorting or top_k over the batch. What training needs, such as a "
    "capacity, belongs under `if training`; otherwise let each row be computed by itself, or predict in "
    "batches that stay below that number"
)


def mixes_neighbours(evidence: Evidence, failing: Failing) -> bool:
    """Whether replaced neighbours have an effect, or output rows grow with the batch."""
    varies = "KC102" in failing and bool(failing["KC102"].findings.get("shape_varies"))
    return "KC103" in failing or varies or mixes_at_other_sizes(evidence, failing)


def mixes_at_other_sizes(evidence: Evidence, failing: Failing) -> bool:
    """Whether replaced neighbours have an effect, in batches of a size or with rows that KC103 does not try.

    Where neighbours change shapes, the bits of rows in the first batches change by rounding.
    """
    is_mixed = evidence.details("locate-companions", LocatedLayer).get("mixed", False)
    if "KC103" in failing or not (is_mixed or located(evidence, "locate-companions", "layer")):
        return False
    is_rounded = evidence.details("companions", NeighbourDetails).get("resized", False)
    return not is_rounded and not loses_rows(evidence, failing)


def texts_of_mixing(evidence: Evidence) -> CauseTexts | None:
    """Return the texts for columns of rows, kept numbers, and rows mixed in some batches only."""
    details = evidence.details("locate-companions", LocatedLayer)
    if details.get("compared"):
        return _COMPARED
    if details.get("custom") and details.get("layer") == layer_with_changed_state(evidence):
        return _FIRST_ROWS
    size, tried = details.get("batch", 0), evidence.details("companions", NeighbourDetails).get("sizes", ())
    if not tried or not size or not _neighbours_change_nothing(evidence):
        return None
    if size <= max(tried):
        return _RARE if details.get("mixed") else None
    sentence = (
        f"{{layer}} mixes the rows of a batch of {size}: the output of a row depends on its neighbours. "
        f"In batches of {max(tried)} rows it does not"
    )
    return CauseTexts(sentence=sentence, advice=_IN_LARGE_BATCHES)


def _neighbours_change_nothing(evidence: Evidence) -> bool:
    pairs = evidence.comparisons.get(("companions", "companions-baseline"), ())
    return bool(pairs) and all(each.identical for each in pairs)
