"""Registry: the table of all routes. Nothing else runs the model.

Importing it imports no backend.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.routes.backends.layers import backend_locators
from keras_consistency_cli.routes.backends.table import backend_routes
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.clock import CLOCK_ROUTES
from keras_consistency_cli.routes.calling.costs import COST_ROUTES
from keras_consistency_cli.routes.calling.direct_call import CALLING_ROUTES
from keras_consistency_cli.routes.calling.gradients import GRADIENT_ROUTES
from keras_consistency_cli.routes.calling.neighbours import NEIGHBOUR_ROUTES
from keras_consistency_cli.routes.calling.prediction import prediction_routes
from keras_consistency_cli.routes.calling.rows import GIVEN_ROWS_ROUTE, ROWS_ROUTE
from keras_consistency_cli.routes.calling.training.exported_training import EXPORTING_ROUTES
from keras_consistency_cli.routes.calling.training.fixed_flags import FIXED_FLAG_ROUTES
from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS_LOCATORS
from keras_consistency_cli.routes.endpoints.orders import ORDERS_ROUTE
from keras_consistency_cli.routes.endpoints.table import endpoint_routes
from keras_consistency_cli.routes.exports.table import export_routes
from keras_consistency_cli.routes.locating.batching import BATCHING_LOCATORS
from keras_consistency_cli.routes.locating.execution import EXECUTION_LOCATORS
from keras_consistency_cli.routes.locating.interventions import INTERVENTION_ROUTES
from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from keras_consistency_cli.routes.locating.processes import PROCESS_LOCATORS
from keras_consistency_cli.routes.numerics.batch_norm.batch_norm_statistics import BATCH_NORM_ROUTES
from keras_consistency_cli.routes.numerics.conditioning import CONDITIONING_ROUTES
from keras_consistency_cli.routes.numerics.devices import DEVICE_ROUTES
from keras_consistency_cli.routes.numerics.hidden_nan import HIDDEN_NAN_LOCATORS
from keras_consistency_cli.routes.numerics.integer_range import INTEGER_ROUTES
from keras_consistency_cli.routes.numerics.kernels import KERNEL_ROUTES
from keras_consistency_cli.routes.numerics.low_precision.hidden_overflow import OVERFLOW_ROUTES
from keras_consistency_cli.routes.numerics.low_precision.raised_precision import RAISING_ROUTES
from keras_consistency_cli.routes.numerics.low_precision.reduced_precision import LOWERING_ROUTES
from keras_consistency_cli.routes.numerics.quantised.coarse_layers import COARSE_LOCATORS
from keras_consistency_cli.routes.numerics.quantised.dequantised import QUANTISATION_ROUTES
from keras_consistency_cli.routes.numerics.quantised.quantised_layers import (
    DEQUANTISING_ROUTES,
    QUANTISATION_LOCATORS,
)
from keras_consistency_cli.routes.numerics.rounding import ROUNDING_ROUTES
from keras_consistency_cli.routes.numerics.rounding_location import ROUNDING_LOCATORS
from keras_consistency_cli.routes.persistence.created_layers import CREATED_LAYER_LOCATORS
from keras_consistency_cli.routes.persistence.recorded import RECORDED_ROUTES
from keras_consistency_cli.routes.persistence.reloading import RELOADING_ROUTES
from keras_consistency_cli.routes.scaling.reference_scaler import REFERENCE_SCALER_ROUTES
from keras_consistency_cli.routes.scaling.renormalization import ADAPTING_ROUTES
from keras_consistency_cli.routes.scaling.scaling import SCALING_ROUTES
from keras_consistency_cli.routes.sequences.masks.lost_masks import MASK_ROUTES
from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from keras_consistency_cli.routes.sequences.shapes import SHAPE_ROUTES
from keras_consistency_cli.routes.sequences.states import STATE_ROUTES
from keras_consistency_cli.routes.sequences.stepping import STEPPING_ROUTES
from keras_consistency_cli.routes.served.served import SERVED_ROUTES
from keras_consistency_cli.routes.trace import BATCH_SIZES

__all__ = [
    "CONFIRMING_ROUTES",
    "LOCATING_ROUTES",
    "PROCESS_LOCATORS",
    "routes",
]

LOCATING_ROUTES: tuple[Route, ...] = (
    *LAYER_LOCATORS,
    *CREATED_LAYER_LOCATORS,
    *HIDDEN_NAN_LOCATORS,
    *BATCHING_LOCATORS,
    *EXECUTION_LOCATORS,
    *XLA_NUMBERS_LOCATORS,
    *ROUNDING_LOCATORS,
    *QUANTISATION_LOCATORS,
    *COARSE_LOCATORS,
)
"""Routes that search for the layer behind a finding; they run only after one."""

CONFIRMING_ROUTES: tuple[Route, ...] = (
    *INTERVENTION_ROUTES,
    *CLOCK_ROUTES,
    *EXPORTING_ROUTES,
    *RAISING_ROUTES,
    *DEQUANTISING_ROUTES,
    *REFERENCE_SCALER_ROUTES,
)
"""Routes that switch off a suspect; they run only after a finding."""


def routes(
    sizes: Sequence[int] = BATCH_SIZES,
    exports: Sequence[str] = (),
    endpoints: Sequence[str] = (),
    backends: Sequence[str] = (),
) -> tuple[Route, ...]:
    """Return every route, in the order in which they run.

    Args:
        sizes: batch sizes to try.
        exports: the labels of the exports to compare.
        endpoints: the labels of the services to compare.
        backends: the backends to compare with the one in use.
    """
    # The rows that hold NaN or infinity come first: rounding noise is not measured on them.
    calling = (
        ROWS_ROUTE,
        *prediction_routes(sizes),
        *CALLING_ROUTES,
        *FIXED_FLAG_ROUTES,
        *NEIGHBOUR_ROUTES,
        GIVEN_ROWS_ROUTE,
        ORDERS_ROUTE,
        *GRADIENT_ROUTES,
        *COST_ROUTES,
    )
    locating = (*LOCATING_ROUTES, *PROCESS_LOCATORS, *CONFIRMING_ROUTES)
    scaling = (*SCALING_ROUTES, *SERVED_ROUTES, *ADAPTING_ROUTES)
    sequences = (*SHAPE_ROUTES, *STATE_ROUTES, *PADDING_ROUTES, *MASK_ROUTES, *STEPPING_ROUTES)
    numerics = (
        *BATCH_NORM_ROUTES,
        *INTEGER_ROUTES,
        *OVERFLOW_ROUTES,
        *ROUNDING_ROUTES,
        *CONDITIONING_ROUTES,
        *LOWERING_ROUTES,
        *QUANTISATION_ROUTES,
        *DEVICE_ROUTES,
        *KERNEL_ROUTES,
    )
    persistence = (*RELOADING_ROUTES, *RECORDED_ROUTES)
    return (
        *calling,
        *locating,
        *scaling,
        *sequences,
        *numerics,
        *persistence,
        *export_routes(exports),
        *endpoint_routes(endpoints),
        *backend_routes(backends),
        *backend_locators(backends),
    )
