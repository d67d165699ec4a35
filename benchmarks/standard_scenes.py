"""The six standard photographs, blurred as a microscope of 3.5 px would.

A photograph is blurred whole with mirrored borders, for nothing is known of
what lies beyond it; the centre crops are cut from the blurred photograph, so
that what lies around them has shone into them as in a real camera.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage import data
from skimage.io import imread

from dpskit._utils.blur import MirrorBlur
from dpskit.psf import airy

__all__ = ["BORDER_PX", "CROP_PX", "FWHM_PX", "NAMES", "NOISES", "crops", "whole"]

FWHM_PX = 3.5
CROP_PX, BORDER_PX = 128, 8
NAMES = ("camera", "coins", "moon", "brick", "gravel", "boat")
NOISES = (0.0, 0.01)


def whole(noise: float, boat: Path | None) -> dict[str, tuple]:
    """Return image and truth by name, 0 to 1; without the boat if it is not given.

    `noise` is the standard deviation of white noise, relative to white.
    """
    pairs = {}
    for seed, name in enumerate(NAMES):
        if name == "boat" and boat is None:
            continue
        truth = (imread(boat) if name == "boat" else getattr(data, name)()) / 255.0
        blur = MirrorBlur(airy(FWHM_PX), truth.shape, truth.dtype, exact=True)
        image = blur.leave(blur.forward(blur.enter(truth)))
        image += noise * np.random.default_rng(seed).standard_normal(image.shape)
        pairs[name] = image.astype(np.float32), truth
    return pairs


def crops(noise: float, boat: Path | None) -> dict[str, tuple]:
    """Return the centre 128 x 128 of image and truth by name."""
    return {
        name: tuple(_centre(part) for part in pair)
        for name, pair in whole(noise, boat).items()
    }


def _centre(image: np.ndarray) -> np.ndarray:
    top, left = ((n - CROP_PX) // 2 for n in image.shape)
    return image[top : top + CROP_PX, left : left + CROP_PX]
