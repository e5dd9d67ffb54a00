import tensorflow as tf

model = tf.keras.models.load_model("leaves.keras")


def leaf(path):
    pixels = tf.image.convert_image_dtype(tf.io.decode_png(tf.io.read_file(path)), tf.uint8)
    pixels = tf.image.convert_image_dtype(pixels, "float32")
    return model.predict(pixels[tf.newaxis] / 255.0)
