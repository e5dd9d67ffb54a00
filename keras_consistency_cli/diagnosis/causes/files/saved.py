"""Causes in saved models: state that Keras does not save, and lost arguments."""

from __future__ import annotations

from collections.abc import Callable

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import EVERY_CALL, Cause, Failing, is_reported
from keras_consistency_cli.diagnosis.signatures import differs_by_process, has_changed, located
from keras_consistency_cli.routes.locating.processes import ProcessDetails, first_differing_layer
from keras_consistency_cli.routes.persistence.reloading import ReloadDetails

__all__ = ["CREATED_CAUSE", "FILE_CAUSES"]


def _layer_from(*routes: str) -> Callable[[Evidence], str | None]:
    """Return a suspect: the first layer that differs, or that owns what the file lacks."""

    def suspect(evidence: Evidence) -> str | None:
        for route in routes:
            details = evidence.details(route, ReloadDetails)
            untracked = [path.rpartition(".")[0] for path in details.get("untracked", ())]
            forgotten = [each["layer"] for each in details.get("forgotten", ())]
            first = details.get("parting", {}).get("layer") or next(iter((*untracked, *forgotten)), None)
            if first:
                return first
        return None

    return suspect


_LOST_ARGUMENTS = "config-loses-arguments"
_LAYER_OF_COPY = _layer_from("reloaded", "loaded-again")


def _layer_of_process(evidence: Evidence) -> str | None:
    """The first layer that differs in a different process."""
    here, elsewhere = (
        evidence.details(route, ProcessDetails) for route in ("layers-here", "layers-elsewhere")
    )
    return first_differing_layer(here.get("steps", ()), elsewhere.get("steps", ()))


def _untracked_layer(evidence: Evidence) -> str | None:
    return _LAYER_OF_COPY(evidence) or _layer_of_process(evidence)


def _has_untracked_state(evidence: Evidence, failing: Failing) -> bool:
    """Whether loads or processes differ; if predict changes state, hidden-state explains it."""
    by_load = is_reported("untracked-state", failing) and not (
        "KC203" in failing and has_changed(evidence, "weight", "state")
    )
    by_process = differs_by_process(evidence, failing) and not is_reported(_LOST_ARGUMENTS, failing)
    return by_load or by_process


