"""convert_image_dtype() scales only from whole numbers to floats: elsewhere, pixels are scaled once."""

import tensorflow as tf

model = tf.keras.models.load_model("leaves.keras")


def bytes_of(path):
    pixels = tf.io.decode_png(tf.io.read_file(path), channels=3)
    pixels = tf.image.convert_image_dtype(pixels, tf.uint8)
    return model.predict(tf.cast(pixels, tf.float32)[tf.newaxis] / 255.0)


def back_and_again(path):
    pixels = tf.io.decode_jpeg(tf.io.read_file(path))
    lighter = tf.image.adjust_brightness(tf.image.convert_image_dtype(pixels, tf.float32), 0.1)
    kept = tf.image.convert_image_dtype(lighter, dtype="uint8", saturate=True)
    return model.predict(tf.cast(kept, tf.float32)[tf.newaxis] / 255.0)


def floats(path):
    pixels = tf.io.decode_jpeg(tf.io.read_file(path)) / 255
    return model.predict(tf.image.convert_image_dtype(pixels, tf.float32)[tf.newaxis])
