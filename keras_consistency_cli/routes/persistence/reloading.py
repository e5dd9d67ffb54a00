"""Routes of saving and loading: the model saved and loaded again, and its file loaded a second time.

Each compares with the model at hand in the same process, on one batch through the compiled step: the same weights and kernels give the same bits.
What is not the same is looked for only where answers differ, but for what no answer can show: state and arguments that a file does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import parting
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.session.distances import same_answers
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["RELOADING_ROUTES"]

_MOST_PARAMETERS = 250_000_000
"""A gigabyte in float32: above that a second copy on disk and in memory costs more than it tells."""


def _reloaded(session: Session, rows: Rows) -> Result:
    """Save and load; where answers differ, load a second time to tell chance from loss, and say what is not the same."""
    from keras_consistency_cli.loading.model.resaving import find_forgotten_arguments, save_and_load

    batch = first(rows, session.batch_size)
    live = session.fresh_step(batch)
    details: dict[str, Any] = {
        "forgotten": find_forgotten_arguments(session.model),
        "untracked": _untracked(session, batch, live),
    }
    session.restore()
    copies = save_and_load(session.model, **session.loading, times=2)
    outputs: Outputs = {}
    try:
        copy = session.on_copy(next(copies))
        outputs = copy.fresh_step(batch)
        if not same_answers(live, outputs):
            details |= _differences(session, copy, batch)
            details["repeatable"] = same_answers(outputs, session.on_copy(next(copies)).fresh_step(batch))
    except Exception as problem:
        details["failure"] = f"{type(problem).__name__}: {clean(problem)}"
    finally:
        copies.close()
    return Result(outputs=outputs, baseline=live, rows=np.arange(count(batch)), details=details)


def _loaded_again(session: Session, rows: Rows) -> Result:
    """Load the user's file a second time, without its compile settings."""
    from keras_consistency_cli.loading.model.resaving import load_again

    batch = first(rows, session.batch_size)
    live = session.fresh_step(batch)
    other = session.on_copy(load_again(Path(session.subject.files.model), compiled=False, **session.loading))
    outputs = other.fresh_step(batch)
    details = {} if same_answers(live, outputs) else _differences(session, other, batch)
    return Result(outputs=outputs, baseline=live, rows=np.arange(count(batch)), details=details)


def _differences(session: Session, copy: Any, batch: Rows) -> dict[str, Any]:
    """What is not the same in a copy: weights, attributes, entries of the config, and the first layer that answers differently."""
    from keras_consistency_cli.loading.model.resaving import find_config_differences, find_weight_differences

    session.restore()
    copy.restore()
    weights = find_weight_differences(session.model, copy.model)
    held = [
        change.path
        for change in session.snapshot.against(copy.snapshot)
        if change.kind != "seed" and change.path not in weights
    ]
    config = find_config_differences(session.model, copy.model)
    return {
        "weights": weights,
        "attributes": held,
        "config": config,
        "parting": parting(copy, session, batch),
    }


def _untracked(session: Session, batch: Rows, live: Outputs) -> list[str]:
    """Variables that answers depend on and that Keras does not save, for it does not know them."""
    return [
        path
        for path, variable in session.snapshot.untracked()
        if not same_answers(live, _with_another_value(session, variable, batch))
    ]


def _with_another_value(session: Session, variable: Any, batch: Rows) -> Outputs:
    session.restore()
    variable.assign(variable * 1.5 + 1.0)
    try:
        outputs: Outputs = session.step(batch)
        return outputs
    finally:
        session.restore()


def _too_large(facts: Facts) -> str | None:
    return (
        f"{facts.parameters} parameters are too many to be loaded once more"
        if facts.parameters > _MOST_PARAMETERS
        else None
    )


def _routes() -> Iterator[Route]:
    for name, summary, run in (
        ("reloaded", "saved and loaded again", _reloaded),
        ("loaded-again", "the file loaded a second time, with compile=False", _loaded_again),
    ):
        yield Route(name=name, summary=summary, run=run, unavailable=_too_large, placement="fresh")


RELOADING_ROUTES: tuple[Route, ...] = tuple(_routes())
