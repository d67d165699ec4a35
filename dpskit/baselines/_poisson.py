"""The Poisson model of one frame and its multiplicative iterations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import fft

from dpskit._utils.blur import MirrorBlur
from dpskit._utils.differences import backward, forward
from dpskit._utils.fft import transfer_function

__all__ = ["PoissonModel"]


class PoissonModel:
    """Counts ``d ~ Poisson(H x + b)`` of one frame, on the grid of its blur.

    The frame is scaled by a power of two to a peak in [0.5, 1), so that
    every constant below is relative to the image and no bit is lost.

    Parameters
    ----------
    frame : ndarray
        Counts; negative values become 0.
    psf : ndarray
        Of sum 1 and of the axes of `frame`.
    background : ndarray or float, default=0
        The b of the model, in the unit of `frame`.
    workers : int, optional
        Threads of the transforms.
    """

    def __init__(
        self,
        frame: np.ndarray,
        psf: np.ndarray,
        background: np.ndarray | float = 0.0,
        workers: int | None = None,
    ) -> None:
        counts = np.maximum(frame, 0)
        self.psf = psf
        self.exponent = int(np.frexp(counts.max())[1])
        self.blur = MirrorBlur(psf, frame.shape, frame.dtype, workers=workers)
        self.data = self._enter(counts)
        self.background = None
        if np.any(background):
            spread = np.broadcast_to(background, frame.shape).astype(frame.dtype)
            self.background = self._enter(spread)
        self.floor = np.finfo(frame.dtype).eps * (self.data.max() or 1)

    def _enter(self, array: np.ndarray) -> np.ndarray:
        return self.blur.enter(np.ldexp(array, -self.exponent))

    def first_estimate(self, start: np.ndarray | None = None) -> np.ndarray:
        """Return the flat or the given start, nowhere below 0.1 % of the mean."""
        mean = self.data.mean(dtype=np.float64)
        least = self.data.dtype.type(1e-3 * mean)
        if start is not None:
            return np.maximum(self._enter(start), least)
        if self.background is not None:
            mean -= self.background.mean(dtype=np.float64)
        return np.full_like(self.data, max(mean, least))

    def iterations(
        self, x: np.ndarray, *, accelerate: bool, tv: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield each estimate with the expected counts it was made from.

        `x` is overwritten. Arrays are used again, because memory that the
        process already has is faster than new one.
        """
        y, change, ratio, spare = x, None, np.empty_like(x), np.empty_like(x)
        while True:
            expected = self.blur.forward(y)
            if self.background is not None:
                expected += self.background
            np.maximum(expected, self.floor, out=expected)
            new = self.blur.adjoint(np.divide(self.data, expected, out=ratio))
            new *= y
            if tv:
                new /= 1 - tv * _curvature(y, self.floor)
            np.maximum(new, 0, out=new)
            yield new, expected
            if not accelerate:
                y = new
                continue
            last, change = change, np.subtract(new, y, out=spare)
            spare = np.empty_like(x) if last is None else last
            np.subtract(new, x, out=y)
            y *= _step(change, last)
            y += new
            np.maximum(y, self.floor, out=y)
            x = new

    def solve(
        self, x: np.ndarray, *, n_iter: int, accelerate: bool, tv: float, stop: str
    ) -> tuple[np.ndarray, int]:
        """Return the result in the unit of the frame and the iterations done."""
        steps = self.iterations(x, accelerate=accelerate, tv=tv)
        noise = self.expected_misfit() if stop == "discrepancy" else None
        n, reached = 0, False
        while n < n_iter and not reached:
            x, expected = next(steps)
            reached = noise is not None and self.misfit(expected) <= noise
            n += 1
        return self.finish(x, expected), n

    def misfit(self, expected: np.ndarray) -> float:
        """Return the mean squared residual over the image."""
        residual = self.blur.leave(self.data - expected)
        return float(np.mean(residual**2, dtype=np.float64))

    def expected_misfit(self) -> float:
        """Return the misfit at which the estimate begins to fit noise.

        White noise has its variance in every DCT coefficient, so it is read
        where the PSF passes nothing (the median of a squared normal variate
        is 0.4549 of its variance). A fit takes up some of the noise where the
        PSF passes more than 10 %: half of it, as measured on simulations.
        """
        counts = self.blur.leave(self.data)
        passed = np.abs(transfer_function(self.psf, [2 * n for n in counts.shape]))
        passed = passed[tuple(slice(n) for n in counts.shape)]
        blind = passed <= max(0.01, np.quantile(passed, 0.02))
        power = np.median(fft.dctn(counts, norm="ortho")[blind] ** 2) / 0.4549
        return float(power * (1 - np.mean(passed > 0.1) / 2))

    def finish(self, x: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Cut to the image, give it the light that belongs to it, and rescale.

        An iteration assigns ``d - b d / (H y + b)`` to the object; on a padded
        grid some of it would cross the border.
        """
        x, counts = self.blur.leave(x), self.blur.leave(self.data)
        light = counts.sum(dtype=np.float64)
        if self.background is not None:
            share = self.blur.leave(self.background / expected)
            light -= np.sum(counts * share, dtype=np.float64)
        total = x.sum(dtype=np.float64)
        factor = light / total if total > 0 else 1.0
        return np.ldexp(x * x.dtype.type(factor), self.exponent)


def _step(change: np.ndarray, last: np.ndarray | None) -> float:
    """Return the step of Biggs and Andrews, from two corrections in a row."""
    if last is None:
        return 0.0
    along, power = np.vdot(change, last), np.vdot(last, last)
    return float(np.clip(along / power, 0.0, 1.0)) if power > 0 else 0.0


def _curvature(image: np.ndarray, floor: float) -> np.ndarray:
    """Return the divergence of the normalised gradient."""
    gradient = [forward(image, axis) for axis in range(image.ndim)]
    norm = np.sqrt(sum(g**2 for g in gradient) + floor**2)
    return sum(backward(g / norm, axis) for axis, g in enumerate(gradient))
