import numpy as np
import tensorflow as tf

infer = tf.saved_model.load("export").signatures["serving_default"]
rows = np.array([[1.0, 2.0]], dtype=np.float32)
print(infer(tf.constant(rows)))
more = np.load("rows.npy").astype("float32")
print(infer(tf.convert_to_tensor(more)))
print(infer(tf.constant([[1.0, 2.0]])))
