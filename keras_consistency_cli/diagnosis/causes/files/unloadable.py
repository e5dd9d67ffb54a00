"""Causes of refusals: model files that Keras wrote and cannot load, or whose code cannot run."""

from __future__ import annotations

from keras_consistency_cli.diagnosis.base import RefusalCause

__all__ = ["SERIALIZATION_GUIDE", "UNLOADABLE_CAUSES"]

SERIALIZATION_GUIDE = "https://keras.io/guides/serialization_and_saving/"

UNLOADABLE_CAUSES = (
    RefusalCause(
        slug="model-not-loadable",
        sentence="Keras cannot build a model from the file",
        explanation=(
            "The file was saved by a different version of Keras, or the code of a custom layer is not the "
            "code that the model was saved with. Or a custom layer creates layers without "
            "dtype=self.dtype_policy: they have the global dtype policy when it is built, and float32 when "
            "the file is loaded. Or the file holds a single layer."
        ),
        detection="Keras loads the file in a process of its own, and raises an error.",
        advice=(
            "name the file with the custom classes as they were when the model was saved (--custom-objects "
            "layers.py); pass dtype=self.dtype_policy to the layers that a custom layer creates; or load the "
            "model with the Keras that saved it, and save it again"
        ),
        source=SERIALIZATION_GUIDE,
        is_read=False,
    ),
    RefusalCause(
        slug="quantized-not-loadable",
        sentence="the model was quantised before it was saved, and Keras cannot load such a file",
        explanation=(
            "quantize() also quantises the layers inside attention layers and custom layers, but the config "
            "does not say so. When Keras loads the file, it builds them as float layers, and the quantised "
            "weights do not fit (keras#21378; Keras 3.3.3 to 3.15.1; int8, int4 and float8). "
            "SpectralNormalization computes with integer weights when it is built, which fails too. GPTQ and "
            "AWQ are saved without the zero points of their weights (Keras 3.14.0 to 3.15.1): such a file "
            "cannot be repaired."
        ),
        detection=(
            "Keras loads the file in a process of its own, and raises that the variables of a layer do not "
            "fit. The file has quantised weights."
        ),
        advice=(
            "save the model before quantize(), and quantise it after loading, which gives the same outputs:\n"
            "    model = keras.models.load_model('float.keras')\n"
            "    model.quantize('int8')"
        ),
        source="https://github.com/keras-team/keras/issues/21378",
        is_read=False,
    ),
    RefusalCause(
        slug="shared-layer-not-loadable",
        sentence="a layer is inside two others, and Keras cannot load such a file",
        explanation=(
            "A layer in two wrappers, such as two TimeDistributed, or in a wrapper and by itself, is one "
            "layer when the model is trained. Keras saves its weights once, for the first place. When it "
            "loads the file, it builds a layer for each place, and finds no weights for the second "
            "(Keras 3.15.1)."
        ),
        detection=(
            "Keras loads the file in a process of its own, and raises that a layer received no variables. "
            "The config has this layer in two places."
        ),
        advice=(
            "use one wrapper in both places; the weights are in the file:\n"
            "    shared = keras.layers.TimeDistributed(inner)      # in the new code: shared(a), shared(b)\n"
            "    old.load_weights('model.keras')                   # old: the model of the old code\n"
            "    new.set_weights(old.get_weights())\n"
            "    new.save('new.keras')"
        ),
        source=SERIALIZATION_GUIDE,
        is_read=False,
    ),
    RefusalCause(
        slug="subclass-weights-not-saved",
        sentence="the file lacks weights that a subclass of a Keras layer adds, and Keras cannot load it",
        explanation=(
            "Dense, EinsumDense, Embedding and convolutions write their weights by name in "
            "save_own_variables. A subclass inherits this: weights that it adds with add_weight are trained "
            "and used, but not saved. Loading the file fails (Keras 3.15.1). Layers without such a method, "
            "such as LSTM or LayerNormalization, save all weights."
        ),
        detection=(
            "Keras loads the file in a process of its own, and raises that a layer received too few "
            "variables. The class of this layer inherits save_own_variables from a layer of Keras."
        ),
        advice=(
            "hold the layer instead of deriving from it, and save again from the process that trained, or "
            "train again: the values are not in the file:\n"
            "    class Scaled(keras.layers.Layer):              # not keras.layers.Dense\n"
            "        def __init__(self, units, **kwargs):\n"
            "            super().__init__(**kwargs)\n"
            "            self.units = units\n"
            "            self.inner = keras.layers.Dense(units)\n"
            "        def build(self, shape):\n"
            "            self.inner.build(shape)\n"
            "            self.gain = self.add_weight(shape=(self.units,), name='gain')"
        ),
        source=SERIALIZATION_GUIDE,
        is_read=False,
    ),
    RefusalCause(
        slug="undefined-name",
        sentence="the code of the model uses a name that is not defined where it runs",
        explanation=(
            "A Lambda layer stores the code of its function. Names from outside, such as tf, np or ops, are "
            "looked up when the function runs, and after loading they are not there. A file of custom layers "
            "has the same fault if it lacks an import. Every call of the model fails."
        ),
        detection="The model is loaded and called in a process of its own, and Python raises NameError.",
        advice=(
            "write the function and its imports in a file, build the model with that function, copy the "
            "weights and save; then name the file (--custom-objects layers.py):\n"
            "    import tensorflow as tf\n"
            "    def scale(x):\n"
            "        return tf.nn.l2_normalize(x, axis=1)\n"
            "    keras.layers.Lambda(scale)          # by its name, not as a lambda"
        ),
        source="https://keras.io/api/layers/core_layers/lambda/",
        is_read=False,
    ),
)
