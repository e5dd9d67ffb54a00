"""The recorder: what it keeps, what it costs in memory, and that it never disturbs the service."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from keras_consistency_cli import record
from keras_consistency_cli.loading.recording import recorder
from keras_consistency_cli.loading.recording.writing import MAX_FILES, Destination
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.measurement.recording_layout import REQUEST, REQUEST_ROWS, recorded_parts


def double(rows: np.ndarray) -> np.ndarray:
    return rows * 2


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def row(number: int, count: int = 1) -> np.ndarray:
    return np.full((count, 3), float(number))


def test_rows_outputs_raw_rows_and_borders_are_kept(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz")
    for number, count in enumerate((2, 1, 3)):
        record.raw(row(number, count) + 0.5)
        assert (model(row(number, count)) == 2 * number).all()
    model.recorder.save()
    arrays = load(tmp_path / "served.npz")
    assert arrays[REQUEST].tolist() == [0, 0, 1, 2, 2, 2]
    assert arrays[REQUEST_ROWS].tolist() == [2, 2, 1, 3, 3, 3]
    assert (arrays["raw/data"] - 0.5 == arrays["served/data"]).all()
    assert (arrays["outputs/data"] == 2 * arrays["served/data"]).all()
    assert recorded_parts(tmp_path / "served.npz") == {"raw", "served", "outputs"}
    assert model.recorder.errors == 0


def test_each_role_reads_its_own_part(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz")
    record.raw(row(7, 4))
    model(row(1, 4))
    model.recorder.save()
    parts = {what: open_rows(tmp_path / "served.npz", what=what) for what in ("data", "served rows")}
    assert parts["data"].arrays["data"][0, 0] == 7
    assert parts["served rows"].arrays["data"][0, 0] == 1
    assert not parts["data"].named
    assert open_rows(tmp_path / "served.npz", what="expected outputs").arrays["data"][0, 0] == 2


def test_the_model_may_change_its_rows_in_place(tmp_path: Path) -> None:
    def greedy(rows: np.ndarray) -> np.ndarray:
        rows *= 0
        return rows + 1

    model = record(greedy, tmp_path / "served.npz")
    model(row(5))
    model.recorder.save()
    assert (load(tmp_path / "served.npz")["served/data"] == 5).all()


def test_predict_and_other_attributes_are_those_of_the_model(tmp_path: Path) -> None:
    class Model:
        name = "mine"

        def __call__(self, rows: np.ndarray) -> np.ndarray:
            return rows

        def predict(self, rows: np.ndarray) -> np.ndarray:
            return self(rows) + 1

    model = record(Model(), tmp_path / "served.npz")
    predict: Callable[[np.ndarray], np.ndarray] = model.predict  # type: ignore[assignment]
    assert (predict(row(1)) == 2).all()
    assert model.name == "mine"
    model.recorder.save()
    assert len(load(tmp_path / "served.npz")["served/data"]) == 1


def test_several_inputs_and_outputs_keep_their_names(tmp_path: Path) -> None:
    model = record(lambda rows: {"a": rows["u"], "b": rows["v"]}, tmp_path / "served.npz")
    model({"u": row(1, 2), "v": row(2, 2)})
    model.recorder.save()
    assert {"served/u", "served/v", "outputs/a", "outputs/b"} <= set(load(tmp_path / "served.npz"))


def test_the_sample_is_bounded_and_spread(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz", rows=100)
    for number in range(3000):
        model(row(number))
    model.recorder.save()
    requests = load(tmp_path / "served.npz")[REQUEST]
    assert 75 <= len(requests) <= 100
    assert requests[:20].tolist() == list(range(20))
    assert (np.diff(requests) > 0).all()
    later = requests[requests >= 100]
    assert 0.3 < later.mean() / 3000 < 0.7, "the later requests are a random part of all of them"


def test_memory_is_bounded_for_large_rows_and_large_requests(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz", rows=50, megabytes=1)
    for number in range(40):
        model(np.full((10, 1000), float(number)))
    model(row(1, 500)[:, :3])
    model.recorder.save()
    assert (tmp_path / "served.npz").stat().st_size < 1.2 * 2**20


def test_a_request_with_too_many_rows_is_known_to_be_cut(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz", rows=10)
    model(row(1, 25))
    model.recorder.save()
    served = open_rows(tmp_path / "served.npz", what="served rows")
    assert served.length == 10
    assert served.requests is not None
    assert served.requests.tolist() == [-1] * 10


@pytest.mark.parametrize("values", ["text", object(), {"a": row(1), "b": row(1, 2)}, np.array(3.0), None])
def test_what_cannot_be_recorded_does_not_disturb_the_service(tmp_path: Path, values: object) -> None:
    model = record(lambda rows: rows, tmp_path / "served.npz")
    record.raw(values)
    assert model(values) is values
    model.recorder.save()
    assert model.recorder.errors > 0
    assert not (tmp_path / "served.npz").exists()


def test_errors_of_the_model_pass(tmp_path: Path) -> None:
    model = record(lambda rows: rows @ np.ones(99), tmp_path / "served.npz")
    with pytest.raises(ValueError, match="matmul"):
        model(row(1))
    assert model.recorder.errors == 0


def test_a_folder_that_cannot_be_written_does_not_disturb_the_service(tmp_path: Path) -> None:
    model = record(double, tmp_path / "missing" / "served.npz")
    assert (model(row(1)) == 2).all()
    model.recorder.save()
    assert model.recorder.errors == 1


def test_requests_with_other_shapes_are_left_out(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz")
    for length in (3, 3, 5, 3):
        model(np.ones((1, length)))
    model.recorder.save()
    assert load(tmp_path / "served.npz")["served/data"].shape == (3, 3)


def test_threads_keep_their_raw_rows(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz", rows=2000)

    def request(number: int) -> None:
        record.raw(row(number) + 0.5)
        model(row(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(request, range(500)))
    model.recorder.save()
    arrays = load(tmp_path / "served.npz")
    assert len(arrays["raw/data"]) == 500
    assert (arrays["raw/data"] - 0.5 == arrays["served/data"]).all()


def test_tasks_keep_their_raw_rows(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz")
    record.raw(row(99))  # of a warm-up that never called the model

    async def request(number: int) -> None:
        record.raw(row(number) + 0.5)
        await asyncio.sleep(0.001 * (number % 3))
        await asyncio.to_thread(model, row(number))

    async def serve() -> None:
        await asyncio.gather(*(request(number) for number in range(30)))

    asyncio.run(serve())
    model.recorder.save()
    arrays = load(tmp_path / "served.npz")
    assert len(arrays["raw/data"]) == 30
    assert (arrays["raw/data"] - 0.5 == arrays["served/data"]).all()


def test_rows_of_several_calls_of_raw_belong_to_one_batch(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz")
    for number in range(4):
        record.raw(np.full(3, float(number))[None])
    model(np.concatenate([row(number) for number in range(1, 4)]))
    model.recorder.save()
    assert load(tmp_path / "served.npz")["raw/data"][:, 0].tolist() == [1, 2, 3]


_FORKED = """
import os, sys, numpy as np
from keras_consistency_cli import record
model = record(lambda rows: rows, "served.npz")
model(np.full((1, 2), 1.0))
model.recorder.save()
for number in (2, 3):
    child = os.fork()
    if not child:
        model(np.full((number, 2), float(number)))
        model.recorder.save()
        os._exit(model.recorder.errors)
    assert os.waitpid(child, 0)[1] == 0
