"""Advice of causes on other backends."""

from __future__ import annotations

from keras_consistency_cli.diagnosis.causes.targets.backends import BACKEND_CAUSES

__all__ = ["UNTRIED"]

UNTRIED = {
    cause.slug: "it needs JAX or PyTorch: tests/corpus/test_backends.py has each fault and a healthy model"
    for cause in BACKEND_CAUSES
}
