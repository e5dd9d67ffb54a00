"""Causes of outputs that differ from recorded ones, which KC802 recognizes and names."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import WRONG_ROWS, Cause
from keras_consistency_cli.diagnosis.texts.recorded_texts import specific_difference, specific_recording
from keras_consistency_cli.routes.persistence.recorded import RecordedDetails

__all__ = ["RECORDED_CAUSES"]


def _is_unscaled(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether other rows can explain a verdict: besides KC802 only if the rows were not scaled."""
    is_unscaled = evidence.details("recorded", RecordedDetails).get("unscaled", False)
    return verdict.code == "KC802" or is_unscaled


RECORDED_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="target-scaler-foreign",
        sentence="the target scaler does not belong to the model: the recorded outputs are not what it gives",
        explanation=(
            "Predictions are turned into units with inverse_transform. A scaler that was fitted on another "
            "column, or on other rows, gives numbers of the wrong size, such as the volume in place of the "
            "price, and nothing fails. The recorded outputs are a linear function of today's outputs, but "
            "not the function that this scaler computes."
        ),
        key=("KC802",),
        explains=("KC802",),
        advice=(
            "save the scaler that was fitted on the target column of the training rows, and use it for "
            "inverse_transform:\n"
            "    target_scaler = StandardScaler().fit(y_train.reshape(-1, 1))\n"
            "    joblib.dump(target_scaler, 'target_scaler.joblib')"
        ),
    ),
    Cause(
        slug="recorded-with-other-weights",
        sentence="the outputs were recorded with other weights of the same file: averages of training",
        explanation=(
            "An optimizer with use_ema=True keeps an average of each weight beside the weight itself, and "
            "the file holds both. keras.callbacks.SwapEMAWeights and the end of fit() put the averages into "
            "the model; ModelCheckpoint during training saves the model without them. So a file may be "
            "tested with one set of weights and loaded with the other. Other optimizers that average or look "
            "ahead, do the same."
        ),
        key=("KC802",),
        explains=("KC802",),
        advice=(
            "decide which weights are served, and save and record with these. To put the averages of this "
            "file into the model:\n"
            "    model = keras.models.load_model('model.keras')\n"
            "    model.optimizer.finalize_variable_values(model.trainable_variables)\n"
            "    model.save('model.keras')\n"
            "while training, place keras.callbacks.SwapEMAWeights(swap_on_epoch=True) before "
            "ModelCheckpoint; if the weights of the file are right, record again:\n"
            "    np.save('expected.npy', model.predict(x))"
        ),
    ),
    Cause(
        slug="recorded-in-other-form",
        sentence="the recorded outputs are today's outputs in a different order, scale or form",
        explanation=(
            "The numbers belong to this model, but not row for row. The rows were shuffled or sorted in "
            "between, or outputs or classes were exchanged; or the outputs went through a target scaler, a "
            "percentage, a logarithm, a softmax or an argmax before they were recorded; or they were taken "
            "before the activation."
        ),
        key=("KC802",),
        explains=("KC802",),
        advice=(
            "record the result of model.predict(x), for the rows of --data in their order: "
            "np.save('expected.npy', model.predict(x))"
        ),
    ),
    Cause(
        slug="recorded-from-other-rows",
        sentence="the recorded outputs are those of the same rows, prepared differently",
        explanation=(
            "The model is the right one: for changed rows, it gives the recorded outputs. Either when they "
            "were recorded, or when the rows of --data were made, inputs of the same shape were exchanged, a "
            "scaler was left out, pixels were scaled differently, channels or time steps came in another "
            "order, or another vocabulary gave words other ids. Nothing fails, because the shapes fit."
        ),
        key=("KC802",),
        explains=("KC802", "KC402", *WRONG_ROWS),
        advice=(
            "prepare rows with one function, in training and wherever the model is called. If the recorded "
            "outputs are the right ones, change the rows of --data as KC802 says; if the rows are, record "
            "the outputs again: np.save('expected.npy', model.predict(x))"
        ),
        covers=_is_unscaled,
        specific=specific_recording,
    ),
    Cause(
        slug="recorded-in-training-mode",
        sentence="the outputs were recorded in training mode",
        explanation=(
            "In model(x, training=True), BatchNormalization uses the statistics of the batch, and dropout "
            "removes numbers at random. Outputs of fit(), of a loop of your own that passes training=True, "
            "or of a model that sets it inside are of that kind. model.predict uses inference mode."
        ),
        key=("KC802",),
        explains=("KC802",),
        advice=(
            "record the outputs of inference:\n"
            "    np.save('expected.npy', model.predict(x))    # or model(x, training=False)\n"
            "if serving calls the model with training=True, it needs the same change"
        ),
    ),
    Cause(
        slug="answers-moved",
        sentence="the outputs of the model differ from the recorded ones",
        explanation=(
            "The file, the rows or the environment is not the same as at the time of recording. The file may "
            "lack state or an argument. The weights may have been saved before or after the recording. A "
            "Normalization layer that got its weights by set_weights or clone_model, without "
            "finalize_state(), computes with different numbers until it is loaded. There may be a different "
            "scaler, a different version of Keras, or an accelerator that multiplies in less than float32."
        ),
        key=("KC802",),
        explains=("KC802",),
        specific=specific_difference,
        advice=(
            "if the live model still exists, first compare it with its own file:\n"
            "    loaded = keras.models.load_model('model.keras')\n"
            "    keras.tree.map_structure(lambda a, b: abs(a - b).max(), model.predict(x), "
            "loaded.predict(x))\n"
            "and add --scaler if the model was fed scaled rows"
        ),
    ),
)
"""Most specific first."""
