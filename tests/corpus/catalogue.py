"""Every case of the corpus, and a stratified sample of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.corpus import (
    clean_dense,
    clean_hard,
    clean_scaling,
    clean_sequences,
    clean_series,
    clean_steps,
    clean_vision,
    exports,
    faults_batch,
    faults_data,
    faults_drift,
    faults_files,
    faults_normalization,
    faults_precision,
    faults_recorded,
    faults_refused,
    faults_scaling,
    faults_sequences,
    faults_series,
    faults_state,
    faults_training,
    reports_axes,
    reports_bare_calls,
    reports_batches,
    reports_causal,
    reports_coarse,
    reports_crowded,
    reports_digits,
    reports_features,
    reports_files,
    reports_functions,
    reports_gaps,
    reports_groups,
    reports_held,
    reports_id_tables,
    reports_inputs,
    reports_integers,
    reports_loading,
    reports_masks,
    reports_misplaced,
    reports_moving_statistics,
    reports_narrow,
    reports_one_hot,
    reports_overflow,
    reports_own_masks,
    reports_parts,
    reports_people,
    reports_pictures,
    reports_precision,
    reports_quantised,
    reports_rare,
    reports_recorded,
    reports_recorded_scalings,
    reports_recordings,
    reports_samples,
    reports_sampling,
    reports_scalers,
    reports_scales,
    reports_scaling,
    reports_served,
    reports_ties,
    reports_transformers,
    reports_units,
    reports_unsteady,
    reports_values,
    reports_versions,
    reports_vocabularies,
    reports_words,
)
from tests.corpus.cases import Case

__all__ = ["ALL_CASES", "stratified"]

_FAMILIES = (
    *(clean_dense, clean_vision, clean_sequences, clean_hard, clean_scaling),
    *(faults_batch, faults_training, faults_state, faults_data),
    *(faults_scaling, faults_normalization, faults_drift),
    *(clean_steps, clean_series, faults_sequences, faults_series, faults_refused),
    *(faults_files, faults_recorded, faults_precision),
    *(reports_inputs, reports_loading, reports_masks, reports_precision, reports_samples, reports_scaling),
    *(reports_functions, reports_served, reports_features, reports_scales, reports_files),
    *(reports_quantised, reports_versions, reports_axes, reports_values, reports_words, reports_batches),
    *(reports_causal, reports_sampling, reports_integers, reports_held, reports_one_hot, reports_id_tables),
    *(reports_overflow, reports_digits, reports_transformers, reports_moving_statistics, reports_bare_calls),
    *(reports_parts, reports_unsteady, reports_coarse, reports_crowded, reports_recorded, reports_units),
    *(reports_recorded_scalings, reports_groups, reports_gaps),
    *(reports_misplaced, reports_scalers, reports_pictures, reports_people, reports_vocabularies),
    *(reports_narrow, reports_recordings, reports_rare, reports_ties, reports_own_masks),
    exports,
)

ALL_CASES: tuple[Case, ...] = tuple(case for family in _FAMILIES for case in family.CASES)


def stratified(cases: Sequence[Case], count: int, seed: int) -> tuple[Case, ...]:
    """Return about `count` cases, drawn by seed, each family by its share and at least once."""
    if count >= len(cases):
        return tuple(cases)
    draw, chosen = random.Random(seed), []
    for family in dict.fromkeys(case.family for case in cases):
        members = [case for case in cases if case.family == family]
        chosen += draw.sample(members, max(1, round(count * len(members) / len(cases))))
    return tuple(chosen)
