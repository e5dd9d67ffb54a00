"""Checks: one file each, one explicit table. Free of Keras."""

from __future__ import annotations

from keras_consistency_cli.checks import (
    kc101_batch_vs_single,
    kc102_batch_size,
    kc103_companion_swap,
    kc104_row_order,
    kc201_predict_vs_call,
    kc202_training_flag,
    kc203_repeatability,
    kc204_execution_mode,
    kc205_gradient_flow,
    kc206_call_cost,
    kc301_scaler_reuse_vs_refit,
    kc302_preprocess_row_independence,
    kc303_scaling_state,
    kc304_scaler_fit,
    kc305_scaling_precision,
    kc401_normalization_adapted,
    kc402_normalized_twice,
    kc403_adapt_at_prediction,
    kc501_input_shape,
    kc502_state_reset,
    kc504_padding,
    kc602_float32_vs_float64,
    kc701_finite,
    kc702_distribution_shift,
    kc801_save_load,
    kc802_recorded_outputs,
)
from keras_consistency_cli.checks.base import Check

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    kc101_batch_vs_single.CHECK,
    kc102_batch_size.CHECK,
    kc103_companion_swap.CHECK,
    kc104_row_order.CHECK,
    kc201_predict_vs_call.CHECK,
    kc202_training_flag.CHECK,
    kc203_repeatability.CHECK,
    kc204_execution_mode.CHECK,
    kc205_gradient_flow.CHECK,
    kc206_call_cost.CHECK,
    kc301_scaler_reuse_vs_refit.CHECK,
    kc302_preprocess_row_independence.CHECK,
    kc303_scaling_state.CHECK,
    kc304_scaler_fit.CHECK,
    kc305_scaling_precision.CHECK,
    kc401_normalization_adapted.CHECK,
    kc402_normalized_twice.CHECK,
    kc403_adapt_at_prediction.CHECK,
    kc501_input_shape.CHECK,
    kc502_state_reset.CHECK,
    kc504_padding.CHECK,
    kc602_float32_vs_float64.CHECK,
    kc701_finite.CHECK,
    kc702_distribution_shift.CHECK,
    kc801_save_load.CHECK,
    kc802_recorded_outputs.CHECK,
)
