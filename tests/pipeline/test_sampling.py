"""sampling: which rows are checked, and how they are split."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.row_chunks import split_into_chunks
from keras_consistency_cli.measurement.data_facts import DataFacts, RowsFact
from keras_consistency_cli.measurement.facts import Facts, InputFact, OutputFact
from keras_consistency_cli.pipeline.sampling import (
    affordable_rows,
    all_rows,
    choose_rows,
    chunk_rows,
    rows_to_search,
    split_sample,
    with_bad_rows,
)


def facts(
    width: int = 6, outputs: int = 2, parameters: int = 100, batch_size: int | None = None, work: int = 0
) -> Facts:
    return Facts(
        name="m",
        kind="Functional",
        parameters=parameters,
        work=work,
        layers=(),
        inputs=(InputFact(name="x", shape=(None, width), dtype="float32"),),
        outputs=(OutputFact(name="y", shape=(None, outputs)),),
        batch_size=batch_size,
    )


def rows(bad: int, *first: int) -> RowsFact:
    return RowsFact(input="x", rows=100, shape=(2,), columns=(), bad_rows=bad, first_bad=first)


def test_rows_are_spread_seeded_and_one_from_each_section() -> None:
    rows = choose_rows(1000, 10, seed=3)
    np.testing.assert_array_equal(rows // 100, np.arange(10))
    np.testing.assert_array_equal(rows, choose_rows(1000, 10, seed=3))
    assert rows.tolist() != choose_rows(1000, 10, seed=4).tolist()
    assert rows.tolist() != list(range(0, 1000, 100))


@pytest.mark.parametrize("length", [1, 2, 7, 100, 257])
@pytest.mark.parametrize("wanted", [1, 2, 3, 99, 256, 1000])
def test_chosen_rows_are_sorted_unique_and_exist(length: int, wanted: int) -> None:
    rows = choose_rows(length, wanted, seed=0)
    assert len(rows) == min(length, wanted)
    assert (np.diff(rows) > 0).all()
    assert 0 <= rows[0] <= rows[-1] < length


def test_all_rows_and_fixed_batches(wording: SnapshotAssertion) -> None:
    assert all_rows(5) == range(5)
    assert all_rows(11, multiple_of=4) == range(8)
    assert choose_rows(5, 9, seed=0).tolist() == [0, 1, 2, 3, 4]
    assert len(choose_rows(100, 11, seed=0, multiple_of=4)) == 8
    assert len(choose_rows(100, 1, seed=0, multiple_of=4)) == 4
    with pytest.raises(DataError) as too_few:
        all_rows(3, multiple_of=4)
    with pytest.raises(UsageError) as none_wanted:
        choose_rows(3, 0, seed=0)
    assert [str(too_few.value), str(none_wanted.value)] == wording


@pytest.mark.parametrize(
    ("first", "chosen"),
    [
        ((), [10, 20, 30]),
        ((20,), [10, 20, 30]),
        ((22,), [10, 22, 30]),
        ((98, 99, 100), [10, 98, 99]),
        ((1, 10), [1, 10, 30]),
    ],
)
def test_rows_with_nan_are_among_the_checked_rows(first: tuple[int, ...], chosen: list[int]) -> None:
    numbers = np.array([10, 20, 30])
    assert with_bad_rows(numbers, DataFacts(fed=(rows(len(first), *first),))).tolist() == chosen
    generated = DataFacts(fed=(rows(len(first), *first),), generated=True)
    assert with_bad_rows(numbers, generated).tolist() == numbers.tolist()


@pytest.mark.parametrize(("parameters", "rows"), [(100, 256), (30_000_000, 32), (1_000_000_000, 16)])
def test_a_heavy_model_is_checked_on_fewer_rows(parameters: int, rows: int) -> None:
    assert affordable_rows(facts(parameters=parameters), None) == rows


@pytest.mark.parametrize("numbers", [np.arange(1000), range(1000), np.arange(0, 5000, 5)])
def test_every_row_is_in_the_sample_or_in_the_rest(numbers: np.ndarray | range) -> None:
    sample, rest = split_sample(numbers, facts(), 32)
    assert (len(sample), sample[0], sample[-1]) == (256, numbers[0], numbers[-1])
    chunks = list(split_into_chunks(rest, 100))
    assert [len(chunk) for chunk in chunks] == [100] * 7 + [44]
    after = np.concatenate(chunks)
    assert (np.diff(after) > 0).all()
    assert np.sort(np.concatenate([sample, after])).tolist() == list(numbers)


def test_the_numbers_of_all_rows_are_not_kept() -> None:
    sample, rest = split_sample(range(10**15), facts(), 32)
    assert (len(sample), sample[-1], len(rest)) == (256, 10**15 - 1, 10**15 - 256)
    assert next(split_into_chunks(rest, 4)).tolist() == [1, 2, 3, 4]
    assert rest[len(rest) - 2 :].tolist() == [10**15 - 3, 10**15 - 2]
    assert with_bad_rows(range(10**15), DataFacts(fed=(rows(1, 5),))) == range(10**15)


@pytest.mark.parametrize(
    ("work", "batch_size", "rows"),
    [
        (0, None, 256),
        (10**6, None, 256),
        (10**7, None, 96),
        (10**8, None, 10),
        (10**10, None, 8),
        (10**10, 16, 16),
    ],
)
def test_the_sample_of_a_heavy_model_is_smaller(work: int, batch_size: int | None, rows: int) -> None:
    sample, rest = split_sample(np.arange(320), facts(work=work, batch_size=batch_size), 32)
    assert (len(sample), len(rest)) == (rows, 320 - rows)


def test_few_rows_are_all_in_the_sample() -> None:
    sample, rest = split_sample(np.arange(100), facts(), 32)
    assert (len(sample), len(rest)) == (100, 0)


def test_large_outputs_make_a_smaller_sample_of_whole_batches() -> None:
    sample, _ = split_sample(np.arange(1000), facts(outputs=60_000), 32)
    assert len(sample) == 64
    sample, _ = split_sample(np.arange(1000), facts(outputs=60_000, batch_size=10), 32)
    assert len(sample) == 60


def test_chunks_are_whole_batches() -> None:
    assert chunk_rows(None, 100) == 8100


def test_a_quick_run_uses_fewer_rows_of_a_heavy_model() -> None:
    light, heavy = facts(work=1000), facts(work=10**8)
    assert [affordable_rows(each, None, quick=True) for each in (light, heavy)] == [256, 8]
    assert [affordable_rows(each, None) for each in (light, heavy)] == [256, 32]


@pytest.mark.parametrize("numbers", [np.arange(1000), range(1000), np.arange(0, 5000, 5)])
def test_the_batch_of_a_row_is_the_one_in_which_predict_runs_it(numbers: np.ndarray | range) -> None:
    _, rest = split_sample(numbers, facts(), 32)
    for chunk in split_into_chunks(rest, 100):
        for first in range(0, len(chunk), 32):
            batch = chunk[first : first + 32]
            for row in (batch[0], batch[-1]):
                assert np.array_equal(rest.batch_of(row, batch=32, chunk=100), batch)


def test_a_fault_is_searched_for_in_the_sample_if_that_shows_it() -> None:
    sample, rest = split_sample(np.arange(1000), facts(), 32)
    for differing in ([], [int(sample[7])], [500, int(sample[7])]):
        assert rows_to_search(sample, rest, differing, batch=32, chunk=100) is sample


def test_a_fault_is_searched_for_in_the_batch_of_a_row_after_the_sample() -> None:
    sample, rest = split_sample(np.arange(1000), facts(), 32)
    worst, other = rest[500:501].item(), rest[10:11].item()
    searched = rows_to_search(sample, rest, [worst, other], batch=32, chunk=100).tolist()
    batch = rest.batch_of(worst, batch=32, chunk=100).tolist()
    assert searched[:33] == [*batch, other]
    assert len(searched) == len(set(searched)) == len(sample)
    assert set(searched[33:]) <= set(sample.tolist())


@pytest.mark.parametrize("numbers", [np.arange(0, 5000, 5), range(1000), np.arange(40)])
def test_rows_that_are_not_there_are_not_searched(numbers: np.ndarray | range) -> None:
    sample, rest = split_sample(numbers, facts(), 32)
    for differing in ([10**6], [10**6, int(sample[3])], [-1]):
        assert rows_to_search(sample, rest, differing, batch=32, chunk=100) is sample
    inside = [row for row in numbers if row not in set(sample.tolist())]
    assert all(row in rest for row in inside)
    assert not any(row in rest for row in sample.tolist())
    if inside:
        assert 10**6 not in rows_to_search(sample, rest, [10**6, inside[5]], batch=32, chunk=100)


def test_the_batch_is_whole_if_the_sample_is_smaller() -> None:
    sample, rest = split_sample(np.arange(320), facts(work=10**10), 32)
    searched = rows_to_search(sample, rest, [rest[40:41].item()], batch=32, chunk=64)
    assert searched.tolist() == rest[32:64].tolist()
