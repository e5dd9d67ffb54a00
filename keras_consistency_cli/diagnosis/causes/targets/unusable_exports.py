"""Causes of exports that cannot be made, loaded or called."""

from __future__ import annotations

from functools import partial

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, CauseTexts, covers_every_verdict
from keras_consistency_cli.diagnosis.causes.targets.export_texts import EXPORT_AGAIN, advice_for_runtime
from keras_consistency_cli.diagnosis.exports import differing_layer, fits_export

__all__ = ["UNUSABLE_EXPORT_CAUSES", "export_cause"]

_INTERFACE = "KC904"


def _is_about_state(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether state that the model does not carry is behind a verdict: a stateful model carries it too."""
    return verdict.code == "KC903" or not evidence.facts.stateful_layers


def _texts_for_runtime(slug: str, sentence: str, general: str, evidence: Evidence) -> CauseTexts | None:
    advice = advice_for_runtime(slug, general, evidence)
    return CauseTexts(sentence=sentence, advice=advice) if advice else None


def export_cause(slug: str, sentence: str, explanation: str, advice: str, *explains: str) -> Cause:
    """Return a cause of single exports; a check names it, or a change of the export or the model shows it."""
    return Cause(
        slug=slug,
        sentence=sentence,
        explanation=explanation,
        key=explains,
        explains=explains,
        advice=advice,
        fits=partial(fits_export, slug),
        covers=_is_about_state if slug == "export-state-carried" else covers_every_verdict,
        suspect=partial(differing_layer, slug),
        specific=partial(_texts_for_runtime, slug, sentence, advice),
    )


UNUSABLE_EXPORT_CAUSES: tuple[Cause, ...] = (
    export_cause(
        "unsupported-operators",
        "the runtime lacks operators that the export needs",
        "The converter wrote the file without an error, with operators that only TensorFlow has.",
        "build the model from layers that the runtime supports; for recurrent layers:\n"
        "    layers.LSTM(32, unroll=True)        # fixed number of time steps",
        _INTERFACE,
    ),
    export_cause(
        "export-fails",
        "Keras cannot export the model in this format",
        "`model.export` raises an error. Converters do not support every layer, and some need a fixed number "
        "of time steps or a model that was called before.",
        "choose a different format, or layers that the converter supports; for recurrent layers:\n"
        "    layers.LSTM(32, unroll=True)        # fixed number of time steps",
        _INTERFACE,
    ),
    export_cause(
        "export-statistics-lost",
        "the statistics of a Normalization layer became inputs of the export",
        "Keras exports Normalization to ONNX without its mean and variance: they are further required "
        "inputs. The file is valid, and no runtime can run it on the rows alone.",
        "replace the layer by a Rescaling with the same numbers, and export again:\n"
        "    layers.Rescaling(1 / np.sqrt(variance), -mean / np.sqrt(variance))",
        _INTERFACE,
    ),
    export_cause(
        "export-weights-missing",
        "the weights of the model are not in the export",
        "TFLiteConverter leaves the weights of a Keras 3 model out if the model is passed to "
        "from_concrete_functions as a trackable object, or if a SavedModel holds the model in a module of "
        "its own. The file is written without an error, and reads memory that nothing has written: its "
        "outputs are any numbers.",
        "convert the model itself:\n    tf.lite.TFLiteConverter.from_keras_model(model).convert()",
        _INTERFACE,
    ),
    export_cause(
        "export-size-frozen",
        "the export only takes rows of one size",
        "The number of time steps, or the height and width of pictures, became a constant when the model was "
        "exported. The model takes other sizes too.",
        "export with a free axis: keras.Input((None, 3)); or bring rows to this size before the export",
        _INTERFACE,
    ),
    export_cause(
        "export-of-other-model",
        "the export belongs to a different model: its inputs or outputs do not fit",
        "Number or shapes of inputs or outputs differ from those of the model.",
        "export the model again from the file that you check:\n" + EXPORT_AGAIN,
        _INTERFACE,
    ),
    export_cause(
        "export-unloadable",
        "the runtime cannot load the export",
        "The file is damaged or incomplete, or was written for a different version of the runtime.",
        "export the model again with the versions that serve it:\n" + EXPORT_AGAIN,
        _INTERFACE,
    ),
)
