"""Rules about pictures: the range of pixels and the order of channels."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.library.keras_objects import OF_PIXELS
from keras_consistency_cli.checks.code.rule import Evidence, Hit, Rule, rule, served_events
from keras_consistency_cli.checks.code.values.value import Site, Value

__all__ = ["RULES"]


def _sites(value: Value, kind: str) -> list[Site]:
    return sorted({mark.site for mark in value.of(kind) if mark.site is not None})


@rule(
    "KS301",
    "pixels-scaled-twice",
    "fail",
    "are pixels divided by 255 twice, or next to a Rescaling layer?",
    causes=("normalized-twice", "scaler-applied-twice"),
)
def twice(evidence: Evidence) -> Iterator[Hit]:
    """Pixels are scaled twice: in the code, and again in the code or in the model.

    Why: After the second division, all pixels are nearly zero. The picture is black for the model.

    How: The rule follows divisions by 255, convert_image_dtype() from whole numbers to floats, and
    preprocess_input() of keras.applications to predict() of a loaded model, and Rescaling layers. Pictures
    that plt.imread("a.png") or cv2.normalize() with the limits 0 and 1 return are scaled, too. A Rescaling
    layer in the model counts, by --model or by the code that builds it; models of keras.applications such
    as EfficientNet contain one.

    To fix: Scale once. If the model contains a Rescaling layer, feed it pixels from 0 to 255.

        outputs = model.predict(np.expand_dims(np.array(image), axis=0))

    Sources: https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/
    """
    for _, event in served_events(evidence):
        for mark in event.data.of("scaled-twice"):
            if mark.site is not None and mark.before is not None:
                yield Hit(
                    site=mark.site,
                    words=f"the pixels are scaled here and in {evidence.describe(mark.before, mark.site)}",
                    fix="scale once, as in training",
                )
        divisions = _sites(event.data, "div255")
        prepared = _sites(event.data, "prepared")
        inside = _scaled_inside(evidence, event)
        if inside and (divisions or prepared):
            yield Hit(
                site=(divisions or prepared)[0],
                words=f"the pixels are scaled here, and by {inside} in the model",
                fix="feed the model pixels from 0 to 255",
            )


def _scaled_inside(evidence: Evidence, event: Event) -> str:
    """What scales pixels in a model: by its file, or by the code that builds it; "" if nothing does."""
    facts, thing = evidence.facts_for(event), event.subject.thing
    if facts is not None:
        return facts.rescaling[0] if facts.rescaling else ""
    return "a layer" if thing is not None and OF_PIXELS in thing.layers else ""


@rule(
    "KS302",
    "pixels-not-scaled",
    "fail",
    "are pixels scaled in training and not when serving?",
    causes=("scaler-missing", "input-range"),
)
def not_scaled(evidence: Evidence) -> Iterator[Hit]:
    """Training divides pixels by 255, and the code that serves the model does not.

    Why: The model gets numbers that are 255 times larger than those of training.

    How: A file of the same program trains with ImageDataGenerator(rescale=1/255), and a picture reaches
    predict() of a model that was loaded without a division by 255.

    To fix: Scale as in training, best in the model itself, with a Rescaling layer.

        outputs = model.predict(pixels / 255.0)

    Sources: https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/
    """
    place = evidence.training.rescales
    for _, event in served_events(evidence) if place else ():
        facts = evidence.facts_for(event)
        if facts is not None and facts.rescaling:
            continue
        scaled = ("div255", "div127", "prepared", "scaled", "centred", "averaged")
        if event.data.has("image") and not any(map(event.data.has, scaled)) and _is_only_loaded(event):
            yield Hit(
                site=event.site,
                words=f"the pixels are not divided by 255 as in training ({place})",
                fix="divide by 255 before predict(), or put a Rescaling layer into the model",
            )


def _is_only_loaded(event: Event) -> bool:
    """Whether the model is from a file, and not from keras.applications."""
    thing = event.subject.thing
    return thing is not None and thing.name == "load_model"


@rule(
    "KS303",
    "channel-order",
    "fail",
    "are channels in the order blue, green, red although the model expects red, green, blue?",
    causes=("feature-order",),
)
def channels(evidence: Evidence) -> Iterator[Hit]:
    """A picture reaches the model with exchanged channels.

    Why: OpenCV reads blue, green, red; Keras and Pillow read red, green, blue. A model that was trained
    on one and gets the other is less accurate, without an error.

    How: The rule follows pictures of cv2.imread(), cv2.imdecode() and cv2.VideoCapture to predict(). It
    reports them if the model expects red, green, blue: preprocess_input() or decode_predictions() of
    keras.applications is used, or a file of the same program trains with Keras's own loaders. VGG and ResNet
    of keras.applications take blue, green, red: their preprocess_input() exchanges the channels, and without
    it OpenCV's order is right. So it is where the means of these channels are subtracted. The rule also
    reports COLOR_BGR2RGB of a picture that Pillow or Keras has read, which exchanges the right channels, and
    COLOR_RGB2BGR of one before a model that expects red, green, blue.

    To fix: Convert what OpenCV has read, and only that.

        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)

    Sources: https://docs.opencv.org/4.x/d8/d01/group__imgproc__color__conversions.html
    """
    for trace, event in served_events(evidence):
        for site in _sites(event.data, "exchanged"):
            yield Hit(
                site=site,
                words="COLOR_BGR2RGB of a picture that is red, green, blue already exchanges its channels",
                fix="remove the conversion: only OpenCV reads blue, green, red",
                severity="warn",
            )
        reason = _expects_rgb(evidence, trace, event)
        for mark in event.data.of("bgr") if reason else ():
            if mark.site is not None:
                yield _as_bgr(mark.site, "reversed" in mark.names, reason)


def _as_bgr(site: Site, is_reversed: bool, reason: str) -> Hit:
    """A picture that is blue, green, red: as OpenCV reads it, or because its channels are reversed."""
    if is_reversed:
        words = "the channels of a picture that is red, green, blue are reversed here"
        return Hit(site=site, words=f"{words}, and {reason}", fix="remove the reversal")
    words = f"OpenCV reads blue, green, red, and {reason}"
    return Hit(site=site, words=words, fix="cv2.cvtColor(image, cv2.COLOR_BGR2RGB)")


def _expects_rgb(evidence: Evidence, trace: Trace, event: Event) -> str:
    if event.data.has("gray"):
        return ""
    if event.data.has("prepared") or event.data.has("expects-rgb"):
        return "preprocess_input() expects red, green, blue"
    thing = event.subject.thing
    if event.data.has("means-of-bgr"):
        return ""
    is_of_caffe = thing is not None and "caffe" in thing.layers
    is_application = (thing is not None and thing.name == "application") or bool(trace.of("decode"))
    if is_application and not is_of_caffe:
        return "the model of keras.applications expects red, green, blue"
    if evidence.training.reads_rgb:
        return f"training reads red, green, blue ({evidence.training.reads_rgb})"
    return ""


RULES: tuple[Rule, ...] = (twice, not_scaled, channels)
