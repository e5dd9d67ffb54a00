"""Kinds of mistakes in served rows: their words and causes."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "BEYOND_HALF",
    "DIVIDED_AGAIN",
    "ENCODED_BY_ROW",
    "FEATURE_ORDER",
    "IDS_STORED",
    "INPUT_ORDER",
    "KINDS",
    "LATE",
    "LOST_CATEGORIES",
    "LOW_PRECISION",
    "MOVED_AND_SCALED",
    "NEARLY_MOVED",
    "NEARLY_RESAMPLED",
    "NEARLY_TURNED",
    "NOT_CLIPPED",
    "NOT_DIVIDED",
    "NOT_FILLED",
    "OTHER_INPUT",
    "OTHER_ROWS",
    "OTHER_UNIT",
    "PADDING_CHANGED",
    "RESHAPED",
    "ROWS_LATE",
    "SAMPLE_DEVIATION",
    "SHIFTED_CODES",
    "SHORTENED",
    "STEPS_REVERSED",
    "TURNED",
    "TURNED_CALENDAR",
]

LOW_PRECISION = "scaled-in-low-precision"
FEATURE_ORDER, INPUT_ORDER, OTHER_INPUT = "feature-order", "input-order", "other-input"
MOVED_AND_SCALED = "other-columns-scaled"
NEARLY_MOVED, NEARLY_TURNED = "nearly-moved", "images-nearly-turned"
NOT_CLIPPED, NOT_FILLED = "not-clipped", "features-not-filled"
OTHER_ROWS, RESHAPED, SHIFTED_CODES = "rows-of-others", "axes-reshaped", "codes-shifted"
LATE, ROWS_LATE, SAMPLE_DEVIATION = "late", "rows-late", "sample-deviation"
ENCODED_BY_ROW, STEPS_REVERSED = "encoded-by-row", "steps-reversed"
LOST_CATEGORIES, TURNED, TURNED_CALENDAR = "lost-categories", "turned", "turned-calendar"
NOT_DIVIDED, DIVIDED_AGAIN = "not-divided", "divided-again"
RESAMPLED, NEARLY_RESAMPLED = "sampled-differently", "nearly-resampled"
IDS_STORED, OTHER_UNIT, PADDING_CHANGED = "ids-stored", "other-unit", "padding-changed"
SHORTENED = ("decimals", "decimals-first", "cut-first", "rounded-first", "cut-after", "rounded-after", "grid")
"""Numbers that lost digits, but not by a cast to fewer bits."""
BEYOND_HALF = ("float16-clipped-first", "float16-overflow-first", "float16-clipped", "float16-overflow")
"""Numbers that float16 does not hold."""
_FILLED = "gaps-filled-otherwise"
_PADDING_SIDE = "padding-side"
_ROW_DEPENDENCE = "preprocess-row-dependence"
_FUNCTION = "function-misapplied"

KINDS: Mapping[str, tuple[str, str | None]] = {
    "refit-all": ("scaled by a scaler that was refitted on all rows", "scaler-refit"),
    "refit-batches": ("scaled by a scaler that was refitted on every {batch} rows", "scaler-refit"),
    "refit-requests": ("scaled by a scaler that was refitted on each request", "scaler-refit"),
    "refit-single": ("scaled by a scaler that was refitted on each row alone", "scaler-refit"),
    "refit-first": ("scaled by a scaler that was refitted on the first {batch} rows", "scaler-refit"),
    "refit-some": ("scaled by a scaler that was refitted on just these rows", "scaler-refit"),
    "refit-so-far": ("scaled by a scaler that was refitted on all rows up to each one", "scaler-refit"),
    "refit-last": (
        "scaled by a scaler that was refitted on the last {batch} rows up to each one",
        "scaler-refit",
    ),
    "refit-groups": ("scaled by scalers that were refitted for each value of column {step}", "scaler-refit"),
    "refit-updated": (
        "scaled by the saved scaler after partial_fit in batches of {batch}",
        "scaler-refit",
    ),
    "refit-step-all": ("scaled with the step '{step}' of the pipeline refitted on all rows", "scaler-refit"),
    "refit-step": (
        "scaled with the step '{step}' of the pipeline refitted on every {batch} rows",
        "scaler-refit",
    ),
    "refit-step-single": (
        "scaled with the step '{step}' of the pipeline refitted on each row alone",
        "scaler-refit",
    ),
    "unscaled": ("not scaled at all", "scaler-missing"),
    "scaled-twice": ("scaled twice", "scaler-applied-twice"),
    "without-step": ("scaled without the step '{step}' of the pipeline", "scaling-step-skipped"),
    NOT_CLIPPED: ("scaled without the clipping of the saved scaler", "scaling-step-skipped"),
    "filled": ("filled with {step} for missing values, then scaled", _FILLED),
    "filled-forward": ("filled with the previous value for missing values, then scaled", _FILLED),
    "filled-after": ("scaled, then filled with {step} for missing values", _FILLED),
    "filled-alike": ("filled with a number of serving's own for missing values, then scaled", _FILLED),
    "scaled-too": ("scaled, although the scaler belongs to a different input", "scaler-applied-twice"),
    "float32-first": ("cast to float32 before scaling", LOW_PRECISION),
    "float16-first": ("cast to float16 before scaling", LOW_PRECISION),
    "float16-clipped-first": (
        "cast to float16 before scaling: values of {step} beyond 65504, its largest number, are clipped",
        LOW_PRECISION,
    ),
    "float16-overflow-first": (
        "cast to float16 before scaling: values of {step} beyond 65504, its largest number, become infinite",
        LOW_PRECISION,
    ),
    "float16-clipped": (
        "cast to float16: values of {step} beyond 65504, its largest number, are clipped",
        LOW_PRECISION,
    ),
    "float16-overflow": (
        "cast to float16: values of {step} beyond 65504, its largest number, become infinite",
        LOW_PRECISION,
    ),
    "float32-after": ("cast to float32 after scaling", LOW_PRECISION),
    "float16-after": ("cast to float16 after scaling", LOW_PRECISION),
    "cut-first": ("cut to whole numbers before scaling", LOW_PRECISION),
    "rounded-first": ("rounded to whole numbers before scaling", LOW_PRECISION),
    "cut-after": ("cut to whole numbers after scaling", LOW_PRECISION),
    "rounded-after": ("rounded to whole numbers after scaling", LOW_PRECISION),
    IDS_STORED: ("stored as {step}, which does not hold all of them", LOW_PRECISION),
    "wrapped-first": ("cast to {step} before scaling, which wraps around", LOW_PRECISION),
    "wrapped-after": ("computed in {step}, which wraps around", LOW_PRECISION),
    "decimals": ("rounded to {step}", LOW_PRECISION),
    "decimals-first": ("rounded to {step} before scaling", LOW_PRECISION),
    "grid": ("rounded to steps of {step}", LOW_PRECISION),
    "clipped": ("right, but clipped", _FUNCTION),
    "inverted": ("inverted, {step}", "values-inverted"),
    "grey": ("made grey: all {column}s hold the same sum of the right ones", _FUNCTION),
    "constant": ("like one constant number in all rows", NOT_FILLED),
    "one-number": ("overwritten with one number", NOT_FILLED),
    "scaled-alone": (
        "preprocessed one row at a time, for which this function gives different results",
        _ROW_DEPENDENCE,
    ),
    "scaled-requests": (
        "preprocessed request by request, for which this function gives different results",
        _ROW_DEPENDENCE,
    ),
    "scaled-batches": (
        "preprocessed in batches of {batch}, for which this function gives different results",
        _ROW_DEPENDENCE,
    ),
    "other-columns": ("made from different {columns}", FEATURE_ORDER),
    MOVED_AND_SCALED: ("made from different {columns} by a different scaler", FEATURE_ORDER),
    "axes-moved": ("like the right rows with {step}", FEATURE_ORDER),
    STEPS_REVERSED: ("like the right rows with {step}", FEATURE_ORDER),
    "images-turned": ("like the right images, {step}", "images-turned"),
    NEARLY_TURNED: ("nearly like the right images, {step}", "images-turned"),
    RESHAPED: ("like the right rows with {step}", FEATURE_ORDER),
    NEARLY_MOVED: ("nearly like the right rows with {step}", FEATURE_ORDER),
    "relabelled": ("encoded again, so that each category has the code of a different one", "codes-refit"),
    LOST_CATEGORIES: (
        "encoded without the {columns} of categories that do not occur in these rows ({step}), so that later "
        "ones moved to the left",
        "codes-refit",
    ),
    SHIFTED_CODES: ("counted differently, with each code {step}", "codes-refit"),
    TURNED: ("turned together by {step} degrees, as sine and cosine of a shifted time", "time-shift"),
    TURNED_CALENDAR: (
        "turned together by {step} degrees, as sine and cosine of a weekday or date with another start",
        "time-shift",
    ),
    "padding-side": ("right, but with the padding {step}", _PADDING_SIDE),
    PADDING_CHANGED: ("right, but with {step}", "padding-unmasked"),
    "cut-side": ("right, but cut differently: each row keeps {step}", _PADDING_SIDE),
    "rows-reordered": ("correct, but in a different order of rows", "row-order"),
    OTHER_ROWS: ("like right rows in the wrong places", "row-order"),
    LATE: ("like the right values of {step}", "row-order"),
    ROWS_LATE: ("like the right values of {step}, in all {columns}", "row-order"),
    "values-reordered": ("like the right values in a different order, each {column} by itself", None),
    "function": ("like {step} of the right values", _FUNCTION),
    "function-first": ("like {step} of the raw values, then scaled", _FUNCTION),
    "other-base": ("like {step}", _FUNCTION),
    SAMPLE_DEVIATION: ("divided by the deviation of a sample of {step} rows, with ddof=1", "scaler-foreign"),
    NOT_DIVIDED: (
        "255 times as large as the right values, like pixels that are not divided by 255",
        "scaler-foreign",
    ),
    DIVIDED_AGAIN: (
        "255 times as small as the right values, like pixels that are divided by 255 again",
        "scaler-foreign",
    ),
    OTHER_UNIT: ("made from values in a different unit, {step}", "scaler-foreign"),
    "another-scaler": ("scaled by a different scaler", "scaler-foreign"),
    ENCODED_BY_ROW: (
        "encoded again in each row, so that a code has a different meaning in each",
        "codes-refit",
    ),
    "own-statistics": ("scaled by the {step}", "scaled-by-own-statistics"),
    "resampled": ("like the right rows, {step}", RESAMPLED),
    NEARLY_RESAMPLED: ("nearly like the right rows, {step}", RESAMPLED),
    OTHER_INPUT: ("like {step}", INPUT_ORDER),
    "unknown": ("unlike any known mistake", None),
}
"""By kind of mistake: the description of the served columns, and the cause."""
