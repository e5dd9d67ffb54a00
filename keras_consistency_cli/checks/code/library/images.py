"""Pictures: Pillow, OpenCV and Keras's own loaders; their axes and the order of their channels."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.arrays import stacked
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing
from keras_consistency_cli.checks.code.values.channels import (
    TURNED,
    chosen_planes,
    flipped_channels,
    joined_planes,
    planes_of,
    reversed_at,
)
from keras_consistency_cli.checks.code.values.marks import SCALED, scaled_pixels
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value, merge_marks

__all__ = ["IMAGES", "pasted", "resized"]

_GRAY = ("IMREAD_GRAYSCALE", "GRAY")
_READ_RGB = 256
"""cv2.IMREAD_COLOR_RGB, since OpenCV 4.10."""


_ANY_SIZE = Mark("any-size")
"""Of pictures as their files have them: those of different files can have different sizes."""


def resized(picture: Value, size: Value) -> Value:
    """Return a picture of a size that is the same for all, unless it is computed from that of the picture."""
    is_relative = size.is_const(None) or size.has("size-of-picture") or size.has("any-size")
    return picture if is_relative else picture.without("any-size")


def _pillow(machine: Machine, call: Call) -> Value:
    """Image.open(...): red, green, blue."""
    marks = call.result.marks | {Mark("image"), Mark("rgb", machine.site(call.node)), _ANY_SIZE}
    return Value(kind="image", marks=marks, rank=3)


def _canvas(machine: Machine, call: Call) -> Value:
    """Image.new("RGB", size): a picture of one color."""
    is_gray = call.arguments.get(0, "mode").text in ("L", "1", "F", "I")
    order = Mark("gray") if is_gray else Mark("rgb", machine.site(call.node))
    return Value(kind="image", marks=frozenset({Mark("image"), order}), rank=2 if is_gray else 3)


def pasted(machine: Machine, call: Call) -> Value:
    """canvas.paste(picture, place): the picture becomes part of it."""
    func, given = call.node.func, call.arguments.get(0, "im")
    if call.receiver.kind == "image" and isinstance(func, ast.Attribute):
        kept = given if call.receiver.has("gray") else given.without("gray")
        machine.assign(func.value, call.receiver.marked(*kept.without("rgb").marks))
    return NOTHING


def _keras_image(machine: Machine, call: Call) -> Value:
    is_gray = call.arguments.get(0, "color_mode").is_const("grayscale")
    marks = call.result.marks | {Mark("image"), Mark("gray" if is_gray else "rgb", machine.site(call.node))}
    marks |= {_ANY_SIZE} if not call.arguments.get(2, "target_size").kind else set()
    return Value(kind="image", marks=marks, rank=2 if is_gray else 3)


def _image_to_array(machine: Machine, call: Call) -> Value:
    """img_to_array(image): height, width, channels, of which a gray picture has one."""
    given = call.arguments.get(0).without("gray")
    return Value(kind="array", marks=given.marks | {Mark("image")}, rank=3)


def _opencv(machine: Machine, call: Call) -> Value:
    """cv2.imread(...): blue, green, red."""
    flag = call.arguments.get(1, "flags")
    is_gray = flag.is_const(0) or flag.text.endswith(_GRAY)
    order = "rgb" if flag.is_const(_READ_RGB) or flag.text.endswith("IMREAD_COLOR_RGB") else "bgr"
    marks = call.result.marks | {
        Mark("image"),
        _ANY_SIZE,
        Mark("gray") if is_gray else Mark(order, machine.site(call.node)),
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
        before_rgb = "exchanged" if code.endswith("BGR2RGB") else "bgr"
        kept = kept.marked(Mark(before_rgb, site, names=TURNED) if given.has("rgb") else Mark("rgb", site))
        return replace(kept, items=None)
    return replace(kept, rank=3, items=None)


def _resize(machine: Machine, call: Call) -> Value:
    """cv2.resize(x, size): the same axes."""
    given = resized(call.arguments.get(0), call.arguments.get(1, "dsize"))
    return Value(kind="array", marks=given.marks, rank=given.rank, rows=given.rows)


def _filtered(machine: Machine, call: Call) -> Value:
    """cv2.GaussianBlur(x, (5, 5), 0): the same axes and size."""
    given = call.arguments.get(0)
    return Value(kind="array", marks=given.marks, rank=given.rank, rows=given.rows)


def _split(machine: Machine, call: Call) -> Value:
    """cv2.split(x), tf.unstack(x, axis=-1): the channels one by one."""
    given, axis = call.arguments.get(0), call.arguments.options.get("axis")
    return planes_of(given) if axis is None or _is_last(axis, given) else call.result


def _merge(machine: Machine, call: Call) -> Value:
    """cv2.merge([r, g, b]), np.dstack([r, g, b]): one picture of these channels."""
    parts = call.arguments.get(0)
    whole = Value(kind="array", marks=merge_marks((parts, *(parts.items or ()))), rank=3)
    return reversed_at(whole, joined_planes(whole, parts), machine.site(call.node))


def _stack(machine: Machine, call: Call) -> Value:
    """np.stack([r, g, b], axis=-1): one picture of these channels; along the first axis, a batch."""
    parts, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    is_picture = parts.has("bgr") or parts.has("rgb")
    if is_picture and _is_last(axis, replace(parts, rank=None)):
        return _merge(machine, call)
    return stacked(call)


def _reverse(machine: Machine, call: Call) -> Value:
    """np.flip(x, axis=-1), tf.reverse(x, [-1]): without an axis, np.flip() reverses all of them."""
    given, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    axes = axis.items if axis.items is not None else (axis,)
    is_flipped = any(not each.kind or each.is_const(None) or _is_last(each, given) for each in axes)
    if not is_flipped:
        return replace(given, items=None)
    return reversed_at(given, flipped_channels(given), machine.site(call.node))


def _take(machine: Machine, call: Call) -> Value:
    """np.take(x, [2, 1, 0], axis=-1), tf.gather(x, [2, 1, 0], axis=-1)."""
    given, axis = call.arguments.get(0), call.arguments.get(2, "axis")
    if _is_last(axis, given):
        chosen = chosen_planes(given, call.arguments.get(1))
        return reversed_at(given, chosen, machine.site(call.node))
    return Value(kind="array", marks=given.marks)


def _is_last(axis: Value, given: Value) -> bool:
    """Whether an axis is that of the channels: the last one of a picture or of a batch of pictures."""
    last = (given.rank or (4 if given.rows else 3)) - 1
    return axis.is_const(-1) or axis.is_const(last)


def _blob(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0).without("bgr", "any-size")
    return Value(kind="array", marks=given.marks, rank=4, rows="one")


def _decoded(machine: Machine, call: Call) -> Value:
    """tf.io.decode_jpeg(...): height, width, channels in red, green, blue."""
    marks = call.result.marks | {Mark("image"), Mark("rgb", machine.site(call.node)), _ANY_SIZE}
    return Value(kind="array", marks=marks, rank=3)


def _as_float(machine: Machine, call: Call) -> Value:
    """tf.image.convert_image_dtype(x, tf.float32): whole numbers come between 0 and 1, floats stay.

    To uint8, it is the other way round: pixels are between 0 and 255 again, or still.
    """
    given, dtype = call.arguments.get(0), call.arguments.get(1, "dtype").text.rpartition(".")[2]
    if dtype == "uint8":
        return replace(given.without(*SCALED), items=None)
    if "int" in dtype or any(map(given.has, SCALED)):
        return replace(given, items=None)
    return replace(given, marks=scaled_pixels(given, "div255", machine.site(call.node)), items=None)


def _normalized(machine: Machine, call: Call) -> Value:
    """cv2.normalize(x, None, 0.0, 1.0, cv2.NORM_MINMAX): between 0 and 1."""
    given = call.arguments.get(0, "src")
    limits = [call.arguments.get(2, "alpha").ref, call.arguments.get(3, "beta").ref]
    is_small = call.arguments.get(4, "norm_type").text.endswith("NORM_MINMAX") and {0, 1} == {*limits}
    marks = scaled_pixels(given, "div255", machine.site(call.node)) if is_small else given.marks
    return Value(kind="array", marks=marks, rank=given.rank, rows=given.rows)


def _plotted(machine: Machine, call: Call) -> Value:
    """plt.imread("a.png"): matplotlib reads .png as numbers between 0 and 1."""
    given, site = call.arguments.get(0, "fname"), machine.site(call.node)
    marks = call.result.marks | {Mark("image"), Mark("rgb", site)}
    picture = Value(kind="array", marks=marks)
    is_small = given.text.casefold().endswith(".png")
    return replace(picture, marks=scaled_pixels(picture, "div255", site)) if is_small else picture


def _fitted(machine: Machine, call: Call) -> Value:
    """ImageOps.fit(image, size)."""
    return replace(resized(call.arguments.get(0), call.arguments.get(1, "size")), kind="image")


def _from_array(machine: Machine, call: Call) -> Value:
    given = call.arguments.get(0)
    return Value(kind="image", marks=given.marks | {Mark("image")}, rank=given.rank or 3)


IMAGES: Handlers = {
    "PIL.open": _pillow,
    "PIL.new": _canvas,
    "PIL.fromarray": _from_array,
    "PIL.fit": _fitted,
    "PIL.pad": _fitted,
    "PIL.grayscale": lambda _machine, call: replace(call.arguments.get(0), kind="image", rank=2),
    "keras.load_img": _keras_image,
    "keras.img_to_array": _image_to_array,
    "keras.smart_resize": _resize,
    "cv2.imread": _opencv,
    "cv2.imdecode": _opencv,
    "cv2.VideoCapture": _camera,
    "cv2.cvtColor": _convert,
    "cv2.resize": _resize,
    "cv2.GaussianBlur": _filtered,
    "cv2.blobFromImage": _blob,
    "cv2.split": _split,
    "cv2.merge": _merge,
    "imutils.opencv2matplotlib": lambda _machine, call: flipped_channels(call.arguments.get(0)),
    "numpy.dstack": _merge,
    "numpy.stack": _stack,
    "numpy.flip": _reverse,
    "numpy.take": _take,
    "tensorflow.stack": _stack,
    "tensorflow.unstack": _split,
    "tensorflow.reverse": _reverse,
    "tensorflow.gather": _take,
    "keras.stack": _stack,
    "keras.flip": _reverse,
    "keras.take": _take,
    "imageio.imread": _decoded,
    "skimage.imread": _decoded,
    "tensorflow.decode_jpeg": _decoded,
    "tensorflow.decode_png": _decoded,
    "tensorflow.decode_image": _decoded,
    "tensorflow.resize": _resize,
    "tensorflow.resize_with_pad": _resize,
    "tensorflow.resize_with_crop_or_pad": _resize,
    "skimage.resize": _resize,
    "tensorflow.convert_image_dtype": _as_float,
    "cv2.normalize": _normalized,
    "matplotlib.imread": _plotted,
    "cv2.putText": nothing,
    "cv2.rectangle": nothing,
}
