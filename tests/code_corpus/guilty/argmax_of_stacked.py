import sys

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras.utils import img_to_array, load_img

net = keras.models.load_model("coins.keras")
NAMES = ["cent", "dime", "quarter"]


def read(paths):
    return np.stack([img_to_array(load_img(path)) for path in paths]) / 255.0


def read_tensors(paths):
    return tf.stack([img_to_array(load_img(path)) for path in paths], axis=0)


print(NAMES[np.argmax(net.predict(read(sys.argv[1:])))])
print(NAMES[np.argmax(net.predict(read_tensors(sys.argv[1:])))])
