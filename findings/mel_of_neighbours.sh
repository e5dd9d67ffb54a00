#!/usr/bin/env bash
# MelSpectrogram gives a quiet clip a different spectrogram if a loud clip is in the same batch.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: with power_to_db=True, the default, the layer cuts off what is more than top_db below the
# loudest value of the whole batch, not of each clip. It has no weights and no training mode, so that nobody expects it.
#
# Seen: a clip 80 dB quieter than its neighbour: alone its spectrogram varies by 57 dB, next to the loud clip by 3 dB.
# With power_to_db=False both are the same.
# Way out: power_to_db=False, and 10 * keras.ops.log10(keras.ops.maximum(mel, 1e-10)) after it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

time = np.arange(4000) / 8000
quiet = 1e-4 * np.sin(2 * np.pi * 440 * time)
loud = np.random.default_rng(0).normal(size=4000)
clips = np.stack([quiet, loud]).astype("float32")


def quiet_clip(**arguments):
    layer = keras.layers.MelSpectrogram(fft_length=256, sequence_stride=128, num_mel_bins=20, sampling_rate=8000, **arguments)
    model = keras.Sequential([keras.Input((4000,)), layer])
    return model.predict(clips[:1], verbose=0)[0], model.predict(clips, verbose=0)[0]


alone, together = quiet_clip()
differs = float(np.abs(alone - together).max())
linear = float(np.abs(np.subtract(*quiet_clip(power_to_db=False))).max())
print(f"keras {keras.__version__}: alone the quiet clip varies by {np.ptp(alone):.0f} dB, next to a loud one by "
      f"{np.ptp(together):.0f} dB; they differ by {differs:.0f} dB, with power_to_db=False by {linear:.2g}")
assert differs > 20
assert np.ptp(together) < np.ptp(alone) / 2
assert linear < 1e-9
PYTHON
