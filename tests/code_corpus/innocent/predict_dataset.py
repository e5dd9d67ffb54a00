import tensorflow as tf

model = tf.keras.models.load_model("model.keras")
dataset = tf.data.Dataset.load("rows").batch(64)
labels = []
for batch, label in dataset:
    outputs = model.predict(batch, verbose=0)
    labels.append((outputs.argmax(axis=-1) == label.numpy()).mean())
print(sum(labels) / len(labels))
