"""Rules about the scaler of the target: whether outputs are transformed back, and with which scaler."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.rule import Evidence, Hit, Rule, code_of, rule, served_events
from keras_consistency_cli.checks.code.rules.transformers import (
    is_of_target,
    is_only_receiver,
    loaded_transformers,
    written,
)
from keras_consistency_cli.checks.code.values.value import Thing

__all__ = ["RULES"]

_METHODS = frozenset({"transform", "fit", "fit_transform"})


@rule(
    "KS202",
    "target-not-inverted",
    "fail",
    "is a target scaler loaded, and the output returned in its units?",
    causes=("target-scaler-foreign",),
)
def not_inverted(evidence: Evidence) -> Iterator[Hit]:
    """A scaler of the target is loaded, but the outputs of the model are not transformed back with it.

    Why: The model was trained on scaled targets. Its outputs are in the units of the scaler, often
    between 0 and 1, and are read as prices or temperatures.

    How: An object is loaded whose file, variable, field or key names the target (y_scaler, scaler_y,
    target_scaler), a model that was loaded predicts, no outputs are transformed back, and the object is
    not passed on.

    To fix: Transform the outputs back.

        price = y_scaler.inverse_transform(model.predict(rows))

    Sources: https://scikit-learn.org/stable/modules/compose.html
    """
    if not any(True for _ in served_events(evidence)):
        return
    inverses = [event for trace in evidence.traces for event in trace.of("inverse")]
    if any(event.data.has("pred") or event.data.has("called") for event in inverses):
        return  # with this scaler, or with a wrong one: see other-target-scaler
    inverted = {event.subject.thing for event in inverses}
    for trace in evidence.traces:
        for event, thing in loaded_transformers(trace):
            if not is_of_target(thing) or thing in inverted:
                continue
            if is_only_receiver(evidence, thing, _METHODS):
                yield Hit(
                    site=event.site,
                    words=f"{thing.label} is loaded, and the outputs are not transformed back with it",
                    fix=f"return {written(thing)}.inverse_transform(outputs)",
                )


@rule(
    "KS203",
    "other-target-scaler",
    "fail",
    "are outputs transformed back with the scaler of the inputs although the target has its own?",
    causes=("target-scaler-foreign",),
)
def other_scaler(evidence: Evidence) -> Iterator[Hit]:
    """The outputs of the model are transformed back with the scaler of the inputs, although the target
    has its own.

    Why: Every scaler has its own mean and range. With the wrong one, the outputs have plausible units and
    wrong values.

    How: The rule follows the outputs of a model that was loaded to inverse_transform(). It reports a
    scaler that transformed the inputs, if another scaler, whose name names the target, is loaded too.

    To fix: Use the scaler that transformed the targets in training.

        price = y_scaler.inverse_transform(model.predict(x_scaler.transform(rows)))

    Sources: https://scikit-learn.org/stable/modules/compose.html
    """
    things = [thing for trace in evidence.traces for _, thing in loaded_transformers(trace)]
    targets = [thing for thing in things if is_of_target(thing)]
    inputs = {event.subject.thing for trace in evidence.traces for event in trace.of("transform", "fit")}
    for trace in evidence.traces:
        for event in trace.of("inverse"):
            thing = event.subject.thing
            is_input = thing is not None and thing in inputs and not is_of_target(thing)
            if is_input and targets and (event.data.has("pred") or event.data.has("called")):
                yield Hit(
                    site=event.site,
                    words=f"{code_of(event.node)} uses the scaler of the inputs, not {_name(targets[0])}",
                    fix=f"{written(targets[0])}.inverse_transform(outputs)",
                )


def _name(thing: Thing) -> str:
    return thing.label if thing.label not in ("", "load", "loads") else f"the one of {thing.path}"


@rule(
    "KS204",
    "half-inverse",
    "warn",
    "are outputs divided by scale_ without the offset of the scaler?",
    causes=("target-scaler-foreign",),
)
def half_inverse(evidence: Evidence) -> Iterator[Hit]:
    """Outputs are transformed back by hand with `scale_` alone, without the minimum or the mean of the
    scaler.

    Why: A MinMaxScaler computes x * scale_ + min_, a StandardScaler (x - mean_) / scale_. Without the
    offset, all outputs are shifted by the same amount.

    How: The output of a model is multiplied with or divided by a number that was made from scale_ of a
    scaler, and neither min_, data_min_ nor mean_ of it is read anywhere in the file.

    To fix: Use inverse_transform(), or add the offset.

        price = scaler.inverse_transform(outputs)

    Sources: https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.MinMaxScaler.html
    """
    if {"min_", "data_min_", "mean_", "inverse_transform"} & set(evidence.names):
        return
    for trace in evidence.traces:
        for event in trace.of("rescale"):
            yield Hit(
                site=event.site,
                words="the outputs are transformed back with scale_ and without the offset of the scaler",
                fix="scaler.inverse_transform(outputs)",
            )


RULES: tuple[Rule, ...] = (not_inverted, other_scaler, half_inverse)
