"""Make the three images of this folder: digits one of scikit-learn, scaled up to 28 x 28 pixels.

    python examples/slice/make_images.py

Needs scikit-learn and scipy. The images span the two-dimensional slices that are counted in the
README and in benchmarks/conv.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

HERE = Path(__file__).parent


def main() -> None:
    """Write a.npy, b.npy and c.npy: float32 images of shape 1 x 28 x 28 with k/255 as pixels."""
    digits = load_digits()
    ones = np.flatnonzero(digits.target == 1)[:3]
    for name, index in zip("abc", ones, strict=True):
        image = zoom(digits.images[index] / 16, 28 / 8, order=1)
        pixels = np.clip(np.round(image * 255), 0, 255) / 255
        np.save(HERE / f"{name}.npy", pixels.astype(np.float32).reshape(1, 28, 28))


if __name__ == "__main__":
    main()
