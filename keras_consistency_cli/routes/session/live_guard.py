"""Keeping a live model, and the world around it, as they were found: what routes do to both is undone when they are through."""

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

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.routes.session.snapshot import Snapshot, reset_states

__all__ = ["restoring_global_state", "restoring_model"]

_LOGGERS = ("tensorflow", "absl", "jax")


@contextmanager
def restoring_model(model: Any) -> Iterator[None]:
    """Put the model back on leaving: variables, states, seeds, flags, compiled functions, lists kept on layers; inside, states are fresh ones.

    Args:
        model: a built Keras model.
    """
    values = Snapshot(model)
    attributes = [_kept(layer) for layer in (model, *(layer for _, layer in walk_layers(model)))]
    trainable = [(variable, variable.trainable) for variable in model.variables]
    # A file holds no states, so that what is compared with a loaded copy has to begin where that one does.
    reset_states(model)
    try:
        yield
    finally:
        for put_back in attributes:
            put_back()
        values.restore()
        for variable, before in trainable:
            if variable.trainable != before:
                variable.trainable = before


def _kept(layer: Any) -> Callable[[], None]:
    """Return what puts an object's attributes back, and what is in its own lists, dicts and sets."""
    namespace = vars(layer)
    before = dict(namespace)
    contents = [_contents(value) for value in before.values()]

    def put_back() -> None:
        # Past __setattr__, which would track a layer or variable a second time.
        for name in namespace.keys() - before.keys():
            del namespace[name]
        namespace.update(before)
        for refill in contents:
            refill()

    return put_back


def _contents(value: Any) -> Callable[[], None]:
    """Return what fills a container as it is now; containers that Keras tracks are filled past their own methods, which would track anew."""
    # TensorFlow wraps what is kept on its own objects: a proxy around a dict, a list that keeps its items elsewhere.
    value = (
        getattr(value, "__wrapped__", getattr(value, "_storage", value))
        if isinstance(value, (list, dict))
        else value
    )
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
    """Put the user's random numbers, Keras's settings and what it remembers back on leaving; meanwhile neither warnings nor backends speak up."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        for put_back in (*_random_numbers(), *_keras_settings()):
            stack.callback(put_back)
        yield


def _random_numbers() -> Iterator[Callable[[], None]]:
    python, legacy = random.getstate(), np.random.get_state()
    yield lambda: random.setstate(python)
    yield lambda: np.random.set_state(legacy)
    # TensorFlow draws the seeds of operations without one from here once a global seed is set.
    context = sys.modules.get("tensorflow.python.eager.context")
    drawing = getattr(context.context(), "_rng", None) if context is not None else None
    if drawing is not None:
        drawn = drawing.getstate()
        yield lambda: drawing.setstate(drawn)


def _keras_settings() -> Iterator[Callable[[], None]]:
    floatx = keras.config.floatx()
    yield lambda: keras.config.set_floatx(floatx)
    # Names given so far, the dtype policy, scopes of custom objects, the global seed generator: by thread.
    tracker = keras.src.backend.common.global_state.GLOBAL_STATE_TRACKER
    yield _kept(tracker)
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    if generator is not None:
        state = np.array(keras.ops.convert_to_numpy(generator.state))
        yield lambda: generator.state.assign(state)
