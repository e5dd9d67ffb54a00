"""Objects that learn from rows to transform rows: scalers, encoders, tokenizers, layers with adapt()."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing
from keras_consistency_cli.checks.code.values.value import Mark, Value

__all__ = ["ENCODERS", "LEARNED", "SCALERS", "TEXT", "TRANSFORMERS"]

SCALERS = (
    "StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "PowerTransformer",
    "QuantileTransformer",
    "KBinsDiscretizer", "SimpleImputer", "KNNImputer", "IterativeImputer", "PCA", "TruncatedSVD",
    "IncrementalPCA", "SelectKBest",
)  # fmt: skip
ENCODERS = (
    "LabelEncoder", "OneHotEncoder", "OrdinalEncoder", "LabelBinarizer", "MultiLabelBinarizer",
    "TargetEncoder",
)  # fmt: skip
TEXT = ("TfidfVectorizer", "CountVectorizer", "TfidfTransformer")
_KERAS = (
    "Tokenizer",
    "TextVectorization",
    "StringLookup",
    "IntegerLookup",
    "Normalization",
    "Discretization",
)
_STATELESS = ("Normalizer", "PolynomialFeatures", "FunctionTransformer", "HashingVectorizer", "Binarizer")
"""They learn nothing from rows: a new fit changes nothing."""


LEARNED = frozenset(
    {
        "mean_", "scale_", "var_", "min_", "data_min_", "data_max_", "data_range_", "center_", "quantiles_",
        "lambdas_", "statistics_", "components_", "explained_variance_", "explained_variance_ratio_",
        "categories_", "classes_", "vocabulary_", "idf_", "n_features_in_", "feature_names_in_",
        "n_samples_seen_", "word_index", "index_word", "word_counts", "word_docs", "index_docs",
        "document_count", "num_words", "oov_token",
    }
)  # fmt: skip
"""Attributes in which they keep what they learned."""
_FIXED = {
    "OneHotEncoder": "categories",
    "OrdinalEncoder": "categories",
    "MultiLabelBinarizer": "classes",
    "CountVectorizer": "vocabulary",
}
"""The options that state what these would learn."""


_PIPELINES = ("Pipeline", "make_pipeline")
_COMBINED = (*_PIPELINES, "ColumnTransformer", "make_column_transformer", "FeatureUnion", "make_union")
_STEPS = ("steps", "transformers", "transformer_list")
_TRANSFORMING = ("transformer", "stateless")


def _new(machine: Machine, call: Call) -> Value:
    return machine.new_thing(call.node, "built", call.name.rpartition(".")[2], "transformer", call)


def _encoder(machine: Machine, call: Call) -> Value:
    """OneHotEncoder(categories=[DAYS]): with categories that the code states, a fit learns nothing."""
    stated = call.arguments.options.get(_FIXED.get(call.name.rpartition(".")[2], ""))
    is_open = stated is None or stated.is_const(None) or stated.is_const("auto") or stated.has("request")
    return _new(machine, call) if is_open else _stateless(machine, call)


def _stateless(machine: Machine, call: Call) -> Value:
    return Value(kind="stateless")


def _split(machine: Machine, call: Call) -> Value:
    """train_test_split(x, y): two parts of each argument."""
    mark = Mark("split")
    parts = [part for value in call.arguments.values for part in (value.marked(mark), value.marked(mark))]
    return Value(kind="tuple", items=tuple(parts), marks=call.result.marks)


def _combined(machine: Machine, call: Call) -> Value:
    """make_pipeline(SimpleImputer(), StandardScaler()): it learns if one of its parts does.

    A pipeline that ends with a classifier predicts, and its fit is training.
    """
    name = call.name.rpartition(".")[2]
    given = next((call.arguments.options[key] for key in _STEPS if key in call.arguments.options), None)
    parts = [part for value in ((given,) if given else call.arguments.values) for part in _parts(value)]
    known = [part for part in parts if part.kind in _TRANSFORMING]
    if name in _PIPELINES and (not known or parts[-1] is not known[-1]):
        return Value(kind="pipeline")
    is_learning = not known or any(part.kind == "transformer" for part in known)
    return _new(machine, call) if is_learning else _stateless(machine, call)


def _parts(value: Value) -> Iterator[Value]:
    """What is combined, without names of steps and columns: the scaler of ("scale", scaler, COLUMNS)."""
    if value.kind in ("list", "tuple"):
        for item in value.items or ():
            yield from _parts(item)
    elif value.kind not in ("const", "name"):
        yield value


def _scaled_by_itself(machine: Machine, call: Call) -> Value:
    """sklearn.preprocessing.scale(x), minmax_scale(x): by the statistics of x itself."""
    given, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    marks = given.marks
    if given.has("request"):
        is_of_rows = (not axis.kind or axis.is_const(0)) and not given.has("image")
        marks = marks | {Mark("rows-scaled" if is_of_rows else "own-scaled", machine.site(call.node))}
    return Value(kind="array", marks=marks, rank=given.rank, rows=given.rows)


def _normalized(machine: Machine, call: Call) -> Value:
    """sklearn.preprocessing.normalize(x): each row by its own length; with axis=0, each column."""
    axis = call.arguments.get(2, "axis")
    return _scaled_by_itself(machine, call) if axis.is_const(0) else call.result


def _one_hot(machine: Machine, call: Call) -> Value:
    return Value(kind="array", marks=call.result.marks)


TRANSFORMERS: Handlers = {
    **{f"sklearn.{name}": _new for name in (*SCALERS, *ENCODERS, *TEXT)},
    **{f"sklearn.{name}": _encoder for name in _FIXED},
    **{f"keras.{name}": _new for name in _KERAS},
    **{f"sklearn.{name}": _stateless for name in _STATELESS},
    "sklearn.train_test_split": _split,
    **{f"sklearn.{name}": _combined for name in _COMBINED},
    "sklearn.scale": _scaled_by_itself,
    "sklearn.normalize": _normalized,
    "sklearn.minmax_scale": _scaled_by_itself,
    "sklearn.robust_scale": _scaled_by_itself,
    "scipy.zscore": _scaled_by_itself,
    "keras.to_categorical": _one_hot,
    "keras.tokenizer_from_json": lambda machine, call: machine.new_thing(
        call.node, "loaded", "Tokenizer", "transformer", call
    ),
    "sklearn.mean_squared_error": nothing,
    "sklearn.accuracy_score": nothing,
}
