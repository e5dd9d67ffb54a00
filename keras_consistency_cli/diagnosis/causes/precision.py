"""Causes of precision, devices and files: most of them are named by the checks themselves, as `findings["cause"]`."""

from __future__ import annotations

from collections.abc import Callable

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.signatures import (
    Failing,
    always,
    changed,
    located,
    made_by_process,
    named_by,
    of_scope,
    rounding_alone,
    says,
)
from keras_consistency_cli.routes.locating.processes import first_differing_layer

__all__ = ["FILE_CAUSES", "NUMBER_CAUSES", "ROUNDED_BY_KERNELS", "ROUNDING_CAUSE"]


def _parting(*routes: str) -> Callable[[Evidence], str | None]:
    """Return a suspect: the layer that a route found to be the first that answers differently, or that holds what no file has."""

    def layer(evidence: Evidence) -> str | None:
        for route in routes:
            details = evidence.details(route)
            held = [path.rpartition(".")[0] for path in details.get("untracked", ())]
            forgot = [each["layer"] for each in details.get("forgotten", ())]
            found = details.get("parting", {}).get("layer") or next(iter((*held, *forgot)), None)
            if found:
                return str(found)
        return None

    return layer


def _parting_elsewhere(evidence: Evidence) -> str | None:
    """The first layer that gives something else in another process."""
    return first_differing_layer(
        *(evidence.details(route).get("steps", ()) for route in ("layers-here", "layers-elsewhere"))
    )


def _made_anew(evidence: Evidence, failing: Failing) -> bool:
    """KC801 says that loads differ, and not because the model counts its calls: what predict itself moves is kept between them, and another cause."""
    return says("untracked-state")(evidence, failing) and not (
        "KC203" in failing and changed(evidence, "weight", "state")
    )


def _narrow_layer(evidence: Evidence) -> str | None:
    """The layer in whose scope an operation computes in half precision; scopes are numbered where a name comes twice."""
    first = next(iter(evidence.details("low-operations").get("low", ())), "")
    return of_scope(evidence, first.partition(" ")[0])


ROUNDED_BY_KERNELS = (
    "KC101",
    "KC102",
    "KC104",
    "KC201",
    "KC202",
    "KC204",
    "KC502",
    "KC503",
    "KC504",
    "KC601",
    "KC605",
    "KC802",
)
"""Checks that compare two ways of computing the same; where the same kernels run twice, as in KC103, KC203 and KC801, nothing rounds differently."""

ROUNDING_CAUSE = Cause(
    slug="rounding",
    sentence="nothing but rounding: the limit that was stated is stricter than float32 can keep",
    explanation=(
        "Kernels add in another order for another batch size, device or compiler, and so round differently. With --exact, or with limits below "
        "the model's own rounding noise, that fails although nothing is wrong: on the float64 copy the same two ways agree."
    ),
    key=ROUNDED_BY_KERNELS,
    explains=ROUNDED_BY_KERNELS,
    fits=always,
    covers=rounding_alone,
    advice="drop --exact, or --rtol and --atol: without them limits come from the model's own rounding noise; else state the limit that would pass",
)
"""It comes first: what is rounding alone must not be taken for a fault that looks like it."""

FILE_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="untracked-state",
        sentence="{layer} holds something that is not in the file: every load, or every process, makes it anew",
        explanation=(
            "Keras saves the weights that it tracks. A tf.Variable, a NumPy array, a layer hidden in a closure or made in call(), and all of a "
            "model that was not built when it was saved, is not among them: it is initialised again at every load, often by chance. A table that "
            "a module draws when it is imported, and Python's hash() of a text, are others in every process."
        ),
        key=("KC801", "KC203"),
        explains=("KC203", "KC602", "KC801", "KC802"),
        fits=lambda evidence, failing: _made_anew(evidence, failing) or made_by_process(evidence, failing),
        advice=(
            "in '{layer}' let Keras know of it, and build the model before saving it:\n"
            "    def build(self, input_shape):\n"
            "        self.table = self.add_weight(shape=(input_shape[-1],), trainable=False, name='table')\n"
            "    ...\n"
            "    model(rows[:1])          # builds what is not built yet\n"
            "    model.save('model.keras')\n"
            "and draw nothing by chance while a module is imported; zlib.crc32 of a text is the same everywhere, hash() is not"
        ),
        suspect=lambda evidence: (
            _parting("reloaded", "loaded-again")(evidence) or _parting_elsewhere(evidence)
        ),
    ),
    Cause(
        slug="config-loses-arguments",
        sentence="{layer} does not come back from its config as it was",
        explanation=(
            "get_config must return every argument of the constructor with the value in use. What it leaves out comes back as the default, "
            "and what it returns in another form than __init__ takes comes back changed, each time anew. Classes without a get_config of "
            "their own are safe: Keras remembers the arguments."
        ),
        key=("KC801",),
        explains=("KC602", "KC801", "KC802"),
        fits=says("config-loses-arguments"),
        advice=(
            "in the class of '{layer}' return every argument as __init__ takes it, or delete get_config:\n"
            "    def get_config(self):\n"
            "        return {{**super().get_config(), 'scale': self.scale}}"
        ),
        suspect=_parting("reloaded", "loaded-again"),
    ),
)
"""Of models that are not what was saved; they come before causes of state, which they look like."""


