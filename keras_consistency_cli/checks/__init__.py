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
    kc601_gpu_vs_cpu,
    kc602_float32_vs_float64,
    kc603_reduced_precision,
    kc604_conditioning,
    kc605_cpu_kernels,
    kc701_finite,
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
    kc601_gpu_vs_cpu.CHECK,
    kc602_float32_vs_float64.CHECK,
    kc603_reduced_precision.CHECK,
    kc604_conditioning.CHECK,
    kc605_cpu_kernels.CHECK,
    kc701_finite.CHECK,
    kc801_save_load.CHECK,
    kc802_recorded_outputs.CHECK,
)
