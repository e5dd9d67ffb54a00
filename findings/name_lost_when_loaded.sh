#!/usr/bin/env bash
# A custom layer loses its name when it is loaded, if its __init__ calls the further arguments **options and not **kwargs.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: for a layer without a get_config of its own, Keras records the arguments itself. It
# puts the name into the config only if __init__ has a parameter "name", or one for further arguments that is spelled
# "kwargs". With any other spelling, **kw for example, the loaded layer is named after its class, while dtype and trainable
# are kept. get_layer() with the old name then fails.
#
# Seen: 'first' is 'scaled' after loading, 'second' stays 'second'; outputs are the same
# Way out: spell it **kwargs, or write a get_config: {**super().get_config(), "factor": self.factor}.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'EOF'
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("finding")
class Scaled(layers.Layer):
    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


@keras.saving.register_keras_serializable("finding")
class Spelled(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


rows = keras.Input((3,))
model = keras.Model(rows, Spelled(2.0, name="second")(Scaled(3.0, name="first", trainable=False)(rows)))
model.save("model.keras")
loaded = keras.models.load_model("model.keras")
before, after = ([layer.name for layer in each.layers[1:]] for each in (model, loaded))
x = np.ones((2, 3), "float32")
same = bool((model.predict(x, verbose=0) == loaded.predict(x, verbose=0)).all())
print(f"keras {keras.__version__}: {before} before, {after} after; trainable {loaded.layers[1].trainable}; same outputs: {same}")
assert before == ["first", "second"] and after == ["scaled", "second"] and same
EOF
