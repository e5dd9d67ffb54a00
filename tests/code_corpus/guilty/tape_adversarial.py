import numpy as np
import tensorflow as tf

model = tf.keras.models.load_model("digits.keras")
loss_of = tf.keras.losses.SparseCategoricalCrossentropy()
image = tf.convert_to_tensor(np.load("digit.npy")[None])
label = tf.constant([3])
with tf.GradientTape() as tape:
    tape.watch(image)
    loss = loss_of(label, model.predict(image))
sign = tf.sign(tape.gradient(loss, image))
np.save("attack.npy", image + 0.1 * sign)
