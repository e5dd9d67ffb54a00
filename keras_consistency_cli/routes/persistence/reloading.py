"""Routes of saving and loading.

The model is saved and loaded again, and its file is loaded a second time.

Each compares with the live model in the same process, on one batch in the same way of calling: the same
weights and kernels give the same bits. Differences are searched for only if outputs differ, except for those
that outputs cannot show: state and arguments that a file does not contain.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, unless_fresh_process_suffices
from keras_consistency_cli.routes.locating.layers import LocatedLayer, locate_divergence_of_copies
from keras_consistency_cli.routes.persistence.unsaved import unsaved_layers
from keras_consistency_cli.routes.session.distances import same_outputs
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.resaving import ConfigDifference, ForgottenArgument
    from keras_consistency_cli.loading.model.unsaved_weights import UnsavedLayer
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["RELOADING_ROUTES", "ReloadDetails"]

_MAX_PARAMETERS = 250_000_000
"""A gigabyte in float32: a second copy of a larger model costs too much disk and memory."""


class ReloadDetails(TypedDict, total=False):
    """Details of the routes `reloaded` and `loaded-again`.

    `unsaved` layers, `forgotten` arguments and `untracked` variables are not in a file. `weights`,
    `attributes`, `config` and `parting` (the first layer with different outputs) are differences of a copy.
    `repeatable` says whether a second copy has the outputs of the first one, `failure` is the error of saving
    or loading.
    """

    unsaved: list[UnsavedLayer]
    forgotten: list[ForgottenArgument]
    untracked: list[str]
    weights: list[str]
    attributes: list[str]
    config: list[ConfigDifference]
    parting: LocatedLayer
    repeatable: bool
    failure: str


def _reloaded(session: Session, rows: Rows) -> Result:
    """Save and load the model.

    If outputs differ, load a second time to distinguish chance from loss.
    """
    from keras_consistency_cli.loading.model.resaving import find_forgotten_arguments, save_and_load

    batch, positions = session.one_batch(rows)
    live = _run(session, batch)
    details: ReloadDetails = {
        "unsaved": unsaved_layers(session, batch, live),
        "forgotten": find_forgotten_arguments(session.model),
        "untracked": _untracked_variables(session, batch, live),
    }
    session.restore()
    copies = save_and_load(session.model, **session.loading, times=2)
    outputs: Outputs = {}
    try:
        copy = session.on_copy(next(copies))
        outputs = _run(copy, batch)
        if not same_outputs(live, outputs):
            details = {**details, **_differences(session, copy, batch)}
            second_outputs = _run(session.on_copy(next(copies)), batch)
            details["repeatable"] = same_outputs(outputs, second_outputs)
    except Exception as problem:
        details["failure"] = f"{type(problem).__name__}: {clean(problem)}"
    finally:
        copies.close()
    return Result(outputs=outputs, baseline=live, rows=positions, details=details)


def _loaded_again(session: Session, rows: Rows) -> Result:
    """Load the user's file a second time, without its compile settings."""
    from keras_consistency_cli.loading.model.resaving import load_again

    batch, positions = session.one_batch(rows)
    live = _run(session, batch)
    model = load_again(Path(session.subject.files.model), compiled=False, **session.loading)
    copy = session.on_copy(model)
    outputs = _run(copy, batch)
    details: ReloadDetails = {} if same_outputs(live, outputs) else _differences(session, copy, batch)
    return Result(outputs=outputs, baseline=live, rows=positions, details=details)


def _run(session: Session, batch: Rows) -> Outputs:
    session.restore()
    return session.single_call(batch)


def _differences(session: Session, copy: Session, batch: Rows) -> ReloadDetails:
    """Return the differences of a copy.

    Weights, attributes, config, and the first layer with different outputs.
    """
    from keras_consistency_cli.loading.model.resaving import find_config_differences, find_weight_differences

    session.restore()
    copy.restore()
    weights = find_weight_differences(session.model, copy.model)
    changes = session.snapshot.against(copy.snapshot)
    attributes = [change.path for change in changes if change.kind != "seed" and change.path not in weights]
    return {
        "weights": weights,
        "attributes": attributes,
        "config": find_config_differences(session.model, copy.model),
        "parting": locate_divergence_of_copies(copy, session, batch),
    }


def _untracked_variables(session: Session, batch: Rows, live: Outputs) -> list[str]:
    """Return variables that outputs depend on and that Keras does not save.

    It does not track them.
    """
    return [
        path
        for path, variable in session.snapshot.untracked()
        if not same_outputs(live, _outputs_with_changed_value(session, variable, batch))
    ]


def _outputs_with_changed_value(session: Session, variable: Any, batch: Rows) -> Outputs:
    session.restore()
    variable.assign(variable * 1.5 + 1.0)
    try:
        return session.single_call(batch)
    finally:
        session.restore()


def _too_large(facts: Facts) -> str | None:
    if facts.parameters <= _MAX_PARAMETERS:
        return None
    return f"{facts.parameters} parameters are too many to load them a second time"


RELOADING_ROUTES: tuple[Route, ...] = (
    Route(
        name="reloaded",
        summary="saved and loaded again",
        run=_reloaded,
        unavailable=_too_large,
        placement="fresh",
        moves=True,
        interprets_again=True,
    ),
    Route(
        name="loaded-again",
        summary="the file loaded a second time, with compile=False",
        run=_loaded_again,
        unavailable=lambda facts: _too_large(facts) or unless_fresh_process_suffices(facts),
        placement="fresh",
        moves=True,
        interprets_again=True,
    ),
)
