"""noise: which distance is the rounding noise, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.noise import NoiseMeasurements, estimate_noise

E = 2.0**-20
OUTPUTS = np.arange(32.0, dtype=np.float32).reshape(-1, 1)
COPY = RowOutputs(outputs={"out": OUTPUTS + np.float64(E)})


def measured(route: str, shift: float = 0.0) -> tuple[Comparison, ...]:
    """A route compared with the float64 copy."""
    answers = RowOutputs(outputs={"out": OUTPUTS + np.float32(shift)})
    return compare((route, "predict-float64"), answers, COPY, float64_copy=COPY)


def repeated(shift: float) -> tuple[Comparison, ...]:
    """A second predict compared with the first."""
    first, second = (RowOutputs(outputs={"out": OUTPUTS + np.float32(by)}) for by in (0.0, shift))
    return compare(("predict-again", "predict"), second, first)


def test_noise_is_predict_compared_with_its_float64_copy() -> None:
    noise = estimate_noise(NoiseMeasurements(reference=measured("predict")))
    assert {output: (pair.candidate, pair.max_abs) for output, pair in noise.items()} == {
        "out": ("predict", E)
    }


def test_there_is_no_noise_without_a_float64_copy() -> None:
    assert estimate_noise(NoiseMeasurements(reference=())) == {}


@pytest.mark.parametrize(
    ("kinds", "shift", "known"),
    [
        (["seed"], 0.5, False),
        ([], 0.5, False),
        (["seed"], 0.0, True),
        (["state"], 0.5, True),
        (["weight"], 0.5, True),
    ],
)
def test_a_predict_that_draws_random_numbers_has_no_noise(
    kinds: list[str], shift: float, known: bool
) -> None:
    measurements = NoiseMeasurements(
        reference=measured("predict"), repeated=repeated(shift), changed_kinds=kinds
    )
    assert bool(estimate_noise(measurements)) is known


@pytest.mark.parametrize(("shift", "known"), [(0.0, True), (1.0, False)])
def test_a_float64_copy_that_draws_different_numbers_measures_no_noise(shift: float, known: bool) -> None:
    measurements = NoiseMeasurements(reference=measured("predict", shift), random_operations=True)
    assert bool(estimate_noise(measurements)) is known


def traced_again(shift: float) -> tuple[Comparison, ...]:
    """Predict traced again, compared with predict."""
    first, second = (RowOutputs(outputs={"out": OUTPUTS + np.float32(by)}) for by in (0.0, shift))
    return compare(("predict-retraced", "predict"), second, first)


@pytest.mark.parametrize(("shift", "known"), [(0.0, True), (2.0**-20, True), (0.5, False)])
def test_a_value_that_each_trace_takes_anew_leaves_no_noise(shift: float, known: bool) -> None:
    measurements = NoiseMeasurements(reference=measured("predict"), traced_again=traced_again(shift))
    assert bool(estimate_noise(measurements)) is known


@pytest.mark.parametrize(
    ("own", "other", "in_float64", "known"),
    [
        (0.0, 0.0, 0.0, True),
        (0.5, 0.5, 0.0, False),
        (0.0, 0.5, 0.0, False),
        (2.0**-8, 0.0, 0.0, False),
        (0.0, 0.0, 0.25, False),
    ],
)
def test_a_changed_number_of_python_must_have_no_effect_on_any_route(
    own: float, other: float, in_float64: float, known: bool
) -> None:
    wide = RowOutputs(outputs={"out": OUTPUTS + np.float64(E) + in_float64})
    measurements = NoiseMeasurements(
        reference=measured("predict", own),
        alternatives=[measured("call", other)],
        in_float64=compare(("call-float64", "predict-float64"), wide, COPY),
        changes_numbers=True,
    )
    assert bool(estimate_noise(measurements)) is known


def test_a_number_that_does_not_change_leaves_the_noise() -> None:
    measurements = NoiseMeasurements(reference=measured("predict", 0.5), alternatives=[measured("call", 1.5)])
    assert estimate_noise(measurements)


def test_a_model_that_reads_the_clock_has_no_noise() -> None:
    assert estimate_noise(NoiseMeasurements(reference=measured("predict"), reads_clock=True)) == {}


def test_a_fault_of_predict_does_not_hide_in_its_own_noise() -> None:
    measurements = NoiseMeasurements(reference=measured("predict", 0.5), alternatives=[(), measured("call")])
    noise = estimate_noise(measurements)
    assert (noise["out"].candidate, noise["out"].max_abs) == ("call", E)


@pytest.mark.parametrize(("coarse", "known"), [(False, False), (True, True)])
def test_a_distance_that_rounding_cannot_explain_is_not_noise(coarse: bool, known: bool) -> None:
    rounded = compare(
        ("rounded-layers", "predict"),
        RowOutputs(outputs={"out": OUTPUTS}),
        RowOutputs(outputs={"out": OUTPUTS + np.float32(0.01)}),
        float64_copy=COPY,
    )
    measurements = NoiseMeasurements(reference=measured("predict", 0.01), rounded=rounded, coarse=coarse)
    assert bool(estimate_noise(measurements)) is known


def test_float64_outputs_beyond_float32_are_compared_without_a_warning() -> None:
    huge = RowOutputs(outputs={"out": OUTPUTS.astype(np.float64) * 1e300})
    pairs = [
        compare((route, "predict-float64"), huge, huge, float64_copy=huge) for route in ("predict", "call")
    ]
    noise = estimate_noise(NoiseMeasurements(reference=pairs[0], alternatives=[pairs[1]]))
    assert noise["out"].max_abs == 0.0
