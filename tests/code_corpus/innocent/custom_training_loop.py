import tensorflow as tf
from tensorflow import keras

model = keras.models.load_model("base.keras")
optimizer = keras.optimizers.SGD()
dataset = tf.data.Dataset.load("rows").batch(8)
for x, y in dataset:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights))
model.save("tuned.keras")
