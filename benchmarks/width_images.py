"""Simulated images of known PSF width, for `benchmarks.calibrate_width`.

Every image is described by a `Recipe`, drawn at random or in part given, and
made by `make_picture`: structure -> optics, haze -> camera -> processing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft, ndimage, signal
from skimage import data

from dpskit._utils.fft import frequency_radius
from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf, gaussian_otf
from dpskit.synth import TRAINING_KINDS, draw_structure
from dpskit.synth.shapes import stretched, widened

__all__ = [
    "KINDS",
    "MODALITIES",
    "Recipe",
    "draw_recipe",
    "make_picture",
    "nearest_airy",
]

MODALITIES = {
    "airy": 0.18,
    "widefield": 0.36,
    "confocal": 0.12,
    "sted": 0.12,
    "sim": 0.15,
    "smoothed": 0.07,
}
KINDS = TRAINING_KINDS | {"bodies": 0.08}
SIZES = {64: 0.2, 96: 0.2, 128: 0.25, 192: 0.2, 256: 0.12, 384: 0.03}
Transfer = Callable[[np.ndarray], np.ndarray]
_ANGLES = (np.arange(16) + 0.5) * np.pi / 32


@dataclass(frozen=True)
class Recipe:
    """What an image is made of.

    Parameters
    ----------
    kind : str
        Structure of `dpskit.synth`, "bodies" (textures and labyrinths cut at
        a threshold, half of them filled with a texture), "camera" or "coins".
    modality : str
        One of `MODALITIES`.
    optics_px : float
        FWHM of the optics before aberrations, pixel and processing.
    fwhm_nm : float
        What `optics_px` is in nm, which sets the size of the structure.
    photons : float
        Peak of the in-focus light; inf is without noise.
    size : int
        Height and width in pixels, before resampling.
    haze : bool
        Whether there is light from out of focus.
    processing : str
        "none" or any of "fourier", "linear", "cubic" (upsampled),
        "subtracted" (background, clipped at 0), "hot" (pixels), "lines"
        (brightness of each), "blinking" (along each) and "8 bit"
        (stretched), joined by " + ".
    """

    kind: str
    modality: str
    optics_px: float
    fwhm_nm: float
    photons: float
    size: int
    haze: bool
    processing: str = "none"


def draw_recipe(
    rng: np.random.Generator,
    modalities: dict[str, float] = MODALITIES,
    sizes: dict[int, float] = SIZES,
    **given: Any,
) -> Recipe:
    """Return a random recipe of the calibration set; `given` is kept."""
    width = float(np.exp(rng.uniform(np.log(1.7), np.log(12))))
    noisy = np.exp(rng.uniform(np.log(7), np.log(20_000)))
    drawn = {
        "kind": _pick(KINDS, rng),
        "modality": _pick(modalities, rng),
        "optics_px": width,
        "fwhm_nm": float(np.exp(rng.uniform(np.log(45), np.log(400)))),
        "photons": float(noisy if rng.random() < 0.92 else np.inf),
        "size": int(_pick(sizes, rng)),
        "haze": bool(rng.random() < 0.5),
        "processing": _draw_processing(width, rng),
    }
    return Recipe(**(drawn | given))


def _pick(shares: dict, rng: np.random.Generator) -> Any:
    p = np.array(list(shares.values()))
    return list(shares)[rng.choice(len(p), p=p / p.sum())]


def _draw_processing(width: float, rng: np.random.Generator) -> str:
    steps = {"subtracted": 0.1, "hot": 0.03, "lines": 0.06, "blinking": 0.1}
    steps |= {"8 bit": 0.4}
    chosen = [name for name, share in steps.items() if rng.random() < share]
    if width < 6 and rng.random() < 0.1:
        chosen.insert(0, str(rng.choice(["fourier", "linear", "cubic"])))
    return " + ".join(chosen) or "none"


def make_picture(recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return the image and the width of its in-focus PSF in pixels."""
    optics = _optics(recipe, rng)
    treatment = _treatment(recipe, optics, rng)
    zoom = rng.uniform(1.15, 2.1)
    margin = int(2 * recipe.optics_px) + 6
    light = _light(recipe, optics, margin, rng)
    image = _expose(light, recipe, rng)
    if recipe.modality in ("sim", "smoothed"):
        image = _filter(image, treatment)
        if recipe.modality == "sim" and rng.random() < 0.7:
            image = np.maximum(image, 0)
    image = image[margin:-margin, margin:-margin]

    def total(k: np.ndarray) -> np.ndarray:
        linear = np.sinc(k) ** 2 if "linear" in recipe.processing else 1.0
        return optics(k) * treatment(k) * linear

    width = nearest_airy(total, recipe.optics_px)
    return _process(image, width, zoom, recipe.processing, rng)