NUMBER_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="eager-differs",
        sentence="{layer} computes otherwise when it is run eagerly than in a graph: model(x) and predict part",
        explanation=(
            "The same inputs come out of this layer otherwise in a tf.function than outside of one. Keras rounds resized pictures of uint8 to "
            "whole grey levels in eager execution alone; code that asks whether a tensor is eager, or calls NumPy, does so too. predict, tf.function "
            "and an export are graphs, model(x) is not."
        ),
        key=("KC201", "KC204"),
        explains=("KC201", "KC204"),
        fits=lambda evidence, _failing: bool(located(evidence, "locate-execution", "layer")),
        advice=(
            "answer the way that was validated: model.predict(x), or a call inside a graph:\n"
            "    step = tf.function(lambda x: model(x, training=False))\n"
            "or give '{layer}' what both ways treat alike, such as float32 pictures: x.astype('float32')"
        ),
        locator="locate-execution",
    ),
    Cause(
        slug="recorded-in-other-form",
        sentence="the recorded answers are today's in another order, on another scale or in another form",
        explanation=(
            "The numbers belong to this model, but not row for row: the rows were shuffled or sorted in between, outputs or classes are in each "
            "other's place, or the answers went through a target scaler, a percentage, a logarithm, a softmax or an argmax before they were "
            "recorded, or were taken before the activation."
        ),
        key=("KC802",),
        explains=("KC802",),
        fits=says("recorded-in-other-form"),
        advice="record what model.predict(x) returns, for the rows of --data in their order: np.save('expected.npy', model.predict(x))",
    ),
    Cause(
        slug="answers-moved",
        sentence="the model answers otherwise than when the answers were recorded",
        explanation=(
            "The file, the rows or what surrounds them is not the same as then: state or an argument that the file does not hold, weights saved "
            "before or after the answers were recorded, a Normalization given its weights by set_weights or a clone without finalize_state(), "
            "which computes with other numbers until it is loaded, another scaler, another version of Keras, or an accelerator that multiplies in "
            "less than float32."
        ),
        key=("KC802",),
        explains=("KC802",),
        fits=says("answers-moved"),
        advice=(
            "where the live model still exists, hold it against its own file before anything else:\n"
            "    loaded = keras.models.load_model('model.keras')\n"
            "    keras.tree.map_structure(lambda a, b: abs(a - b).max(), model.predict(x), loaded.predict(x))\n"
            "and give --scaler where the model was fed scaled rows"
        ),
    ),
    Cause(
        slug="device-precision",
        sentence="{layer} answers differently on the accelerator than on the CPU",
        explanation=(
            "Accelerators multiply matrices in TF32 or less where nobody says otherwise, add in another order, and have kernels of their own. "
            "Where that "
            "moves answers beyond the model's rounding noise, what was validated on one machine is not what another one serves."
        ),
        key=("KC601",),
        explains=("KC601",),
        fits=says("device-precision"),
        advice=(
            "multiply in full float32, and validate where the model is served:\n"
            "    tf.config.experimental.enable_tensor_float_32_execution(False)     # TensorFlow\n"
            "    torch.set_float32_matmul_precision('highest')                      # torch\n"
            "    jax.config.update('jax_default_matmul_precision', 'highest')       # JAX"
        ),
        locator="locate-rounding",
    ),
    Cause(
        slug="kernel-dependent",
        sentence="answers depend on the CPU's kernels: oneDNN or the number of threads changes them, KC605 says which",
        explanation=(
            "TensorFlow picks kernels by processor, by oneDNN and by threads. They round differently, which is within the model's rounding "
            "noise; beyond "
            "it, a kernel treats some values otherwise: oneDNN turns NaN into 0.0 behind a fused relu."
        ),
        key=("KC605",),
        explains=("KC605", "KC701"),
        fits=says("kernel-dependent"),
        advice="look for NaN and infinity in the rows; set TF_ENABLE_ONEDNN_OPTS=0 where the same answers matter more than speed",
    ),
    Cause(
        slug="low-precision",
        sentence="{layer} computes in less than float32",
        explanation=(
            "float16 and bfloat16 keep three digits and TF32 as many. Where a dtype policy asks for it that is a choice; where a layer casts by "
            "itself, or the backend does, answers are coarser than the model says, and two ways of calling it may differ by as much."
        ),
        key=("KC602", "KC603"),
        explains=("KC602", "KC603"),
        fits=says("low-precision"),
        advice="take the cast out of '{layer}', or say that it is meant: give the layer dtype='mixed_float16', and keep the last layer in float32",
        locator="locate-rounding",
        suspect=_narrow_layer,
    ),
    Cause(
        slug="ill-conditioned",
        sentence="{layer} amplifies rounding: the model's last digits mean nothing",
        explanation=(
            "Inputs far from zero, near-singular layers or great depth make tiny rounding differences large. Nothing is "
            "broken, but answers vary between machines."
        ),
        key=("KC602", "KC604", *ROUNDED_BY_KERNELS),
        explains=("KC602", "KC604", *ROUNDED_BY_KERNELS),
        fits=says("ill-conditioned"),
        covers=named_by("ill-conditioned"),
        advice="scale the inputs, normalise before '{layer}', or compute in float64",
        locator="locate-rounding",
    ),
    Cause(
        slug="near-ties",
        sentence="some decisions hang on the last digit: two classes, or an answer and its threshold, lie closer together than rounding",
        explanation=(
            "Nothing is wrong with the numbers, but argmax or a threshold makes a decision of a difference that another machine, batch size or "
            "kernel may turn round."
        ),
        key=("KC604", *ROUNDED_BY_KERNELS),
        explains=("KC604", *ROUNDED_BY_KERNELS),
        fits=says("near-ties"),
        covers=named_by("near-ties"),
        advice="treat a row whose best two classes differ by less than the limit as undecided, or train for a wider margin",
    ),
)
"""Of how numbers are computed; they come last."""
