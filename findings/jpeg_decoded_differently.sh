#!/usr/bin/env bash
# TensorFlow decodes a JPEG into other pixels than Pillow, and every Keras dataset of images is decoded by TensorFlow.
#
# tensorflow-cpu 2.21.0, pillow 13.0.0: tf.io.decode_jpeg and decode_image, which keras.utils.image_dataset_from_directory calls,
# use a fast and less accurate transform by default. A service that opens the same file with Pillow, OpenCV or
# keras.utils.load_img feeds pixels that are some levels of 255 away from those of training. With
# dct_method="INTEGER_ACCURATE" both give the same bits.
#
# Seen: up to 7 levels of 255 apart in forty smooth images; none with the accurate method
# Way out: decode in training and serving with the same library, or pass dct_method="INTEGER_ACCURATE" to tf.io.decode_jpeg.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 pillow==13.0.0 numpy==2.4.6
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'EOF'
import io

import numpy as np
import tensorflow as tf
from PIL import Image

random = np.random.default_rng(0)
apart = {"": 0, "INTEGER_ACCURATE": 0}
for _ in range(40):
    colours = random.uniform(0, 255, (6, 6, 3)).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(colours).resize((64, 64), Image.Resampling.BICUBIC).save(file, "JPEG", quality=int(random.integers(60, 96)))
    pillow = np.asarray(Image.open(io.BytesIO(file.getvalue())), int)
    for method, most in apart.items():
        decoded = tf.io.decode_jpeg(file.getvalue(), channels=3, dct_method=method).numpy().astype(int)
        apart[method] = max(most, int(np.abs(decoded - pillow).max()))
print(f"tensorflow {tf.__version__}: {apart['']} levels apart by default, {apart['INTEGER_ACCURATE']} with the accurate method")
assert apart["INTEGER_ACCURATE"] == 0 < 2 < apart[""]
EOF
