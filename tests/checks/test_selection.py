"""Words of --select and --ignore become codes, and codes become configured checks."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.selection import check_outputs, required, resolve_selection, selected
from keras_consistency_cli.config.settings import Settings
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
    "word",
    ["batch-sise", "kc702", "xyz", "", "batch"],
    ids=["mistyped name", "mistyped code", "unknown", "empty", "part of a name"],
)
@pytest.mark.parametrize("option", ["select", "ignore"])
def test_an_unknown_word_is_refused_with_a_suggestion(
    word: str, option: str, wording: SnapshotAssertion
) -> None:
    words = {"select": (), "ignore": (), option: (word,)}
    with pytest.raises(UsageError) as caught:
        resolve_selection(words["select"], words["ignore"], KNOWN)
    assert str(caught.value) == wording


def test_nothing_left_to_run_is_refused(wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_selection(("KC1",), ("KC10",), KNOWN)
    assert str(caught.value) == wording


def test_limits_for_outputs_that_do_not_exist_are_refused(wording: SnapshotAssertion) -> None:
    check_outputs(["price"], ["price", "kind"])
    check_outputs(["anything"], [])
    with pytest.raises(UsageError) as caught:
        check_outputs(["kind", "prise"], ["price", "kind"])
    assert caught.value.expected == "price, kind"
    assert str(caught.value) == wording


def settings(**options: object) -> Settings:
    return Settings.model_validate({"model": "m.keras", **options})


def test_all_checks_run_except_those_on_request() -> None:
    checks = selected(settings())
    assert checks
    assert not any(check.on_request for check in checks)
    assert [check.code for check in selected(settings(select=["KC605"]))] == ["KC605"]


def test_settings_configure_the_selected_checks() -> None:
    options = {"batch-size": {"sizes": [1, 5]}}
    (check,) = selected(settings(select=["batch-size"], checks=options))
    assert [pair.candidate for pair in check.pairs] == ["batch-5", "batch-all", "short-tail"]


def test_required_checks_must_be_selected(wording: SnapshotAssertion) -> None:
    assert required(settings()) == ()
    assert required(settings(require=["KC10"])) == ("KC101", "KC102", "KC103", "KC104")
    with pytest.raises(UsageError) as caught:
        selected(settings(select=["KC101"], require=["batch-size"]))
    assert str(caught.value) == wording


def test_quick_leaves_out_slow_checks() -> None:
    usual, quick = selected(settings()), selected(settings(quick=True))
    assert [check.code for check in quick] == [check.code for check in usual]
    for check, same in zip(quick, usual, strict=True):
        if check.is_slow:
            assert (check.pairs, check.routes) == ((), ())
        else:
            assert (check.pairs, check.routes, check.examine) == (same.pairs, same.routes, same.examine)
    assert {"KC101", "KC103", "KC201"} <= {check.code for check in quick if not check.is_slow}


@pytest.mark.parametrize(
    "words", [{"require": ["KC206"]}, {"select": ["KC206", "KC204"]}], ids=["require", "select"]
)
def test_quick_does_not_leave_out_what_is_asked_for(
    words: dict[str, list[str]], wording: SnapshotAssertion
) -> None:
    asked = settings(quick=True, **words)
    with pytest.raises(UsageError) as caught:
        selected(asked)
    assert str(caught.value) == wording


def test_checks_of_exports_run_if_there_are_exports_or_they_are_named() -> None:
    def codes(**options: object) -> set[str]:
        return {check.code for check in selected(settings(**options)) if check.code.startswith("KC9")}

    of_exports = {"KC901", "KC902", "KC903", "KC904"}
    assert codes() == set()
    assert codes(exports=["m.onnx"]) == codes(try_export=["litert"]) == codes(select=["KC90"]) == of_exports


def test_checks_of_services_run_if_there_are_services_or_they_are_named() -> None:
    def codes(**options: object) -> set[str]:
        return {check.code for check in selected(settings(**options)) if check.code.startswith("KC9")}

    of_services = {"KC911", "KC912", "KC913", "KC914"}
    assert codes(endpoints=["http://localhost/score"]) == codes(select=["KC91"]) == of_services