model(np.full((1, 2), 4.0))
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_processes_have_files_of_their_own(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _FORKED], cwd=tmp_path, check=True, timeout=60)
    assert load(tmp_path / "served.npz")["served/data"][:, 0].tolist() == [1, 4], "written at exit"
    # The second child takes the place of the first, which has ended.
    assert load(tmp_path / "served-1.npz")["served/data"][:, 0].tolist() == [3, 3, 3]
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["served-1.npz", "served.npz"]


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    places = [Destination(tmp_path / "served.npz").path for _ in range(MAX_FILES + 1)]
    assert None not in places[:MAX_FILES]
    assert places[-1] is None


def test_a_reader_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz", rows=500)
    model(row(0))
    model.recorder.save()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [(model(row(n)), model.recorder.save()) for n in range(60)])
        while not writing.done():
            assert open_rows(tmp_path / "served.npz", what="served rows").length >= 1


_GONE = """
import numpy as np
from keras_consistency_cli import record

def main():
    model = record(lambda rows: rows, "served.npz")
    model(np.full((1, 2), 7.0))

main()
"""


def test_rows_of_a_model_that_is_gone_are_written_at_exit(tmp_path: Path) -> None:
    """In a script, the model is often a local variable of `main`."""
    subprocess.run([sys.executable, "-c", _GONE], cwd=tmp_path, check=True, timeout=60)
    assert (load(tmp_path / "served.npz")["served/data"] == 7).all()


def test_two_threads_do_not_write_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes now and then may be at it when the process ends, and both use one file."""
    model = record(double, tmp_path / "served.npz")
    at_once, most = [0], [0]

    def write(_path: Path, _requests: object) -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        at_once[0] -= 1

    def request_and_save(number: int) -> None:
        model(row(number))
        model.recorder.save()

    monkeypatch.setattr(recorder, "write_requests", write)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(request_and_save, range(4)))
    assert most == [1]


def test_random_numbers_of_the_service_stay_the_same(tmp_path: Path) -> None:
    model = record(double, tmp_path / "served.npz")
    random.seed(0)
    expected = random.random()
    random.seed(0)
    model(row(1))
    assert random.random() == expected


@pytest.mark.parametrize(
    ("rows", "reason"), [(np.ones((9, 20_000)), "megabytes=1"), (np.ones((3, 2)), "1 outputs for 3 rows")]
)
def test_the_log_says_why_requests_are_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: np.ndarray, reason: str
) -> None:
    model = record(lambda x: x if len(x) == 9 else x[:1], tmp_path / "served.npz", megabytes=1)
    model(rows)
    model.recorder.save()
    assert not (tmp_path / "served.npz").exists()
    assert [reason in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"megabytes": 0}, {"every": 0}])
def test_wrong_settings_are_refused_at_once(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        record(double, tmp_path / "served.npz", **wrong)
