"""CAUSES: all known causes, most specific first.

A failure is explained by the first cause that fits.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.causes.batches import BATCH_CAUSES, ROW_COUNT_CAUSES
from keras_consistency_cli.diagnosis.causes.calls import CALL_CAUSES, CLOCK_CAUSE, REPEAT_CAUSES
from keras_consistency_cli.diagnosis.causes.data import DATA_CAUSES
from keras_consistency_cli.diagnosis.causes.files.recorded import RECORDED_CAUSES
from keras_consistency_cli.diagnosis.causes.files.saved import CREATED_CAUSE, FILE_CAUSES
from keras_consistency_cli.diagnosis.causes.modes import COMPILED_CAUSES, TRAINING_FLAG_CAUSE
from keras_consistency_cli.diagnosis.causes.nonfinite import NONFINITE_CAUSES
from keras_consistency_cli.diagnosis.causes.precision import NUMBER_CAUSES, ROUNDING_CAUSE
from keras_consistency_cli.diagnosis.causes.quantisation import QUANTISATION_CAUSES
from keras_consistency_cli.diagnosis.causes.scaling import SCALING_CAUSES, UNREPEATABLE_CAUSE
from keras_consistency_cli.diagnosis.causes.sequences import SEQUENCE_CAUSES
from keras_consistency_cli.diagnosis.causes.served import SERVED_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.backends import BACKEND_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.endpoints import ENDPOINT_CAUSES
from keras_consistency_cli.diagnosis.causes.targets.exports import EXPORT_CAUSES

__all__ = ["CAUSES"]

CAUSES: Mapping[str, Cause] = {
    cause.slug: cause
    for cause in (
        ROUNDING_CAUSE,
        UNREPEATABLE_CAUSE,
        CLOCK_CAUSE,
        CREATED_CAUSE,
        *FILE_CAUSES,
        *BATCH_CAUSES,
        *REPEAT_CAUSES,
        TRAINING_FLAG_CAUSE,
        *ROW_COUNT_CAUSES,
        *NONFINITE_CAUSES,
        *CALL_CAUSES,
        *COMPILED_CAUSES,
        *SCALING_CAUSES,
        *SERVED_CAUSES,
        *RECORDED_CAUSES,
        *DATA_CAUSES,
        *SEQUENCE_CAUSES,
        *QUANTISATION_CAUSES,
        *NUMBER_CAUSES,
        *ENDPOINT_CAUSES,
        *EXPORT_CAUSES,
        *BACKEND_CAUSES,
    )
}
