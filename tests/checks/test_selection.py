"""selection: words of --select and --ignore become codes."""

from __future__ import annotations

import pytest

from keras_consistency_cli.checks.selection import check_outputs, resolve_selection
from keras_consistency_cli.errors import UsageError

KNOWN = (
    ("KC101", "batch-vs-single"),
    ("KC102", "batch-size"),
    ("KC201", "predict-vs-call"),
    ("KC701", "finite"),
)


@pytest.mark.parametrize(
    ("select", "ignore", "chosen"),
    [
        ((), (), ("KC101", "KC102", "KC201", "KC701")),
        (("KC1",), (), ("KC101", "KC102")),
        (("finite", "kc101"), (), ("KC101", "KC701")),
        (("KC101", "KC101", "batch-vs-single"), (), ("KC101",)),
        ((), ("KC1", "finite"), ("KC201",)),
        (("KC",), ("Batch-Size",), ("KC101", "KC201", "KC701")),
    ],
)
def test_codes_beginnings_and_names(
    select: tuple[str, ...], ignore: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    assert resolve_selection(select, ignore, KNOWN) == chosen


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("batch-sise", " (did you mean 'batch-size'?)"),
        ("kc702", " (did you mean 'KC701'?)"),
        ("xyz", ""),
        ("", ""),
        ("batch", ""),
    ],
)
@pytest.mark.parametrize("option", ["select", "ignore"])
def test_an_unknown_word_is_refused_with_a_suggestion(word: str, hint: str, option: str) -> None:
    words = {"select": (), "ignore": (), option: (word,)}
    with pytest.raises(UsageError) as caught:
        resolve_selection(words["select"], words["ignore"], KNOWN)
    assert str(caught.value).splitlines()[0].startswith(f"no check is called '{word}'{hint}")


def test_nothing_left_to_run_is_refused() -> None:
    with pytest.raises(UsageError, match="no check is left to run"):
        resolve_selection(("KC1",), ("KC10",), KNOWN)


def test_limits_for_outputs_that_do_not_exist_are_refused() -> None:
    check_outputs(["price"], ["price", "kind"])
    check_outputs(["anything"], [])
    with pytest.raises(
        UsageError, match=r"output 'prise', which the model does not have \(did you mean 'price'\?\)"
    ):
        check_outputs(["kind", "prise"], ["price", "kind"])
