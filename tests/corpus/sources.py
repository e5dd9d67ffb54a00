"""Sources of serving modules with right and wrong prepare(rows) functions."""

from __future__ import annotations

__all__ = ["MISTAKEN", "MUTATING", "SOUND", "TOGETHER", "UNSTEADY"]

_HEAD = (
    '"""Serving."""\nimport numpy as np\n\nMEAN, SCALE = np.array({mean}), np.array({scale})\n'
    "\n\ndef prepare(rows):\n"
)

SOUND: dict[str, str] = {
    "constants": _HEAD + "    return (rows - MEAN) / SCALE\n",
    "a copy changed": _HEAD
    + "    rows = np.array(rows, dtype='float64')\n    rows -= MEAN\n    rows /= SCALE\n    return rows\n",
    "cast at the end": _HEAD
    + "    return ((np.asarray(rows, 'float64') - MEAN) / SCALE).astype('float32')\n",
    "a matrix product": _HEAD + "    return (np.asarray(rows) - MEAN) @ np.linalg.inv(np.diag(SCALE))\n",
    "dithered from a seed of its own": _HEAD
    + "    return (rows - MEAN) / SCALE + np.random.default_rng(3).normal(0, 0.01, len(MEAN))\n",
    "clipped": _HEAD + "    return np.clip((rows - MEAN) / SCALE, -5, 5)\n",
}
"""Functions that prepare each row as in training, whatever rows come with it."""

MISTAKEN: dict[str, str] = {
    "standardised by the batch": _HEAD
    + "    return (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)\n",
    "centred by the batch, scaled by constants": _HEAD + "    return (rows - rows.mean(axis=0)) / SCALE\n",
    "fit_transform": "from sklearn.preprocessing import StandardScaler\n\n\ndef prepare(rows):\n"
    "    return StandardScaler().fit_transform(rows)\n",
    "ranks among the batch": _HEAD
    + "    return rows.argsort(axis=0).argsort(axis=0) / max(len(rows) - 1, 1) * 3.4 - 1.7\n",
    "outliers cut at the batch's own percentiles": _HEAD
    + "    low, high = np.percentile(rows, [2, 98], axis=0)\n"
    + "    return (np.clip(rows, low, high) - MEAN) / SCALE\n",
    "one column by the batch": _HEAD
    + "    scaled = (rows - MEAN) / SCALE\n"
    + "    scaled[:, 1] = (rows[:, 1] - rows[:, 1].mean()) / (rows[:, 1].std() + 1e-9)\n    return scaled\n",
}
"""Functions whose rows depend on the other rows of the call."""

UNSTEADY: dict[str, str] = {
    "a running mean": _HEAD.replace("\n\n\ndef", "\nseen = []\n\n\ndef")
    + "    seen.extend(rows)\n    return (rows - np.mean(seen, axis=0)) / SCALE\n",
    "noise of augmentation": _HEAD
    + "    return (rows - MEAN) / SCALE + np.random.default_rng().normal(0, 0.01, rows.shape)\n",
    "a projection drawn when it is imported": _HEAD.replace(
        "\n\n\ndef", "\ntilt = np.random.default_rng().normal(0, 0.01, len(MEAN))\n\n\ndef"
    )
    + "    return (rows - MEAN) / SCALE + tilt\n",
}
"""Functions whose rows differ each time, or in each process."""

MUTATING: dict[str, str] = {
    "in place": _HEAD + "    rows -= MEAN\n    rows /= SCALE\n    return rows\n",
    "in place, one column": _HEAD
    + "    rows[:, 0] = np.log1p(np.abs(rows[:, 0]))\n    return rows / SCALE\n",
}
"""Functions that change their argument."""

TOGETHER: dict[str, str] = {
    "constants": _HEAD + "    return {{name: (values - MEAN) / SCALE for name, values in rows.items()}}\n",
    "a list": _HEAD + "    return [(rows[name] - MEAN) / SCALE for name in ('left', 'right')]\n",
    "by the batch": _HEAD
    + "    return {{'left': (rows['left'] - MEAN) / SCALE, "
    + "'right': (rows['right'] - rows['right'].mean(axis=0)) / SCALE}}\n",
    "in place": _HEAD
    + "    rows['right'] -= MEAN\n    rows['right'] /= SCALE\n"
    + "    rows['left'] = (rows['left'] - MEAN) / SCALE\n    return rows\n",
}
"""Functions of two tables at once, right and wrong."""
