"""The transfer function against a stored Wiener inverse."""

from pathlib import Path

import numpy as np

from dpskit._utils.fft import transfer_function
from dpskit.psf import gaussian

DATA = Path(__file__).parents[1] / "data"


def test_wiener_inverse_of_the_stored_kernel():
    """W-DIP's kernel, standard deviation 4 px on 13 px, and its inverse."""
    with np.load(DATA / "wiener.npz") as stored:
        kernel, expected = stored["kernel"], stored["inverse"]
    psf = gaussian(4.0 * np.sqrt(8 * np.log(2)), 13)
    np.testing.assert_allclose(psf, kernel, atol=1e-15)
    with np.load(DATA / "loss_images.npz") as stored:
        image = stored["noisy"].astype(float)
    spectrum = np.fft.rfft2(image / image.max())
    transfer = transfer_function(psf, image.shape)
    inverse = spectrum * transfer.conj() / (np.abs(transfer) ** 2 + 0.025)
    found = np.abs(np.fft.irfft2(inverse, s=image.shape))
    np.testing.assert_allclose(found, expected, atol=3e-7)
