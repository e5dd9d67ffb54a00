#!/usr/bin/env bash
# TFLiteConverter leaves all weights of a Keras 3 model out if it gets the model, as its documentation asks for.
#
# keras 3.15.1, tensorflow-cpu 2.21.0, ai-edge-litert 2.3.0: TFLiteConverter.from_concrete_functions([function], model) writes a
# file that reads its weights from variables, and nothing assigns these. The same holds for from_saved_model of a folder that
# tf.saved_model.save wrote of a tf.Module that holds the model. Conversion says nothing, and the interpreter runs the file: its
# outputs are whatever is in memory, different each time, often NaN. Without the second argument the file is right, and
# TensorFlow warns that it should be given.
#
# Seen: with the model: 0 of 6 weights assigned, no right outputs; without it: right within 1e-6.
# Way out: from_keras_model(model), model.export(format="litert"), or leave the second argument out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6 ai-edge-litert==2.3.0
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((10,)), layers.Dense(32, "relu"), layers.Dense(16, "tanh"), layers.Dense(2)])
rows = np.random.default_rng(0).normal(size=(8, 10)).astype("float32")
wanted = model.predict(rows, verbose=0)
function = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, 10))])
convert = tf.lite.TFLiteConverter.from_concrete_functions
files = {
    "with the model": convert([function.get_concrete_function()], model).convert(),
    "without it": convert([function.get_concrete_function()]).convert(),
}


def look(content):
    interpreter = Interpreter(model_content=content)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, rows.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, rows)
    interpreter.invoke()
    names = [each["op_name"] for each in interpreter._get_ops_details()]
    outputs = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    is_right = bool(np.allclose(outputs, wanted, atol=1e-5))
    return names.count("READ_VARIABLE"), names.count("ASSIGN_VARIABLE") + names.count("CALL_ONCE"), is_right


seen = {name: look(content) for name, content in files.items()}
print(f"keras {keras.__version__}, tensorflow {tf.__version__}: variables read, assigned, outputs right: {seen}")
assert seen == {"with the model": (6, 0, False), "without it": (0, 0, True)}
PYTHON
