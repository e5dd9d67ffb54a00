"""Diagnosis of a refusal: why a model or scaler was not checked. No check of it has run."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.diagnosis.base import Diagnosis, RefusalCause
from keras_consistency_cli.diagnosis.causes.files.unloadable import SERIALIZATION_GUIDE, UNLOADABLE_CAUSES
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.errors import KcheckError

__all__ = ["REFUSAL_CAUSES", "diagnose_refusal", "refusal_text"]

_PERSISTENCE = "https://scikit-learn.org/stable/model_persistence.html"


_CAUSES = (
    RefusalCause(
        slug="code-in-file",
        sentence="the model file holds code that would run when it is loaded",
        explanation=(
            "A Lambda layer stores a Python function as bytes, and Keras runs what these bytes say. Whoever "
            "wrote the file can run any code on the machine that loads it. Some classes and functions that "
            "a file can name also run code, or open files and addresses."
        ),
        detection=(
            "The file is read as data before anything is loaded, and searched for layers and arguments that "
            "would run code."
        ),
        advice=(
            "replace the Lambda by a layer of Keras or by a custom layer in a file of your own "
            "(--custom-objects layers.py); or add --allow-unsafe if you trust the source of the file"
        ),
        source="https://kb.cert.org/vuls/id/253266",
    ),
    RefusalCause(
        slug="code-in-scaler",
        sentence="the scaler file asks for code that would run when it is loaded",
        explanation=(
            "A pickle is a program: it can call any function that Python can import. joblib writes pickles "
            "too. A scaler of scikit-learn needs only a few classes and functions to be loaded."
        ),
        detection=(
            "The file is read without running it. Each class and function that it asks for is looked up in "
            "the list of those that scalers need."
        ),
        advice=(
            "save a scaler of scikit-learn again: joblib.dump(scaler, 'scaler.joblib') or "
            "skops.io.dump(scaler, 'scaler.skops'); if you trust the author of the file, --trust-scaler "
            "allows other classes, and the file may then run any code"
        ),
        source="https://docs.python.org/3/library/pickle.html",
    ),
    RefusalCause(
        slug="custom-code-missing",
        sentence="the model has classes or functions of its own that were not given",
        explanation=(
            "The file stores the names of custom layers, losses and activations, not their code. Keras needs "
            "the code to build the model."
        ),
        detection="The names in the file are compared with those that this version of Keras has.",
        advice="name the Python file that defines them: --custom-objects layers.py",
        source=SERIALIZATION_GUIDE,
    ),
    RefusalCause(
        slug="file-damaged",
        sentence="the model file is damaged, or is not what Keras writes",
        explanation=(
            "A .keras file is a zip archive with a config, metadata and weights. A download that was "
            "interrupted, a full disk, a pointer of Git LFS in place of the file, or an edited config gives "
            "a file that Keras cannot load, or loads differently than it was saved."
        ),
        detection=(
            "The archive is read as data: its parts, the config, the shapes in it, and the sizes that the "
            "weights need."
        ),
        advice="copy the file again, or save the model again: model.save('model.keras')",
        source=SERIALIZATION_GUIDE,
    ),
    RefusalCause(
        slug="not-a-model",
        sentence="the file is of another kind, not a Keras model",
        explanation=(
            "A scaler, rows or an export were given in the place of the model. The first file is read as a "
            "model that model.save('model.keras') wrote; all others have options of their own."
        ),
        detection=(
            "The first bytes of the file are those of a pickle, an array, a table, a text or TensorFlow Lite."
        ),
        advice=(
            "give the model first, and the rest with its option: kcheck run model.keras --data x.npy "
            "--scaler scaler.pkl --export model.tflite"
        ),
        source=SERIALIZATION_GUIDE,
    ),
    RefusalCause(
        slug="made-by-keras-2",
        sentence="the model is a file of Keras 2, which has to be converted",
        explanation=(
            "Keras 2 saved .h5 files, and .keras files whose configuration differs from that of Keras 3. "
            "Keras 3 reads .h5 files with load_model, and many of the .keras files, but not all."
        ),
        detection=(
            "The first bytes of the file are those of HDF5; or its metadata name a version of Keras 2, and "
            "its config classes or arguments that Keras 3 does not have, or Keras cannot load it."
        ),
        advice=(
            "convert it once, and check the result:\n"
            "    keras.models.load_model('old.h5', compile=False).save('model.keras')"
        ),
        source=SERIALIZATION_GUIDE,
    ),
    RefusalCause(
        slug="package-missing",
        sentence="the model has classes of a package that is not installed",
        explanation=(
            "Layers of KerasHub and similar packages are registered when the package is imported. The file "
            "stores only their names."
        ),
        detection="The registered names in the file are compared with the packages that are installed.",
        advice="install the package; the report has the command",
        source=SERIALIZATION_GUIDE,
    ),
    RefusalCause(
        slug="vocabulary-not-saved",
        sentence="the model was saved as a folder, without the vocabularies that its layers had learnt",
        explanation=(
            "StringLookup, IntegerLookup and TextVectorization keep a vocabulary that adapt() has learnt in "
            "a file of its own in the archive. model.save(folder, zipped=False) writes it for an absolute "
            "path only; for a relative path the file is lost (Keras 3.15.1). The folder loads without an "
            "error, and every call fails because the table is empty."
        ),
        detection=("The config of the layer has no vocabulary, and the folder has no file in assets/."),
        advice=(
            "save the model that was adapted as one file: model.save('model.keras'); or as a folder with an "
            "absolute path; or give the layer its vocabulary as an argument, which the config stores"
        ),
        source=SERIALIZATION_GUIDE,
    ),
    RefusalCause(
        slug="scaler-unusable",
        sentence=(
            "the scaler file is damaged or does not hold exactly one scaler, or the scaler was not fitted or "
            "cannot transform"
        ),
        explanation=(
            "The object in the file is not a scaler, such as a tuple of two, or fit was never called, or a "
            "different version of scikit-learn saved it with attributes that this version does not have."
        ),
        detection=(
            "The file is read, and transform is called on the rows in a process of its own. If that fails, "
            "and the version that saved the scaler differs, the cause is `scaler-version`."
        ),
        advice=(
            "fit the scaler on the training rows, and save it again with the version of scikit-learn that is "
            "installed:\n    joblib.dump(scaler, 'scaler.joblib')"
        ),
        source=_PERSISTENCE,
        is_read=False,
    ),
)

REFUSAL_CAUSES: Mapping[str, RefusalCause] = {cause.slug: cause for cause in (*_CAUSES, *UNLOADABLE_CAUSES)}
"""The causes of refusals by slug; `scaler-version`, which checks also find, is in CAUSES."""


def diagnose_refusal(refusal: KcheckError) -> tuple[Diagnosis, ...]:
    """Return the cause of a refusal, none for errors that are no fault of model or scaler."""
    cause = REFUSAL_CAUSES.get(refusal.cause)
    if cause is None and refusal.cause not in CAUSES:
        return ()
    is_read, reason = cause is not None and cause.is_read, refusal.what.splitlines()[0]
    return (
        Diagnosis(
            cause=refusal.cause,
            severity="fail",
            sentence=(cause or CAUSES[refusal.cause]).sentence,
            confidence="confirmed" if is_read else "likely",
            confirmation=f"read from the file: {reason}" if is_read else f"tried, and failed: {reason}",
            advice=refusal.fix or _fix_in(refusal.what),
        ),
    )


def refusal_text(refusal: KcheckError) -> str:
    """Return the error, and before it the line that names its cause, if it has one."""
    causes = [
        f"cause: {each.cause}, {each.confidence}: {each.sentence}" for each in diagnose_refusal(refusal)
    ]
    return "\n".join([*causes, str(refusal)])


def _fix_in(text: str) -> str:
    """The fix in the text of an error that a worker sent."""
    return next((line.removeprefix("fix: ") for line in text.splitlines() if line.startswith("fix: ")), "")
