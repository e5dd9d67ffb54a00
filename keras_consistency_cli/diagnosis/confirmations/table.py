"""CONFIRMATIONS: how each cause is confirmed.

docs/diagnosis.md lists the same texts, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import Confirmation, ConfirmationResult
from keras_consistency_cli.diagnosis.confirmations.batches import BATCH_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.calls import CALL_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.data import DATA_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.files import FILE_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.nonfinite import NONFINITE_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.precision import PRECISION_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.quantisation import QUANTISATION_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.scaling import SCALING_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.sequences import SEQUENCE_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.targets.backends import BACKEND_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.targets.endpoints import ENDPOINT_CONFIRMATIONS
from keras_consistency_cli.diagnosis.confirmations.targets.exports import EXPORT_CONFIRMATIONS

__all__ = ["CONFIRMATIONS", "confirm"]

CONFIRMATIONS: Mapping[str, Confirmation] = {
    **FILE_CONFIRMATIONS,
    **BATCH_CONFIRMATIONS,
    **CALL_CONFIRMATIONS,
    **NONFINITE_CONFIRMATIONS,
    **SCALING_CONFIRMATIONS,
    **DATA_CONFIRMATIONS,
    **SEQUENCE_CONFIRMATIONS,
    **PRECISION_CONFIRMATIONS,
    **ENDPOINT_CONFIRMATIONS,
    **EXPORT_CONFIRMATIONS,
    **BACKEND_CONFIRMATIONS,
    **QUANTISATION_CONFIRMATIONS,
}


def confirm(cause: str, evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
    """Return the result of confirming a cause; None if nothing was tried."""
    confirmation = CONFIRMATIONS.get(cause)
    return confirmation.test(evidence, failing) if confirmation is not None else None
