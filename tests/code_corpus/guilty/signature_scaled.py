import joblib
import numpy as np
import tensorflow as tf

scaler = joblib.load("scaler.joblib")
serving = tf.saved_model.load("export").signatures["serving_default"]
rows = scaler.transform(np.load("rows.npy"))
print(serving(tf.convert_to_tensor(rows)))
