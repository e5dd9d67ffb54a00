import keras
import tensorflow as tf

model = keras.models.load_model("base.keras")
weights = model.trainable_weights
optimizer = keras.optimizers.Adam()


def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


for x, y in tf.data.Dataset.load("rows").batch(8):
    step(x, y)
model.save("tuned.keras")
