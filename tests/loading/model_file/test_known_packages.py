"""find_package: only listed classes of known packages, under their own registered names."""

from __future__ import annotations

import json
import pathlib

import pytest

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file import archive
from keras_consistency_cli.loading.model_file.archive import read_archive
from keras_consistency_cli.loading.model_file.class_reference import classify
from keras_consistency_cli.loading.model_file.classes import inspect_config
from keras_consistency_cli.loading.model_file.known_classes import read_known_names
from keras_consistency_cli.loading.model_file.known_packages import (
    DISTRIBUTIONS,
    find_package,
    missing_packages,
)
from keras_consistency_cli.loading.model_file.summary import summarise
from tests.helpers import crafted_archives as crafted

BERT = "keras_hub.src.models.bert.bert_backbone"
CROSS = "keras_rs.src.layers.feature_interaction.feature_cross"
TOKENS = "keras_hub.src.tokenizers.byte_pair_tokenizer"


@pytest.mark.parametrize(
    ("name", "module", "registered", "package"),
    [
        ("BertBackbone", BERT, "keras_hub>BertBackbone", "keras_hub"),
        ("BertBackbone", BERT, None, "keras_hub"),
        ("BertBackbone", BERT.replace("hub", "nlp"), "keras_nlp>BertBackbone", "keras_hub"),
        ("FeatureCross", CROSS, "keras_rs>FeatureCross", "keras_rs"),
        ("BertBackbone", BERT, "mine>BertBackbone", None),
        ("BertBackbone", BERT, "keras_hub>upload_preset", None),
        ("BertBackbone", BERT.replace("hub", "nlp"), None, None),
        ("BertBackbone", "keras_hub.src.models.gpt2.gpt2_backbone", "keras_hub>BertBackbone", None),
        ("PresetLoader", "keras_hub.src.utils.preset_utils", None, None),
        ("BertBackbone", "mine", "keras_hub>BertBackbone", None),
        ("BertBackbone", None, "keras_hub>BertBackbone", None),
    ],
)
def test_a_class_is_of_a_package_by_its_module_and_its_registered_name(
    name: str, module: str | None, registered: str | None, package: str | None
) -> None:
    assert find_package(name, module, registered, is_function=False) == package


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("keras_hub>gelu_approximate", "package"),
        ("keras_nlp>gelu_approximate", "package"),
        ("keras_hub>upload_preset", "custom"),
        ("keras_hub>decode_imagenet_predictions", "custom"),
        ("gelu_approximate", "custom"),
    ],
)
def test_functions_that_read_files_or_the_network_are_not_of_the_package(name: str, owner: str) -> None:
    function = {
        "class_name": "function",
        "module": "builtins",
        "config": name,
        "registered_name": "function",
    }
    assert classify(function, (), read_known_names()).owner == owner


@pytest.mark.parametrize("key", ["vocabulary", "merges", "proto"])
def test_a_text_layer_that_reads_another_file_is_unsafe(key: str) -> None:
    tokens = crafted.layer(
        "BytePairTokenizer", TOKENS, registered="keras_hub>BytePairTokenizer", **{key: "words.txt"}
    )
    found = inspect_config(crafted.config_with(tokens), read_known_names())
    assert (len(found.unsafe), found.packages) == (1, ("keras_hub",))


def test_a_package_that_only_training_needs_is_not_imported() -> None:
    metric = crafted.layer("NDCG", "keras_rs.src.metrics.ndcg", registered="keras_rs>NDCG")
    found = inspect_config(crafted.config_with(compile_config={"metrics": [metric]}), read_known_names())
    assert (found.packages, len(found.custom_compile), found.custom) == ((), 1, ())


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cross = crafted.layer("FeatureCross", CROSS, registered="keras_rs>FeatureCross")
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(cross))
    monkeypatch.setattr(archive, "missing_packages", lambda packages: tuple(packages))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert refusal.value.fix == "pip install keras-rs"
    assert summarise(path).name == "m", "a description needs no package"
    monkeypatch.setattr(archive, "missing_packages", lambda _packages: ())
    assert read_archive(path).packages == ("keras_rs",)


def test_missing_packages_are_found_without_an_import() -> None:
    assert missing_packages(["json", "no_such_package"]) == ("no_such_package",)


def test_no_listed_class_holds_code_or_belongs_to_tests() -> None:
    path = pathlib.Path(archive.__file__).with_name("known_packages.json")
    tables = json.loads(path.read_text(encoding="utf-8"))
    assert set(tables) == set(DISTRIBUTIONS)
    modules = [module for kinds in tables.values() for module in kinds["classes"]]
    assert not [module for module in modules if {"tests", "vllm"} & set(module.split("."))]
    names = {name for kinds in tables.values() for each in kinds["classes"].values() for name in each}
    assert not names & {"Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"}
