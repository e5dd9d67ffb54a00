"""Routes: every way kcheck turns rows into answers. One explicit table; nothing else runs the model. Importing it imports no backend."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.direct_call import CALLING_ROUTES
from keras_consistency_cli.routes.calling.neighbours import NEIGHBOUR_ROUTES
from keras_consistency_cli.routes.calling.prediction import prediction_routes
from keras_consistency_cli.routes.calling.probes import PROBE_ROUTES, ROWS_ROUTE
from keras_consistency_cli.routes.locating.batching import BATCHING_LOCATORS
from keras_consistency_cli.routes.locating.execution import EXECUTION_LOCATORS
from keras_consistency_cli.routes.locating.interventions import TOGGLING_ROUTES
from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from keras_consistency_cli.routes.locating.processes import PROCESS_LOCATORS
from keras_consistency_cli.routes.numerics.conditioning import CONDITIONING_ROUTES
from keras_consistency_cli.routes.numerics.devices import DEVICE_ROUTES
from keras_consistency_cli.routes.numerics.kernels import KERNEL_ROUTES
from keras_consistency_cli.routes.numerics.reduced_precision import LOWERING_ROUTES
from keras_consistency_cli.routes.numerics.rounding import ROUNDING_ROUTES
from keras_consistency_cli.routes.numerics.rounding_location import ROUNDING_LOCATORS
from keras_consistency_cli.routes.persistence.recorded import RECORDED_ROUTES
from keras_consistency_cli.routes.persistence.reloading import RELOADING_ROUTES
from keras_consistency_cli.routes.scaling.renormalization import ADAPTING_ROUTES
from keras_consistency_cli.routes.scaling.scaling import SCALING_ROUTES
from keras_consistency_cli.routes.scaling.served import SERVED_ROUTES
from keras_consistency_cli.routes.sequences.masks import MASK_ROUTES
from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from keras_consistency_cli.routes.sequences.shapes import SHAPE_ROUTES
from keras_consistency_cli.routes.sequences.states import STATE_ROUTES
from keras_consistency_cli.routes.sequences.stepping import STEPPING_ROUTES

__all__ = [
    "BATCH_SIZES",
    "LOCATING_ROUTES",
    "PROCESS_LOCATORS",
    "TOGGLING_ROUTES",
    "routes",
]

LOCATING_ROUTES: tuple[Route, ...] = (
    *LAYER_LOCATORS,
    *BATCHING_LOCATORS,
    *EXECUTION_LOCATORS,
    *ROUNDING_LOCATORS,
)
"""Routes that look for the layer behind a finding, run only once there is one."""

BATCH_SIZES = (2, 3, 7, 32)
"""Batch sizes that are tried unless the config names others; 1, all rows and a short tail are always tried."""


def routes(sizes: Sequence[int] = BATCH_SIZES) -> tuple[Route, ...]:
    """Return every route in the order in which they run."""
    # Which rows hold NaN or infinity comes first: rounding is not measured in them.
    own = (ROWS_ROUTE, *prediction_routes(sizes), *CALLING_ROUTES, *NEIGHBOUR_ROUTES, *PROBE_ROUTES)
    of_layers = (*LOCATING_ROUTES, *PROCESS_LOCATORS, *TOGGLING_ROUTES)
    of_rows = (
        *SCALING_ROUTES,
        *SERVED_ROUTES,
        *ADAPTING_ROUTES,
        *SHAPE_ROUTES,
        *STATE_ROUTES,
        *PADDING_ROUTES,
        *MASK_ROUTES,
        *STEPPING_ROUTES,
    )
    of_numbers = (*ROUNDING_ROUTES, *CONDITIONING_ROUTES, *LOWERING_ROUTES, *DEVICE_ROUTES, *KERNEL_ROUTES)
    return (*own, *of_layers, *of_rows, *of_numbers, *RELOADING_ROUTES, *RECORDED_ROUTES)
