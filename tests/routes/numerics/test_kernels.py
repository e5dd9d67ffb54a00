"""Routes of CPU kernels: they predict as the main worker does, and one thread is one thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.numerics.kernels import KERNEL_ROUTES
from tests.helpers.live_models import HEALTHY, named_rows, session_of

ROOT = Path(__file__).resolve().parents[3]
COUNTING = """
import sys
import tensorflow as tf
from keras_consistency_cli.routes.numerics.kernels import limit_threads
limit_threads(int(sys.argv[1]))
tf.linalg.matmul(tf.ones((600, 600)), tf.ones((600, 600)))
threading = tf.config.threading
print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
try:
    limit_threads(2)
except RuntimeError:
    print(True)
"""


@pytest.mark.parametrize("name", ["mlp", "lstm"])
@pytest.mark.parametrize("route", KERNEL_ROUTES, ids=lambda route: route.name)
def test_outputs_are_those_of_predict(name: str, route: Route, tmp_path: Path) -> None:
    built = HEALTHY[name]()
    session = session_of(built)
    named = named_rows(built[1], session.facts)
    outputs = route.run(session, named).outputs
    for output, values in session.predict(named).items():
        assert np.array_equal(outputs[output], values)


def test_each_route_has_a_worker_of_its_own() -> None:
    assert [(route.name, route.placement) for route in KERNEL_ROUTES] == [
        ("without-onednn", "kernels"),
        ("one-thread", "thread"),
    ]


def test_threads_are_limited_before_anything_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, "1"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1", "True"]
