import tensorflow as tf

model = tf.keras.models.load_model("cifar.keras")


def attack(loss_of, rows, labels, step=0.01):
    rows = tf.convert_to_tensor(rows)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = loss_of(labels, model.predict(rows))
    return rows + step * tf.sign(tape.gradient(loss, rows))