def nearest_airy(transfer: Transfer, guess_px: float) -> float:
    """Return the FWHM of the Airy pattern that a gain brings nearest to a PSF.

    Nearest in least squares over the plane, which by Parseval is the least
    squares of the radial transfer functions weighted by k.
    """
    widths = guess_px * np.geomspace(0.55, 2.5, 120)
    k = np.linspace(0, AIRY_CUTOFF / widths[0], 300)[1:]
    target, airy = transfer(k), airy_otf(k, widths[:, None])
    gain = (airy * k) @ target / (airy**2 @ k)
    cost = (target - gain[:, None] * airy) ** 2 @ k
    i = int(np.clip(np.argmin(cost), 1, len(widths) - 2))
    left, middle, right = cost[i - 1 : i + 2]
    shift = (left - right) / 2 / max(left - 2 * middle + right, 1e-30)
    return float(widths[i] * (widths[1] / widths[0]) ** shift)


def _optics(recipe: Recipe, rng: np.random.Generator) -> Transfer:
    """Return the radial transfer function of light onto pixels."""
    w, modality = recipe.optics_px, recipe.modality
    mix, power = rng.uniform(0, 1), rng.uniform(1.5, 2.2)
    blur = rng.uniform(0, 1) * (rng.random() < 0.8) * w
    tail = rng.uniform(0, 0.35) * (rng.random() < 0.6)
    wide = rng.uniform(1.5, 5) * w
    pixel = rng.random() < 0.6

    def focus(k: np.ndarray) -> np.ndarray:
        if modality == "airy":
            return airy_otf(k, w)
        if modality == "confocal":
            return mix * gaussian_otf(k, w) + (1 - mix) * airy_otf(k, w)
        if modality == "sted":
            return gaussian_otf(k, w) ** ((k * w + 1e-9) ** (power - 2))
        return airy_otf(k, w) * gaussian_otf(k, blur)

    def transfer(k: np.ndarray) -> np.ndarray:
        out = focus(k)
        if modality not in ("airy", "confocal"):
            out = out * (1 - tail + tail * gaussian_otf(k, wide))
        return out * _pixel_otf(k) if pixel else out

    return transfer


def _pixel_otf(k: np.ndarray) -> np.ndarray:
    """Return the transfer function of a square pixel, averaged over angles."""
    sides = np.multiply.outer(k, np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]))
    return np.sinc(sides).prod(-2).mean(-1)


def _treatment(recipe: Recipe, optics: Transfer, rng: np.random.Generator) -> Transfer:
    """Return the filter that acts on signal and noise after the camera."""
    w, modality = recipe.optics_px, recipe.modality
    noise, edge = 10 ** rng.uniform(-3, -0.7), rng.uniform(0.8, 1.05)
    slope, blur = rng.uniform(0.5, 1.5), rng.uniform(0.2, 0.7) * w

    def wiener(k: np.ndarray) -> np.ndarray:
        apodised = np.clip(1 - k * w / (AIRY_CUTOFF * edge), 0, 1) ** slope
        return optics(k) * (1 + noise) / (optics(k) ** 2 + noise) * apodised

    if modality == "sim":
        return wiener
    if modality == "smoothed":
        return lambda k: gaussian_otf(k, blur)
    return np.ones_like


