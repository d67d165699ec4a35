"""Where the light ends: transfer functions fitted to a radial spectrum.

The expected power at frequency k is ``A(k) H(k)^2 + N``: of a smooth object, an
Airy transfer function H, which ends at a cutoff, times a Gaussian as wide in
proportion, and white noise. The most likely width of H is the answer. A small
network, trained by ``python -m benchmarks.calibrate_width``, says how far it
is to be believed beside the first guess of `dpskit.preprocessing.width`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf, gaussian_otf

if TYPE_CHECKING:
    from dpskit.preprocessing.width import RingSpectrum

__all__ = ["CutoffJudge", "CutoffModel", "cutoff_features", "edge_width"]

# log A is a polynomial in log k; coefficients of Legendre with these deviations.
SMOOTH = np.array([np.inf, 3.0, 0.3, 0.1])
PRIOR = np.diag(np.append(SMOOTH**-2, 0.0))
# Relative scatter of the object's power, and the power of noise of 1e5 photons.
UNEVEN, FAINTEST = 0.15, 1e-4
HANN_SHARE = 18 / 35  # of the frequencies are independent
LOWEST, REACH, MIN_RINGS = 3.0, 1.5, 10
BROADENING = (0.0, 0.5, 0.9)
# Where the cutoff is not believed: near Nyquist, at a width that is not sharp, or
# where the most broadened pattern has a cost lower by this much.
SHARPEST_PX, DECISIVE, REJECTED = 2.2, 0.05, 10.0
COARSE, FINE = np.linspace(-0.6, 0.6, 41), np.linspace(-0.03, 0.03, 13)
STEPS = 15
# Light that ends in darkness: power just inside of the cutoff over that beyond.
INSIDE, BEYOND, DARKNESS = (0.8, 0.95), (1.12, 1.3), 1e5
FAINTER, NEAR, ROUNDS = 3e-3, np.linspace(-0.25, 0.25, 101), 5
CLEARLY, NARROWER, TOO_NARROW = 20.0, 0.85, 0.8


@dataclass(frozen=True, eq=False)
class CutoffModel:
    """Likelihood of the width of an Airy pattern, given the power in rings.

    Parameters
    ----------
    radius, power, count : ndarray of shape (n_rings,)
        Radius in units of 1 / size, mean power per frequency, and how many
        frequencies are independent.
    size : int
        Longest side of the image in pixels.
    leakage : float
        Variance in rings of what window and rings smear the spectrum with.
    """

    radius: np.ndarray
    power: np.ndarray
    count: np.ndarray
    size: int
    leakage: float

    @classmethod
    def of(
        cls, spectrum: RingSpectrum, fwhm_px: float, faintest: float = FAINTEST
    ) -> CutoffModel:
        """Return the rings that matter for widths near `fwhm_px`."""
        narrow = spectrum.size / spectrum.shortest
        count, power, _ = spectrum.sums
        highest = spectrum.size * min(0.5, REACH * AIRY_CUTOFF / fwhm_px)
        radius = np.arange(count.size)
        used = (radius >= LOWEST * narrow) & (radius <= highest) & (count > 0)
        radius, count, power = radius[used], count[used], power[used]
        leakage = (1 + narrow**2) / 6 + 1 / 12
        mean = power / count + faintest
        return cls(radius, mean, HANN_SHARE * count, spectrum.size, leakage)

    def fit(self, fwhm_px: np.ndarray, broadening: float = 0.0) -> Fits:
        """Fit object and noise for each width, by Levenberg and Marquardt.

        Parameters
        ----------
        fwhm_px : ndarray of shape (n_widths,)
            Of the Airy pattern.
        broadening : float, default=0
            Width of the Gaussian over that of the Airy pattern.

        Returns
        -------
        Fits
            One for each width.
        """
        transfer = self._transfer(fwhm_px, broadening)
        place = np.log(self.radius / self.radius[0])
        basis = np.polynomial.legendre.legvander(2 * place / place[-1] - 1, 3)
        bright, dark = np.median(self.power[:5]), self.power[-3:].mean()
        start = [np.log(bright), 0.0, 0.0, 0.0, np.log(dark)]
        now = self._evaluate(np.tile(start, (len(fwhm_px), 1)), basis, transfer)
        damping = np.full(len(fwhm_px), 1e-2)
        for _ in range(STEPS):
            theta = now.theta + now.step(basis, damping)
            new = self._evaluate(theta, basis, transfer)
            better = new.cost < now.cost
            damping = damping * np.where(better, 0.2, 5.0)
            now = new.where(better, now)
        return now

    def _transfer(self, fwhm_px: np.ndarray, broadening: float) -> np.ndarray:
        """Return the squared transfer function by width and ring, smeared."""
        at = np.sqrt(3 * self.leakage) * np.array([[-1.0], [0.0], [1.0]])
        k = np.abs(self.radius + at) / self.size * fwhm_px[:, None, None]
        power = airy_otf(k, 1.0) ** 2
        if broadening:
            power = power * gaussian_otf(k, broadening) ** 2
        return power.swapaxes(1, 2) @ [1 / 6, 2 / 3, 1 / 6]

    def _evaluate(
        self, theta: np.ndarray, basis: np.ndarray, transfer: np.ndarray
    ) -> Fits:
        signal = np.exp(np.clip(theta[:, :4] @ basis.T, -60, 40)) * transfer
        total = signal + np.exp(np.maximum(theta[:, 4:], -60))
        share, ratio = signal / total, self.power / total
        weight = self.count / (1 + self.count * (UNEVEN * share) ** 2)
        deviance = 2 * (weight * (ratio - 1 - np.log(ratio))).sum(1)
        prior = np.einsum("ga,ab,gb->g", theta, PRIOR, theta)
        cost = deviance - np.log(weight).sum(1) + prior
        misfit = deviance / (len(self.radius) - theta.shape[1])
        return Fits(theta, share, weight, ratio, cost, misfit)


@dataclass(frozen=True, eq=False)
class Fits:
    """Fits of one `CutoffModel`, the first axis being that of the width.

    Parameters
    ----------
    theta : ndarray of shape (n_widths, 5)
        Legendre coefficients of log A, and log N.
    share, weight, ratio : ndarray of shape (n_widths, n_rings)
        Signal over all power, inverse variance, and measured over expected.
    cost, misfit : ndarray of shape (n_widths,)
        Minus twice the log posterior, and the deviance per ring: 1 where the
        model explains the spectrum.
    """

    theta: np.ndarray
    share: np.ndarray
    weight: np.ndarray
    ratio: np.ndarray
    cost: np.ndarray
    misfit: np.ndarray

    def step(self, basis: np.ndarray, damping: np.ndarray) -> np.ndarray:
        """Return a damped step of Fisher's scoring."""
        share = self.share[..., None]
        slope = np.concatenate([share * basis, 1 - share], axis=-1)
        weighted = self.weight[..., None] * slope
        gradient = ((self.ratio - 1)[:, None] @ weighted)[:, 0] - self.theta @ PRIOR
        curvature = weighted.swapaxes(1, 2) @ slope + PRIOR
        diagonal = np.einsum("gaa->ga", curvature)
        raised = (damping[:, None] * diagonal + 1e-9)[..., None] * np.eye(5)
        step = np.linalg.solve(curvature + raised, gradient[..., None])[..., 0]
        return step * np.minimum(1, 3 / np.abs(step).max(1, keepdims=True))

    def where(self, chosen: np.ndarray, other: Fits) -> Fits:
        """Return these fits where chosen, the others elsewhere."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Fits(
            *(
                np.where(chosen[:, None] if a.ndim > 1 else chosen, a, b)
                for a, b in pairs
            )
        )


def cutoff_features(
    spectrum: RingSpectrum, fwhm_px: float, spread: float
) -> np.ndarray | None:
    """Return what the fits say about a first guess of the width.

    Parameters
    ----------
    spectrum : RingSpectrum
        Of the image.
    fwhm_px, spread : float
        First guess and its relative uncertainty.

    Returns
    -------
    ndarray of shape (14,) or None
        First the log of the Airy width over the guess, then its uncertainty,
        the misfit, how much worse broadened patterns fit and at which widths,
        that of the guess (number 7), the shape of the object's spectrum, the
        share of signal, and the cutoff in rings and beside the decorrelation
        resolution. None where rings are too few, where the cutoff is beyond them
        or not known to 5 %, and where a broad pattern fits far better.
    """
    model = CutoffModel.of(spectrum, fwhm_px)
    if len(model.radius) < MIN_RINGS:
        return None
    fits = [model.fit(fwhm_px * np.exp(COARSE), b) for b in BROADENING]
    best = [COARSE[np.argmin(f.cost)] for f in fits]
    near = best[0] + FINE
    fine = model.fit(fwhm_px * np.exp(near))
    i = int(np.argmin(fine.cost))
    scale = max(float(fine.misfit[i]), 1.0)
    centre = _average(near, fine.cost / scale)
    variance = _average((COARSE - centre) ** 2, fits[0].cost / scale) + 1e-5
    against = [(f.cost.min() - fine.cost[i]) / scale for f in fits[1:]]
    seen = fwhm_px * np.exp(centre) > SHARPEST_PX and variance < DECISIVE**2
    if not seen or against[-1] < -REJECTED:
        return None
    resolution = spectrum.decorrelation.resolution_px
    return np.array(
        [
            centre,
            0.5 * np.log(variance),
            np.log(fine.misfit[i]),
            *np.arcsinh(against),
            *(b - centre for b in best[1:]),
            np.log(spread),
            *fine.theta[i, 1:4],
            fine.share[i].mean(),
            np.log(model.size * AIRY_CUTOFF / fwhm_px) - centre,
            np.log(resolution / fwhm_px),
        ]
    )


def edge_width(spectrum: RingSpectrum, fwhm_px: float) -> float | None:
    """Return the width from the cutoff alone, where light ends in darkness.

    Parameters
    ----------
    spectrum : RingSpectrum
        Of the image.
    fwhm_px : float
        First guess, at most 20 % too wide.

    Returns
    -------
    float or None
        None where the power just inside of the cutoff is not 100,000 times that
        beyond, where a broadened pattern explains the spectrum clearly better and the
        width is 15 % below the guess, and where it is 20 % below, as that of enlarged
        images, whose light ends where their camera's did. Light ends in darkness in
        images without noise and in SIM reconstructions, whose noise ends with it;
        cameras add noise that does not.
    """
    count, power, _ = spectrum.sums
    mean = power / np.maximum(count, 1)
    radius = np.arange(len(mean)) / spectrum.size

    def median(band: tuple[float, float], fwhm_px: float) -> float:
        k = radius * fwhm_px / AIRY_CUTOFF
        inside = (k > band[0]) & (k <= band[1])
        return float(np.median(mean[inside])) if inside.any() else np.inf

    def darkness(fwhm_px: float) -> float:
        beyond = max(median(BEYOND, fwhm_px), 1e-30)
        return median(INSIDE, fwhm_px) / beyond if np.isfinite(beyond) else 0.0

    width = max(fwhm_px * np.exp(1.2 * NEAR[::4]), key=darkness)
    if not darkness(width) > DARKNESS:
        return None
    for _ in range(ROUNDS):
        faint = FAINTER * median(INSIDE, width)
        model = CutoffModel.of(spectrum, width, faint)
        if len(model.radius) < MIN_RINGS:
            return None
        widths = width * np.exp(NEAR)
        airy = model.fit(widths)
        width = widths[np.argmin(airy.cost)]
    broad = model.fit(widths, BROADENING[1])
    broadened = airy.cost.min() > broad.cost.min() + CLEARLY
    other = (broadened and width < NARROWER * fwhm_px) or width < TOO_NARROW * fwhm_px
    return float(width) if darkness(width) > DARKNESS and not other else None


def _average(values: np.ndarray, cost: np.ndarray) -> float:
    likely = np.exp(-0.5 * (cost - cost.min()))
    return float(values @ likely / likely.sum())


@dataclass(frozen=True, eq=False)
class CutoffJudge:
    """One hidden layer that weighs the fits against the first guess.

    Parameters
    ----------
    centre, scale : ndarray of shape (14,)
        What features are standardised with.
    layers : sequence of two tuples (weight, bias)
        The last has three outputs: trust, shift, and the log of the remaining
        error over that of the guess, which only the training needs.
    """

    centre: np.ndarray
    scale: np.ndarray
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> CutoffJudge:
        """Return the network stored by the calibration."""
        layers = [tuple(map(np.array, layer)) for layer in table["layers"]]
        centre, scale = np.array(table["centre"]), np.array(table["scale"])
        return cls(centre, scale, tuple(layers))

    def weigh(self, features: np.ndarray) -> float:
        """Return the log of the width over the first guess."""
        first, second = self.layers
        x = np.clip((features - self.centre) / self.scale, -4, 4)
        x = first[0] @ x + first[1]
        trust, shift, _ = second[0] @ (x / (1 + np.exp(-x))) + second[1]
        return float(features[0] / (1 + np.exp(-trust)) + np.exp(features[7]) * shift)
