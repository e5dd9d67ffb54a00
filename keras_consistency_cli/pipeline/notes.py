"""Notes: the remarks in a report that belong to no single check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.images import Images
from keras_consistency_cli.loading.model_file.advisories import version_warning
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.subject_spec import raw_inputs
from keras_consistency_cli.loading.tables.input_columns import describe_columns
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.routes.trace import FLOAT64_COPY
from keras_consistency_cli.text import clean, format_count, shape_text
from keras_consistency_cli.workers.load_request import subject_files

__all__ = [
    "note_columns",
    "note_float64_copy",
    "note_images",
    "note_order",
    "note_required",
    "note_scaling",
    "note_target_units",
    "note_versions",
    "note_workers",
]


def note_order(rows: RowSource | None, reference: RowSource | None) -> Iterator[str]:
    """Yield that the reference rows have their columns in a different order."""
    if rows is None or reference is None or not rows.columns or not reference.columns:
        return
    if rows.columns != reference.columns:
        yield (
            f"the columns of {clean(reference.path)} come in a different order than those of "
            f"{clean(rows.path)}; they are compared by their names"
        )


def note_columns(rows: RowSource | None, settings: Settings, facts: Facts) -> Iterator[str]:
    """Yield which columns of a table go to which input, where an input takes several."""
    if rows is not None:
        yield from describe_columns(rows, raw_inputs(subject_files(settings), facts.inputs, rows))


def note_images(
    rows: RowSource | None, classes: Collection[str], value_range: tuple[float, float] | None
) -> Iterator[str]:
    """Yield how images were made into rows, and whether their range is unknown."""
    images = next(iter(rows.arrays.values())) if rows is not None else None
    if not isinstance(images, Images):
        return
    count, height, width, channels = images.shape
    low, high = value_range or (0, 255)
    kind = {1: "grey", 3: "RGB", 4: "RGBA"}[channels]
    yield (
        f"{format_count(count, 'image')} in the order of their names: {kind}, resized to {height} x {width} "
        f"(bilinear, as image_dataset_from_directory of Keras does), values {low:g} to {high:g}"
    )
    if value_range is None and not any(_is_rescaling(name) for name in classes):
        yield (
            "images have values 0 to 255, and the model has no Rescaling layer: if it was trained on other "
            "values, state them, such as --value-range 0,1"
        )


def _is_rescaling(name: str) -> bool:
    return name.rpartition(".")[2].rpartition(">")[2] in ("Rescaling", "Normalization")


def note_workers(lost: Sequence[str], unprotected: Sequence[str]) -> Iterator[str]:
    """Yield which workers were lost, and what workers could not be prevented from."""
    yield from (f"no verdict: a worker process exited before the run finished: {ending}" for ending in lost)
    if unprotected:
        yield f"isolation: partial; not prevented: {'; '.join(unprotected)}"


def note_required(required: Sequence[str], verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield which required checks were skipped."""
    for verdict in verdicts:
        if verdict.status is Status.SKIP and verdict.code in required:
            check = f"{verdict.code} {verdict.name}"
            yield f"no verdict: the required check {check} was skipped: {verdict.reason}"


def note_versions(facts: Facts) -> Iterator[str]:
    """Yield a warning if the Keras that loads the model has known security flaws."""
    warning = version_warning(facts.keras, "the outputs come from")
    if warning:
        yield warning


def note_float64_copy(collector: EvidenceCollector) -> Iterator[str]:
    """Yield why there is no float64 copy."""
    trace = collector.traces.get(FLOAT64_COPY)
    reason = trace.unavailable or trace.error if trace is not None else None
    if reason:
        yield reason


def note_scaling(description: DataFacts) -> Iterator[str]:
    """Yield how rows of more than one axis are scaled."""
    scaling = description.scaling
    if scaling is None or scaling.function or description.state != "raw":
        return
    shape = next((rows.shape for rows in description.raw if rows.input == scaling.input), ())
    if len(shape) > 1:
        rows = f"rows of shape {shape_text((None, *shape))} are scaled per feature"
        yield f"{rows}: reshaped to (-1, {shape[-1]}) for the {scaling.kind}, and back"


def note_target_units(description: DataFacts, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield the differences of failures and warnings in the units of the unscaled targets."""
    target = description.target
    if target is None:
        return
    if not target.units:
        yield f"the {target.kind} of the targets has no constant unit: differences are in the model's units"
        return
    for verdict in verdicts:
        pairs = [judged.comparison for judged in verdict.judged if judged.comparison.worst]
        if verdict.status not in (Status.FAIL, Status.WARN) or not pairs or not verdict.is_in_model_units:
            continue
        worst = max(pairs, key=lambda pair: pair.max_abs)
        unit = target.unit(worst.worst[0].index)
        if unit is not None:
            size = f"{worst.max_abs:.3g} of '{worst.output}' is {worst.max_abs * unit:.4g}"
            yield f"{verdict.code}: {size} in the units of the targets"