def _light(
    recipe: Recipe, optics: Transfer, margin: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the mean light per pixel, haze and pedestal included."""
    fine = 2 if recipe.optics_px < 4 else 1
    size = (recipe.size + 2 * margin) * fine
    k = frequency_radius((size, size)) * fine
    nodes = np.linspace(0, k.max(), 3000)
    otf = np.interp(k, nodes, optics(nodes))

    def seen(defocus: float | None = None, spectrum: Any = None) -> tuple:
        if spectrum is None:
            spectrum = fft.rfft2(_scene(recipe, size, margin * fine, fine, rng))
        blur = 1.0 if defocus is None else gaussian_otf(k, defocus * recipe.optics_px)
        return spectrum, fft.irfft2(spectrum * otf * blur, (size, size))

    spectrum, light = seen()
    light = light / max(light.max(), 1e-12)
    if recipe.haze:
        light = light + _haze(light, seen, spectrum, rng)
    light = np.maximum(light, 0)[::fine, ::fine]
    return light + rng.choice([0, 0.02, 0.1, 0.3, 1.0]) * rng.random()


def _haze(
    light: np.ndarray, seen: Callable, spectrum: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return defocused light of the structure itself and of other planes."""

    def draw(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    mean, out = max(light.mean(), 1e-6), np.zeros_like(light)
    if rng.random() < 0.7:
        plane = seen(draw(1.5, 8), spectrum)[1]
        out += draw(0.02, 1.0) * mean * plane / max(plane.mean(), 1e-12)
    for _ in range(rng.integers(1, 4)):
        plane = seen(draw(1.5, 8))[1]
        out += draw(0.02, 1.5) * mean * plane / max(plane.mean(), 1e-12)
    return out


def _scene(
    recipe: Recipe, size: int, margin: int, fine: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a structure, at times two, widened, stretched or unevenly outlined."""
    if recipe.kind in ("camera", "coins"):
        return _photograph(recipe.kind, size, rng)
    pixel_nm = recipe.fwhm_nm / recipe.optics_px / fine
    field = slice(margin, size - margin)
    for _ in range(20):
        scene = rng.uniform(0.3, 1) * _draw_kind(recipe.kind, size, pixel_nm, rng)
        if recipe.kind in KINDS and rng.random() < 0.2:
            other = draw_structure(_pick(TRAINING_KINDS, rng), size, pixel_nm, rng)
            scene = scene + rng.uniform(0.1, 1) * other
        if rng.random() < 0.2:
            scene = widened(scene, recipe.optics_px * fine, rng)
        if rng.random() < 0.1:
            scene = stretched(scene, rng)
        if rng.random() < 0.5:
            scene = scene * _outline(size, rng)
        scene = np.rot90(scene, rng.integers(4))
        if scene[field, field].max() > 0.02 * scene.max():
            return scene
    return scene


def _draw_kind(
    kind: str, size: int, pixel_nm: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a structure of `dpskit.synth`, or bright bodies with sharp edges."""
    if kind != "bodies":
        return draw_structure(kind, size, pixel_nm, rng)
    field = draw_structure("textures", size, pixel_nm, rng)
    if rng.random() < 0.5:
        period = np.exp(rng.uniform(np.log(4), np.log(size / 3)))
        width = rng.uniform(0.05, 0.5)
        field = _filter(
            rng.normal(size=(size, size)),
            lambda k: np.exp(-0.5 * (np.log(k * period + 1e-9) / width) ** 2),
        )
    bodies = (field > np.quantile(field, rng.uniform(0.3, 0.95))).astype(float)
    if rng.random() < 0.5:
        filled = draw_structure("textures", size, pixel_nm, rng)
        bodies *= np.exp(rng.uniform(0.1, 0.8) * filled / max(filled.std(), 1e-12))
    return bodies


def _outline(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random brightness, or the soft outline of a cell."""
    extent = 2.355 * size * rng.uniform(0.05, 0.25)
    blob = _filter(rng.normal(size=(size, size)), lambda k: gaussian_otf(k, extent))
    blob = blob / max(blob.std(), 1e-12)
    if rng.random() < 0.5:
        return np.exp(rng.uniform(0.3, 1.2) * blob)
    return 1 / (1 + np.exp(-6 * (blob - rng.uniform(-1, 0.7))))


def _photograph(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    picture = getattr(data, name)().astype(float)
    extra = [max(0, size - n) for n in picture.shape]
    picture = np.pad(picture, [(0, e) for e in extra], mode="symmetric")
    y, x = (rng.integers(n - size + 1) for n in picture.shape)
    return picture[y : y + size, x : x + size]


def _expose(light: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Return the camera image, in-focus peak about 1."""
    read = rng.uniform(0, 2) * (rng.random() < 0.7)
    image = light
    if "blinking" in recipe.processing:
        light = image = light * _blinking(light.shape, rng)
    if np.isfinite(recipe.photons):
        counts = rng.poisson(light * recipe.photons)
        image = (counts + read * rng.normal(size=light.shape)) / recipe.photons
    if "lines" in recipe.processing:
        image = image + light * rng.normal(0, rng.uniform(0.005, 0.05), (len(light), 1))
    return image


def _blinking(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return log-normal brightness, correlated along the scanned line."""
    memory, strength = np.exp(-1 / rng.uniform(0.3, 6)), rng.uniform(0.05, 0.6)
    steps = rng.normal(size=shape) * np.sqrt(1 - memory**2)
    steps[:, 0] /= np.sqrt(1 - memory**2)
    walk = signal.lfilter([1.0], [1.0, -memory], steps, axis=1)
    return np.exp(strength * walk - strength**2 / 2)


def _filter(image: np.ndarray, transfer: Transfer) -> np.ndarray:
    k = frequency_radius(image.shape)
    nodes = np.linspace(0, k.max(), 3000)
    gain = np.interp(k, nodes, transfer(nodes))
    return fft.irfft2(fft.rfft2(image) * gain, image.shape)


def _process(
    image: np.ndarray,
    width: float,
    zoom: float,
    processing: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """Return the image after resampling, background, defects and rounding."""
    size = len(image)
    if "fourier" in processing:
        image = _fourier_zoom(image, int(size * zoom))
    elif "linear" in processing or "cubic" in processing:
        order = 1 if "linear" in processing else 3
        image = ndimage.zoom(image, zoom, order=order, mode="reflect", grid_mode=True)
    width *= len(image) / size
    if "subtracted" in processing:
        smooth = _filter(image, lambda k: gaussian_otf(k, 14 * width))
        image = np.maximum(image - rng.uniform(0.5, 1) * smooth, 0)
    if "hot" in processing:
        hot = rng.random(image.shape) < 10 ** rng.uniform(-4, -2.5)
        image = np.where(hot, image.max() * rng.uniform(0.5, 2), image)
    if "8 bit" in processing:
        image = _stretch(image, rng)
    elif rng.random() < 0.3:
        image = np.rint(image / max(image.max(), 1e-12) * 10 ** rng.uniform(2.5, 4.5))
    return image, width


def _fourier_zoom(image: np.ndarray, size: int) -> np.ndarray:
    n = len(image)
    first = size // 2 - n // 2
    spectrum = np.zeros((size, size), complex)
    inside = slice(first, first + n)
    spectrum[inside, inside] = fft.fftshift(fft.fft2(image))
    return fft.ifft2(fft.ifftshift(spectrum)).real


def _stretch(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image in 40 to 255 grey levels, at times clipped."""
    cut = rng.uniform(0, 1, 2) * (0.002, 0.004) * (rng.random() < 0.4)
    low, high = np.quantile(image, [cut[0], 1 - cut[1]])
    low -= rng.uniform(0, 0.3) * (high - low) * (rng.random() < 0.3)
    levels = 255 if rng.random() < 0.8 else rng.integers(40, 200)
    scale = levels / max(high - low, 1e-12)
    return np.clip(np.rint((image - low) * scale), 0, levels)
