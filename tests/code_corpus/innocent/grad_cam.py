import numpy as np
import tensorflow as tf

model = tf.keras.models.load_model("model.keras")


def heatmap(image):
    inner = tf.keras.Model(model.inputs, [model.get_layer("last").output, model.output])
    with tf.GradientTape() as tape:
        features, scores = inner(image, training=False)
        top = scores[:, 0]
    return tape.gradient(top, features)


image = np.load("image.npy")[None]
print(np.argmax(model.predict(image)[0]))
print(heatmap(image))
