"""Standard error keeps everything but the lines that the backend logs."""

from __future__ import annotations

import os
import sys

import pytest

from keras_consistency_cli.api.quiet import silencing_backend

LOGGED = (
    "W0000 00:00:1795932271.180811   27701 util.cc:163] Not handling type DT_DOUBLE\n",
    "I0000 00:00:1795932271.707597   27597 service.cc:153] XLA service 0x55 initialized\n",
    "2026-11-29 06:04:35.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This binary\n",
)
OTHERS = ("W0000 is my own code\n", "2026-11-29 06:04:35 hello\n", "F0000 00:00:1.2 1 a.cc:1] ends\n")


def fail_while_writing() -> None:
    with silencing_backend():
        os.write(2, "".join((*LOGGED, *OTHERS)).encode())
        print("by Python", file=sys.stderr)
        raise RuntimeError("mine")


def test_only_lines_of_the_backend_are_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        fail_while_writing()
    print("after", file=sys.stderr)
    assert sorted(capfd.readouterr().err.splitlines(True)) == sorted((*OTHERS, "by Python\n", "after\n"))
