"""Width of the point spread function, estimated from one image.

The transfer function ends at a cutoff of 1.03 / FWHM cycles per pixel, inside
of which the spectrum is that of the object times the transfer function, and
beyond which only noise is left. A small network that slides along the log of
the frequency, so that it treats all widths alike, reads the radial spectrum
and the decorrelation resolution and returns a distribution over widths. Then the
cutoff itself is looked for (`dpskit.preprocessing.cutoff`), which says more
where there is much light and the PSF is an Airy pattern; where there is no noise
beyond it, nothing else counts. The networks are calibrated on simulation by
``python -m benchmarks.calibrate_width``, on images of up to 384 px; those from
512 px on are read tile by tile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from scipy import fft

from dpskit._utils.fft import hann
from dpskit._utils.params import Matching, validate_params
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit._utils.validation import check_image
from dpskit.metrics import DecorrelationResult, decorrelation
from dpskit.preprocessing.cutoff import CutoffJudge, cutoff_features, edge_width

__all__ = ["RingSpectrum", "WidthEstimate", "WidthNetwork", "estimate_fwhm"]

MIN_SIZE, BLOCK = 48, 1024
# Tiles show too little of a PSF beyond WIDEST_IN_TILES.
TILE, WIDEST_IN_TILES = 256, 9.0
METHOD = "radial spectrum, decorrelation and cutoff, calibrated on simulation"
# The network is trained where the FWHM is below WIDE; a wider PSF is read
# again as if the image were downsampled to TARGET.
WIDE, TARGET = 6.0, 4.0
STEP = 0.075
EDGES = 0.004 * np.exp(STEP * np.arange(71))
CENTRES = np.sqrt(EDGES[1:] * EDGES[:-1])
LOG_WIDTHS = np.log(AIRY_CUTOFF / CENTRES)
# Before looking, a width of some pixels is likeliest: a Cauchy law of log(FWHM).
USUAL, USUAL_SPREAD = 4.0, 1.0
MAX_FREQUENCY, MIN_POWER = np.sqrt(0.5), 1e-12
_EDGE_ERROR = 0.03
_PLANE = [Matching("of one plane, (height, width)", lambda shape: len(shape) == 2)]


@dataclass(frozen=True)
class WidthEstimate:
    """Width of a point spread function and how sure it is.

    Attributes
    ----------
    fwhm_px : float
        Full width at half maximum in pixels; NaN when there is no answer.
    std_px : float
        Uncertainty in pixels: about 68 % of simulated images lie within
        ``fwhm_px ± std_px``.
    method : str
        How the width was found.
    reason : str or None
        Why there is no answer; None when there is one.
    """

    fwhm_px: float = np.nan
    std_px: float = np.nan
    method: str = METHOD
    reason: str | None = None


def estimate_fwhm(image: Any) -> WidthEstimate:
    """Estimate the width of the in-focus point spread function of an image.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values of any scale and offset, at least 48 px on each
        side. Of an image above 1024 px, the 1024 px block of the largest
        variance is used; from 512 px on, the mean of the logarithms of the
        widths of its tiles, weighted by their precision.

    Returns
    -------
    WidthEstimate
        ``fwhm_px``, ``std_px``, ``method`` and ``reason``. An image that is
        empty, too small, constant, or without structure above its noise has
        NaN and the reason.

    Raises
    ------
    InvalidParameterError
        If the image is not one finite plane.

    See Also
    --------
    dpskit.metrics.decorrelation : resolution, which also depends on noise.

    Notes
    -----
    The width is that of the Airy pattern which, times a gain, is nearest to
    the PSF in least squares: for an Airy PSF its FWHM, for a Gaussian 6 %
    more, for one with tails slightly more than that of its core. Light from
    out of focus is not part of it. Where the image says little, widths of
    about 4 px are taken as likelier. Errors are tabulated in
    ``docs/width.md``; they hold for images like the simulated ones. An object
    without fine structure looks like a sharper one seen through a wider PSF,
    which the uncertainty tells most of the time, not always.

    References
    ----------
    Descloux, Grussmayer and Radenovic, Nat. Methods 16, 918 (2019),
    doi:10.1038/s41592-019-0515-7, for the decorrelation analysis.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> rng = np.random.default_rng(0)
    >>> light = gaussian_filter(rng.poisson(0.01, (128, 128)) * 1e5, 4 / 2.355)
    >>> width = estimate_fwhm(rng.poisson(light))
    >>> abs(width.fwhm_px - 4) < 2 * width.std_px < 2
    True
    >>> estimate_fwhm(np.zeros((64, 64))).reason
    'the image is constant'
    """
    if np.size(image) == 0:
        return WidthEstimate(reason="the image is empty")
    image = check_image(image, "estimate_fwhm", name="image")
    rules = {"image.shape": _PLANE}
    validate_params(rules, {"image.shape": image.shape}, "estimate_fwhm")
    if min(image.shape) < MIN_SIZE:
        field = "{} x {} px".format(*image.shape)
        return WidthEstimate(reason=f"a field of {field} is smaller than {MIN_SIZE} px")
    block = busiest_block(image.astype(np.float64), BLOCK)
    parts = tiles(block, TILE)
    if len(parts) > 1:
        found = _average([read_block(part) for part in parts])
        if found.fwhm_px <= WIDEST_IN_TILES:
            return found
    return read_block(block)


def read_block(image: np.ndarray) -> WidthEstimate:
    """Return the width as read from the spectrum of the whole image."""
    standard = standardise(image)
    if standard is None:
        return WidthEstimate(reason="the image is constant")
    spectrum = RingSpectrum.measure(standard)
    if spectrum.decorrelation.reason:
        return WidthEstimate(reason="no structure stands out from the noise")
    network, judge = _networks()
    width = look_at_cutoff(spectrum, read_width(spectrum, network), judge)
    return look_at_edge(spectrum, width)


def read_width(spectrum: RingSpectrum, network: WidthNetwork) -> WidthEstimate:
    """Return the width, with a second look at strongly oversampled images."""
    width, spread = network.width(spectrum)
    factor = min(width, spectrum.decorrelation.resolution_px) / TARGET
    if factor > WIDE / TARGET:
        width, spread = network.width(spectrum, factor)
    return WidthEstimate(width, width * spread)


def look_at_cutoff(
    spectrum: RingSpectrum, first: WidthEstimate, judge: CutoffJudge
) -> WidthEstimate:
    """Return the width, corrected by the cutoff where that is to be believed.

    The relative uncertainty stays, as the PSF may not be an Airy pattern.
    """
    features = cutoff_features(spectrum, first.fwhm_px, first.std_px / first.fwhm_px)
    if features is None:
        return first
    change = float(np.exp(judge.weigh(features)))
    return WidthEstimate(first.fwhm_px * change, first.std_px * change)


def look_at_edge(spectrum: RingSpectrum, found: WidthEstimate) -> WidthEstimate:
    """Return the width from the end of the light alone, where there is no noise."""
    width = edge_width(spectrum, found.fwhm_px)
    return found if width is None else WidthEstimate(width, _EDGE_ERROR * width)


def _average(found: Sequence[WidthEstimate]) -> WidthEstimate:
    """Return the mean of the logarithms, weighted by precision; NaN if none is known.

    The parts show objects of one kind, so that their errors are much the same.
    """
    known = [f for f in found if f.reason is None]
    if not known:
        return WidthEstimate()
    logs = np.log([f.fwhm_px for f in known])
    variance = np.array([f.std_px / f.fwhm_px for f in known]) ** 2
    mean = np.average(logs, weights=1 / variance)
    spread = np.average(variance + (logs - mean) ** 2, weights=1 / variance)
    width = float(np.exp(mean))
    return WidthEstimate(width, width * float(np.sqrt(spread)))


def busiest_block(image: np.ndarray, size: int) -> np.ndarray:
    """Return the block of the largest variance from a grid with mirror symmetry."""
    ys, xs = (_starts(n, size, 4) for n in image.shape)
    blocks = [image[y : y + size, x : x + size] for y in ys for x in xs]
    return blocks[0] if len(blocks) == 1 else max(blocks, key=np.var)


def tiles(image: np.ndarray, size: int) -> list[np.ndarray]:
    """Return parts of at least `size` px, on a grid with mirror symmetry."""
    counts = [max(1, n // size) for n in image.shape]
    h, w = (-(-n // count) for n, count in zip(image.shape, counts, strict=True))
    ys = _starts(image.shape[0], h, counts[0] - 1)
    xs = _starts(image.shape[1], w, counts[1] - 1)
    return [image[y : y + h, x : x + w] for y in ys for x in xs]


def _starts(length: int, size: int, steps: int) -> list[int]:
    """Return where parts of `size` px begin, in `steps` steps from end to end."""
    rest = max(length - size, 0)
    first = {f * rest // max(steps, 1) for f in range(steps // 2 + 1)}
    return sorted(first | {rest - a for a in first})


def standardise(image: np.ndarray) -> np.ndarray | None:
    """Return the image with mean 0 and deviation 1, portrait; None if constant."""
    deviation = image.std()
    if deviation <= 1e-7 * np.abs(image).max():
        return None
    image = (image - image.mean()) / deviation
    return image if image.shape[0] >= image.shape[1] else image.T


@dataclass(frozen=True, eq=False)
class RingSpectrum:
    """Power spectrum of an image, summed over rings of integer radius.

    Parameters
    ----------
    sums : ndarray of shape (3, n_rings)
        Number of frequencies, their power, and the log of their power.
    size, shortest : int
        Longest and shortest side of the image; ring r lies at r / size
        cycles per pixel.
    decorrelation : DecorrelationResult
        Of the same image.
    """

    sums: np.ndarray
    size: int
    shortest: int
    decorrelation: DecorrelationResult

    @classmethod
    def measure(cls, image: np.ndarray) -> RingSpectrum:
        """Return the spectrum of an image of mean 0 and deviation 1."""
        window = np.multiply.outer(*map(hann, image.shape))
        centred = image - np.vdot(image, window) / window.sum()
        power = np.abs(fft.rfft2(centred * window)) ** 2 / np.vdot(window, window)
        size = max(image.shape)
        radius = np.hypot(
            fft.fftfreq(image.shape[0])[:, None], fft.rfftfreq(image.shape[1])
        )
        ring = np.rint(radius * size).astype(np.intp).ravel()
        weight = np.full(power.shape, 2.0)
        weight[:, 0] = 1
        if image.shape[1] % 2 == 0:
            weight[:, -1] = 1
        logs = np.log(np.maximum(power, 1e-30))
        sums = [
            np.bincount(ring, (weight * values).ravel())
            for values in (1.0, power, logs)
        ]
        return cls(np.array(sums), size, min(image.shape), decorrelation(image))

    def channels(self, factor: float = 1.0) -> np.ndarray:
        """Return what the network reads, as if downsampled by `factor`.

        Rows are the log power above the noise floor and as it is, its
        evenness within a ring, where there is a spectrum at all, the number
        of frequencies, and the decorrelation resolution.
        """
        total = np.concatenate([np.zeros((3, 1)), np.cumsum(self.sums, axis=1)], 1)
        at = np.maximum(EDGES / factor * self.size + 0.5, 1)
        grid = np.arange(total.shape[1])
        count, power, logs = np.diff([np.interp(at, grid, t) for t in total], axis=1)
        low = 1.5 * factor / self.shortest
        known = (count > 0) & (low < CENTRES) & (CENTRES < MAX_FREQUENCY)
        nearest = np.clip(np.arange(len(known)), *np.flatnonzero(known)[[0, -1]])
        count, power, logs = (v[nearest] for v in (count, power, logs))
        level = np.log(np.maximum(power / count, MIN_POWER))
        even = np.maximum(logs / count, np.log(MIN_POWER))
        floor = even[known][-3:].mean()
        kc = np.log(factor / self.decorrelation.resolution_px)
        bump = np.exp(-0.5 * ((np.log(CENTRES) - kc) / 0.1) ** 2)
        return np.stack(
            [
                (level - floor) / 4,
                level / 4,
                np.where(known, even - level, -np.euler_gamma) + np.euler_gamma,
                known,
                known * np.log(np.clip(count, 0.1, 5000)) / 4,
                2 * self.decorrelation.a0 * bump,
            ]
        )


@dataclass(frozen=True, eq=False)
class WidthNetwork:
    """Dilated convolutions along the log of the frequency.

    Parameters
    ----------
    layers : sequence of tuples (weight, bias, dilation)
        Weights of shape (channels_out, channels_in, taps); all layers but the
        first and last add to their input.
    spread : float
        Factor from half the central 68 % of the distribution to the
        uncertainty, from calibration.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray, int], ...]
    spread: float = 1.0

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> WidthNetwork:
        """Return the network stored by the calibration."""
        layers = [
            (np.array(entry["weight"]), np.array(entry["bias"]), entry["dilation"])
            for entry in table["layers"]
        ]
        return cls(tuple(layers), table["spread"])

    def log_likelihood(self, channels: np.ndarray) -> np.ndarray:
        """Return that of each of `LOG_WIDTHS`, up to a constant."""
        x = channels
        for i, layer in enumerate(self.layers[:-1]):
            y = _convolve(x, *layer)
            y = y / (1 + np.exp(-y))
            x = x + y if i else y
        return _convolve(x, *self.layers[-1])[0]

    def width(self, spectrum: RingSpectrum, factor: float = 1.0) -> tuple[float, float]:
        """Return the median width in pixels and its relative uncertainty."""
        logs = LOG_WIDTHS + np.log(factor)
        likelihood = self.log_likelihood(spectrum.channels(factor))
        usual = 1 + ((logs - np.log(USUAL)) / USUAL_SPREAD) ** 2
        p = np.exp(likelihood - likelihood.max()) / usual
        below = np.cumsum(p[::-1]) / p.sum()
        low, middle, high = np.interp([0.16, 0.5, 0.84], below, logs[::-1] + STEP / 2)
        return float(np.exp(middle)), float(self.spread * (high - low) / 2)


def _convolve(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, dilation: int
) -> np.ndarray:
    n, taps = x.shape[1], weight.shape[2]
    padded = np.pad(x, ((0, 0), (taps // 2 * dilation,) * 2))
    shifted = [padded[:, j * dilation : j * dilation + n] for j in range(taps)]
    return np.tensordot(weight, np.stack(shifted, 1), 2) + bias[:, None]


@cache
def _networks() -> tuple[WidthNetwork, CutoffJudge]:
    """Return the calibrated networks that ship with the package."""
    stored = resources.files("dpskit.preprocessing").joinpath("width.json")
    table = json.loads(stored.read_text(encoding="utf-8"))
    return WidthNetwork.from_table(table), CutoffJudge.from_table(table["cutoff"])
