"""Guards of a live model and of global state.

Everything that routes change in them is restored at the end.
"""

from __future__ import annotations

import logging
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.routes.session.snapshot import Snapshot
from keras_consistency_cli.routes.session.state_reset import reset_states

__all__ = ["restoring_global_state", "restoring_model"]

_LOGGERS = ("tensorflow", "absl", "jax")

Restore = Callable[[], None]
"""Restores the state of the moment in which it was made."""


@contextmanager
def restoring_model(model: Any) -> Iterator[None]:
    """Restore the model on leaving; inside, its states are reset.

    Variables, states, seeds, flags, compiled functions and lists kept on layers are restored.

    Args:
        model: a built Keras model.
    """
    snapshot = Snapshot(model)
    restores = [_attribute_restore(layer) for layer in (model, *(layer for _, layer in walk_layers(model)))]
    trainable = [(variable, variable.trainable) for variable in model.variables]
    # A file holds no states: a comparison with a loaded copy has to start from fresh states.
    reset_states(model)
    try:
        yield
    finally:
        for restore in restores:
            restore()
        snapshot.restore()
        for variable, before in trainable:
            if variable.trainable != before:
                variable.trainable = before


def _attribute_restore(instance: Any) -> Restore:
    """Return a function that restores an object's attributes and the items of its containers."""
    namespace = vars(instance)
    before = dict(namespace)
    item_restores = [_item_restore(value) for value in before.values()]

    def restore() -> None:
        # Without __setattr__, which would track a layer or variable a second time.
        for name in namespace.keys() - before.keys():
            del namespace[name]
        namespace.update(before)
        for restore_items in item_restores:
            restore_items()

    return restore


def _item_restore(value: Any) -> Restore:
    """Return a function that restores the items of a container.

    The own methods of a container that Keras tracks are bypassed, because they would track its items again.
    """
    # TensorFlow wraps containers: a proxy around a dict, a list that keeps its items elsewhere.
    if isinstance(value, (list, dict)):
        value = getattr(value, "__wrapped__", getattr(value, "_storage", value))
    if isinstance(value, list):
        items = list(value)
        return lambda: list.__setitem__(value, slice(None), items)
    if isinstance(value, dict):
        pairs = dict(value)
        return lambda: (dict.clear(value), dict.update(value, pairs))[0]
    if isinstance(value, set):
        members = set(value)
        return lambda: (set.clear(value), set.update(value, members))[0]
    return lambda: None


@contextmanager
def restoring_global_state() -> Iterator[None]:
    """Restore the user's random numbers and the global state of Keras on leaving.

    Inside, warnings and the log messages of backends are suppressed.
    """
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        for restore in (*_random_number_restores(), *_keras_restores()):
            stack.callback(restore)
        yield


def _random_number_restores() -> Iterator[Restore]:
    python, legacy = random.getstate(), np.random.get_state()
    yield lambda: random.setstate(python)
    yield lambda: np.random.set_state(legacy)
    # Once a global seed is set, TensorFlow draws the seeds of operations without one from this generator.
    context = sys.modules.get("tensorflow.python.eager.context")
    generator = getattr(context.context(), "_rng", None) if context is not None else None
    if generator is not None:
        state = generator.getstate()
        yield lambda: generator.setstate(state)


def _keras_restores() -> Iterator[Restore]:
    floatx = keras.config.floatx()
    yield lambda: keras.config.set_floatx(floatx)
    # Names in use, the dtype policy, scopes of custom objects and the seed generator are kept per thread.
    tracker = keras.src.backend.common.global_state.GLOBAL_STATE_TRACKER
    yield _attribute_restore(tracker)
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    if generator is not None:
        state = np.array(keras.ops.convert_to_numpy(generator.state))
        yield lambda: generator.state.assign(state)