def _is_moved(_evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a lost value can explain a verdict: KC802 only if the check has found no other reason.

    A lost factor may look like a function behind the model.
    """
    is_plain = verdict.findings.get("cause", "answers-moved") == "answers-moved"
    return verdict.code != "KC802" or is_plain or bool(verdict.findings.get("functions"))


def _lost_in_config(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a lost argument can explain a verdict: KC203 only if each process draws its own."""
    drawn_again = verdict.code != "KC203" or differs_by_process(evidence, {"KC203": verdict})
    return drawn_again and _is_moved(evidence, verdict)


def _unsaved_layer(evidence: Evidence) -> str | None:
    layers = evidence.details("reloaded", ReloadDetails).get("unsaved", [])
    return str(layers[0]["layer"]) if layers else None


CREATED_CAUSE = Cause(
    slug="layers-created-in-call",
    sentence="{layer} creates layers in its call(): each call computes with new, untrained weights",
    explanation=(
        "A layer that is created in call() exists for this call only. Keras does not track it: its weights "
        "are not trained, not saved, and new in each call. In a graph, TensorFlow refuses to create "
        "variables after the first call. Layers without weights, such as Activation, do no harm there."
    ),
    key=("KC202", "KC203", "KC801"),
    explains=(*EVERY_CALL, "KC202", "KC801", "KC802"),
    fits=lambda evidence, _failing: bool(located(evidence, "locate-created", "layer")),
    advice=(
        "create the layers of '{layer}' once, in __init__, and train again: the weights so far are lost:\n"
        "    def __init__(self, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.dense = keras.layers.Dense(8)\n"
        "    def call(self, x):\n"
        "        return self.dense(x)"
    ),
    locator="locate-created",
)

FILE_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="weights-not-saved",
        sentence="the file does not hold the weights of {layer}: each load creates untrained ones",
        explanation=(
            "Keras saves the layers that it finds in the attributes of a layer or model, and in lists, "
            "tuples and dicts there. It skips an attribute with a name that its own classes use, such as "
            "_layers, and it does not look into sets and other objects. A model that is saved before it is "
            "built has no weights. Keras loads such a file without an error. A seeded initializer makes the "
            "same untrained weights at each load, so that two loads agree."
        ),
        key=("KC801",),
        explains=("KC203", "KC602", "KC801", "KC802"),
        advice=(
            "the trained weights of '{layer}' are not in this file: save again from the process that trained "
            "the model, or train again:\n"
            "    def __init__(self, **kwargs):\n"
            "        super().__init__(**kwargs)\n"
            "        self.steps = [keras.layers.Dense(8), keras.layers.Dense(4)]   # not self._layers\n"
            "    ...\n"
            "    model(rows[:1])          # builds what is not built yet\n"
            "    model.save('model.keras')"
        ),
        suspect=_unsaved_layer,
    ),
    Cause(
        slug="weights-not-loaded",
        sentence="{layer} is created after loading: its trained weights are in the file, and are not used",
        explanation=(
            "Keras reads the weights of the layers that exist when the file is loaded. A layer that call() "
            "creates when it runs for the first time does not exist yet. When the model was saved, it did. "
            "Keras loads such a file without an error, and the first call creates untrained weights."
        ),
        key=("KC801",),
        explains=("KC203", "KC602", "KC801", "KC802"),
        advice=(
            "create the layer in __init__ under the same attribute and name, and build it in build(). The "
            "same file then loads with its trained weights:\n"
            "    def __init__(self, **kwargs):\n"
            "        super().__init__(**kwargs)           # no self.built = True here\n"
            "        self.inner = keras.layers.Dense(8)\n"
            "    def build(self, shape):\n"
            "        self.inner.build(shape)"
        ),
        suspect=_unsaved_layer,
    ),
    Cause(
        slug="training-state-unreadable",
        sentence="Keras cannot load this file as it is: what it holds for training does not fit the model",
        explanation=(
            "A .keras file of a compiled model also holds the optimizer with its variables. If their shapes "
            "do not fit, because layers were added, frozen or replaced after training, or the file was "
            "edited, keras.models.load_model raises an error. With compile=False it loads only the model. "
            "Outputs do not depend on the training state."
        ),
        key=("KC801",),
        explains=("KC801",),
        advice=(
            "save the file again without the training state:\n"
            "    model = keras.models.load_model('model.keras', compile=False)\n"
            "    model.save('model.keras')"
        ),
    ),
    Cause(
        slug="untracked-state",
        sentence=(
            "{layer} uses a value that the file does not contain: each load, or each process, creates a "
            "different one"
        ),
        explanation=(
            "Keras saves the weights that it tracks. It does not track a tf.Variable, a NumPy array, a layer "
            "that is hidden in a closure or created in call(), or anything in a model that was not built "
            "before it was saved. These are initialized again at every load, often randomly. A table that a "
            "module draws when it is imported, and Python's hash() of a text, differ in every process."
        ),
        key=("KC801", "KC203"),
        explains=("KC203", "KC602", "KC801", "KC802"),
        fits=_has_untracked_state,
        covers=_is_moved,
        advice=(
            "in '{layer}' let Keras track the value, and build the model before saving it:\n"
            "    def build(self, input_shape):\n"
            "        self.table = self.add_weight(shape=(input_shape[-1],), trainable=False, name='table')\n"
            "    ...\n"
            "    model(rows[:1])          # builds what is not built yet\n"
            "    model.save('model.keras')\n"
            "draw no random values while a module is imported; zlib.crc32 of a text is the same everywhere, "
            "hash() is not"
        ),
        suspect=_untracked_layer,
    ),
    Cause(
        slug=_LOST_ARGUMENTS,
        sentence="{layer} is not the same after it is created from its config",
        explanation=(
            "get_config must return every argument of the constructor with its current value. An argument "
            "that it leaves out gets its default again, or whatever the constructor draws. An argument that "
            "it returns in a different form than __init__ expects changes at every load. Classes without a "
            "get_config of their own are safe: Keras records the arguments."
        ),
        key=("KC801",),
        explains=("KC203", "KC602", "KC801", "KC802"),
        covers=_lost_in_config,
        advice=(
            "in the class of '{layer}' return every argument as __init__ expects it, or delete get_config:\n"
            "    def get_config(self):\n"
            "        return {{**super().get_config(), 'scale': self.scale}}"
        ),
        suspect=_LAYER_OF_COPY,
    ),
)
"""These come before the causes of state, which have similar signatures."""
