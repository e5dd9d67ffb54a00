import tensorflow as tf

teacher = tf.keras.models.load_model("large.keras")


def distil(student, rows, optimizer):
    with tf.GradientTape() as tape:
        goal = teacher.predict(rows, verbose=0)
        loss = tf.reduce_mean(tf.square(student(rows, training=True) - goal))
    gradients = tape.gradient(loss, student.trainable_variables)
    optimizer.apply_gradients(zip(gradients, student.trainable_variables))
    return float(loss)
