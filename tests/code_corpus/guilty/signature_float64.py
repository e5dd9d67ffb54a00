import numpy as np
import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)
loaded = tf.saved_model.load("export/1")
infer = loaded.signatures["serving_default"]


@app.post("/infer")
def serve():
    rows = np.array([[float(request.json["a"]), float(request.json["b"])]])
    outputs = infer(tf.constant(rows))
    return {"outputs": outputs["output_0"].numpy().tolist()}
