"""Pictures: Pillow, OpenCV and Keras's own loaders; their axes and the order of their channels."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.engine.values import Mark, Value, scaled_pixels
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing

__all__ = ["IMAGES"]

_GRAY = ("IMREAD_GRAYSCALE", "GRAY")


def _pillow(machine: Machine, call: Call) -> Value:
    """Image.open(...): red, green, blue."""
    marks = call.result.marks | {Mark("image"), Mark("rgb", machine.site(call.node))}
    return Value(kind="image", marks=marks, rank=3)


def _keras_image(machine: Machine, call: Call) -> Value:
    is_gray = call.arguments.get(0, "color_mode").is_const("grayscale")
    marks = call.result.marks | {Mark("image"), Mark("gray" if is_gray else "rgb", machine.site(call.node))}
    return Value(kind="image", marks=marks, rank=3)


def _image_to_array(machine: Machine, call: Call) -> Value:
    """img_to_array(image): height, width, channels."""
    given = call.arguments.get(0)
    return Value(kind="array", marks=given.marks | {Mark("image")}, rank=3)


def _opencv(machine: Machine, call: Call) -> Value:
    """cv2.imread(...): blue, green, red."""
    flag = call.arguments.get(1, "flags")
    is_gray = flag.is_const(0) or flag.text.endswith(_GRAY)
    marks = call.result.marks | {
        Mark("image"),
        Mark("gray") if is_gray else Mark("bgr", machine.site(call.node)),
    }
    return Value(kind="array", marks=marks, rank=2 if is_gray else 3)


def _camera(machine: Machine, call: Call) -> Value:
    return Value(kind="camera", marks=call.result.marks)


def _convert(machine: Machine, call: Call) -> Value:
    """cv2.cvtColor(x, code): the order of the channels changes."""
    given, code = call.arguments.get(0), call.arguments.get(1, "code").text
    kept = given.without("bgr", "rgb")
    site = machine.site(call.node)
    if code.endswith("2GRAY"):
        return Value(kind="array", marks=kept.marks | {Mark("gray")}, rank=2)
    if code.endswith(("BGR2RGB", "RGB2BGR")):
        if not given.has("rgb"):
            kept = kept.marked(Mark("rgb", site))
        elif code.endswith("BGR2RGB"):
            kept = kept.marked(Mark("exchanged", site))
        return replace(kept, items=None)
    return replace(kept, rank=3, items=None)


def _resize(machine: Machine, call: Call) -> Value:
    """cv2.resize(x, size): the same axes."""
    given = call.arguments.get(0)
    return Value(kind="array", marks=given.marks, rank=given.rank, rows=given.rows)


def _blob(machine: Machine, call: Call) -> Value:
    return Value(kind="array", marks=call.arguments.get(0).without("bgr").marks, rank=4, rows="one")


def _decoded(machine: Machine, call: Call) -> Value:
    """tf.io.decode_jpeg(...): height, width, channels in red, green, blue."""
    marks = call.result.marks | {Mark("image"), Mark("rgb", machine.site(call.node))}
    return Value(kind="array", marks=marks, rank=3)


def _as_float(machine: Machine, call: Call) -> Value:
    """tf.image.convert_image_dtype(x, tf.float32): between 0 and 1."""
    given = call.arguments.get(0)
    return replace(given, marks=scaled_pixels(given, "div255", machine.site(call.node)), items=None)


def _from_array(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0)
    return Value(kind="image", marks=given.marks | {Mark("image")}, rank=given.rank or 3)


IMAGES: Handlers = {
    "PIL.open": _pillow,
    "PIL.fromarray": _from_array,
    "PIL.fit": lambda _machine, call: replace(call.arguments.get(0), kind="image"),
    "PIL.grayscale": lambda _machine, call: replace(call.arguments.get(0), kind="image", rank=2),
    "keras.load_img": _keras_image,
    "keras.img_to_array": _image_to_array,
    "keras.smart_resize": _resize,
    "cv2.imread": _opencv,
    "cv2.imdecode": _opencv,
    "cv2.VideoCapture": _camera,
    "cv2.cvtColor": _convert,
    "cv2.resize": _resize,
    "cv2.GaussianBlur": _resize,
    "cv2.blobFromImage": _blob,
    "imageio.imread": _decoded,
    "skimage.imread": _decoded,
    "tensorflow.decode_jpeg": _decoded,
    "tensorflow.decode_png": _decoded,
    "tensorflow.decode_image": _decoded,
    "tensorflow.resize": _resize,
    "tensorflow.convert_image_dtype": _as_float,
    "cv2.putText": nothing,
    "cv2.rectangle": nothing,
}
