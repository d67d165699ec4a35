"""The figures and numbers of the gallery: each method where it works and fails.

``python -m benchmarks.gallery [PAGE ...]`` draws ``docs/gallery/figures/*.png``
and writes the table of every page between its two ``measured`` marks. Images
are simulated with fixed seeds; deep priors take about a minute each.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from dpskit import (
    MSSR,
    WDIP,
    ArtifactRemover,
    DenoiseDPSPipeline,
    DPSDeblur,
    HessianDenoise,
    NeuralDenoiser,
    Optics,
    ResUNetSIM,
    RichardsonLucy,
    RollingBall,
    SelfDeblur,
    SIMReconstruction,
    SparseDeconv,
    WaveletBackground,
    Wiener,
)
from dpskit.baselines import temporal_mssr
from dpskit.metrics import line_pair_contrast, psnr
from dpskit.plotting import comparison_figure
from dpskit.preprocessing import fourier_resample
from dpskit.psf import airy
from dpskit.synth import (
    Camera,
    Emitters,
    Simulated,
    actin_mesh,
    beads,
    er_network,
    filaments,
    line_pairs,
    mitochondria,
    optical_image,
    simulate,
    simulate_raw_sim,
)

FOLDER = Path(__file__).parent.parent / "docs" / "gallery"
MARKS = "<!-- measured -->", "<!-- /measured -->"
FWHM_PX, SIZE, LARGEST_BYTES = 3.5, 96, 120_000
WIDTH = {"fwhm_px": FWHM_PX}
SMALL_PRIOR = {"channels": 32, "n_iter": 400}
OPTICS = Optics.paper()
SHARP = "PSNR at 0.4 of the PSF's width, dB"
CLEAN = "PSNR with what is wanted, dB"
LIGHT = "light left, %"
DIP = "dip between the two (Rayleigh: 0.265)"
BELOW = "light below zero, % of the sum"
#: What a figure calls them.
SHORT = {SHARP: "psnr", CLEAN: "psnr", LIGHT: LIGHT, DIP: "dip", BELOW: "below zero, %"}
EXTENT = (SIZE * OPTICS.pixel_size_nm,) * 2
Structure = Callable[..., Emitters] | Emitters


@dataclass(frozen=True)
class Case:
    """One row of a figure and of the table: pictures of one field.

    Parameters
    ----------
    title : str
        What the image is and what was asked for.
    measure : str
        What `values` are; a name in `METRICS`, or in words.
    truth, image : ndarray
        What is wanted and what there was.
    results : dict of str to ndarray
        By method.
    values : dict of str to float
        By method, and of "input".
    """

    title: str
    measure: str
    truth: np.ndarray
    image: np.ndarray
    results: dict[str, np.ndarray]
    values: dict[str, float]


def seen(
    structure: Structure, photons: float, *, size: int = SIZE, **options: object
) -> Simulated:
    """Return a structure seen through an Airy PSF, with `photons` at its peak."""
    rng = np.random.default_rng(0)
    if callable(structure):
        structure = structure((size * OPTICS.pixel_size_nm,) * 2, rng)
    return simulate(structure, OPTICS, photons, rng, psf=airy(FWHM_PX), **options)


def smooth(image: np.ndarray, share: float) -> np.ndarray:
    """Return the image at a share of the PSF's width."""
    return gaussian_filter(image, share * FWHM_PX / np.sqrt(8 * np.log(2)))


def airy_image(structure: Emitters) -> np.ndarray:
    """Return the light of a structure behind the PSF."""
    planes = structure.render(OPTICS.pixel_size_nm)[None]
    return optical_image(planes, airy(FWHM_PX)[None])


def sharpness(truth: np.ndarray, image: np.ndarray) -> float:
    """Return the PSNR at 0.4 of the PSF's width, scale matched, without 8 px."""
    a, b = (smooth(v, 0.4)[8:-8, 8:-8] for v in (truth, image))
    return psnr(a, b, data_range=float(a.max()), match="scale")


def measured(
    title: str,
    measure: str,
    truth: np.ndarray,
    image: np.ndarray,
    results: dict[str, np.ndarray],
    function: Callable[[np.ndarray], float],
) -> Case:
    """Return a case whose values are those of a function of the pictures."""
    values = {k: float(function(v)) for k, v in {"input": image, **results}.items()}
    return Case(title, measure, truth, image, results, values)


def against_truth(title: str, scene: Simulated, **methods: object) -> Case:
    """Return a case of deblurring."""
    results = {name: m.transform(scene.image) for name, m in methods.items()}
    truth = smooth(scene.truth, 0.4)
    score = partial(sharpness, scene.truth)
    return measured(title, SHARP, truth, scene.image, results, score)


def against_mean(
    title: str, image: np.ndarray, mean: np.ndarray, results: dict
) -> Case:
    """Return a case of denoising or of removing a background."""
    return measured(title, CLEAN, mean, image, results, partial(psnr, mean))


def light(title: str, wanted: np.ndarray, image: np.ndarray, results: dict) -> Case:
    """Return a case that measures how much of the wanted light is left."""
    share = 100 / wanted.sum()
    return measured(title, LIGHT, wanted, image, results, lambda v: share * v.sum())


def _dps_deblur() -> list[Case]:
    scene = seen(er_network, 300)
    wide, narrow = (f * FWHM_PX for f in (1.5, 0.67))
    return [
        against_truth(
            "300 photons, the PSF is known",
            scene,
            DPS=DPSDeblur(**WIDTH),
            RichardsonLucy=RichardsonLucy(**WIDTH),
        ),
        against_truth(
            "fails: the PSF is given 1.5 times too wide, or too narrow",
            scene,
            **{
                "DPS, too wide": DPSDeblur(fwhm_px=wide),
                "DPS, too narrow": DPSDeblur(fwhm_px=narrow),
            },
        ),
    ]


def _richardson_lucy() -> list[Case]:
    long = {**WIDTH, "n_iter": 200}
    return [
        against_truth(
            "300 photons, 20 steps",
            seen(er_network, 300),
            RichardsonLucy=RichardsonLucy(**WIDTH),
        ),
        against_truth(
            "fails: 20 photons, 200 steps",
            seen(er_network, 20),
            **{
                "200 steps": RichardsonLucy(**long),
                'stop="discrepancy"': RichardsonLucy(**long, stop="discrepancy"),
            },
        ),
    ]


def _wiener() -> list[Case]:
    scene = seen(beads, 300)
    results = {
        "Wiener": Wiener(**WIDTH).transform(scene.image),
        "RichardsonLucy": RichardsonLucy(**WIDTH).transform(scene.image),
    }
    return [
        against_truth(
            "1,000 photons",
            seen(er_network, 1000),
            Wiener=Wiener(**WIDTH),
            RichardsonLucy=RichardsonLucy(**WIDTH),
        ),
        measured(
            "fails: points in the dark, 300 photons",
            BELOW,
            smooth(scene.truth, 0.4),
            scene.image,
            results,
            lambda v: 100 * np.maximum(-v, 0).sum() / v.sum(),
        ),
    ]


def _sparse_deconv() -> list[Case]:
    rng = np.random.default_rng(0)
    bright, dim = _networks(EXTENT, rng), _networks(EXTENT, rng)
    x, half = (lambda e: e.positions_nm[:, 2]), EXTENT[1] / 2
    bright = _where(bright, x(bright) < half - 150)
    dim = _where(dim, x(dim) > half + 150).scaled(0.03)
    scene, options = seen(bright + dim, 2000), {**WIDTH, "background": "none"}
    results = {
        name: SparseDeconv(**options, sparsity=s).transform(scene.image)
        for name, s in (("SparseDeconv", 10.0), ("sparsity=1", 1.0))
    }
    part = np.s_[30:66, 52:88]
    return [
        against_truth(
            "300 photons",
            seen(_networks, 300),
            SparseDeconv=SparseDeconv(**options),
            RichardsonLucy=RichardsonLucy(**WIDTH),
        ),
        light(
            "fails: a structure beside another 30 times as bright, which is cut off",
            scene.mean[part],
            scene.image[part],
            {name: image[part] for name, image in results.items()},
        ),
    ]


def _mssr() -> list[Case]:
    distance_nm = 95.0
    pairs = line_pairs(EXTENT, distances_nm=[distance_nm] * 3, pitch_nm=1040.0)
    scene = seen(pairs, 1000)
    results = {
        name: MSSR(**WIDTH, amplification=2, order=n).transform(scene.image)
        for name, n in (("MSSR", 1), ("order=2", 2))
    }

    def dip(image: np.ndarray) -> float:
        nm = EXTENT[1] / image.shape[1]
        ends = tuple((1560 + side * distance_nm / 2) / nm - 0.5 for side in (-1, 1))
        return line_pair_contrast(image.mean(axis=0), positions_px=ends).dip

    truth = smooth(scene.truth, 0.4)
    return [
        measured(
            "lines 95 nm apart, PSF of 114 nm, twice as many pixels",
            DIP,
            truth,
            scene.image,
            results,
            dip,
        ),
        against_truth(
            "fails: 20 photons",
            seen(_networks, 20),
            MSSR=MSSR(**WIDTH),
            RichardsonLucy=RichardsonLucy(**WIDTH, n_iter=8),
        ),
    ]


def _mssr_temporal() -> list[Case]:
    """Four columns of pairs of points 85 nm apart, 100 frames."""
    rng = np.random.default_rng(3)
    nm, n = OPTICS.pixel_size_nm, 64
    centres = nm * (np.arange(8, n, 16) + 0.5)
    offsets = nm * np.array([-1.3, 1.3])
    y, x = np.meshgrid(centres, np.add.outer(centres, offsets).ravel(), indexing="ij")
    points = np.stack([0 * y, y, x], axis=-1).reshape(-1, 3)
    alone = [
        airy_image(Emitters(point[None], np.ones(1), (n * nm, n * nm)))
        for point in points
    ]
    alone = np.stack(alone) * (200 / np.max(alone))
    everything = Emitters(points, np.ones(len(points)), (n * nm, n * nm))
    truth = smooth(everything.render(nm), 0.4)
    cases = []
    for title, lit in (
        (
            "points 85 nm apart that blink, 100 frames",
            rng.random((100, len(points))) < 0.2,
        ),
        ("fails: the same points, always on", np.full((100, len(points)), 0.2)),
    ):
        series = rng.poisson(np.tensordot(lit, alone, 1) + 2).astype(np.float32)
        results = {
            name: temporal_mssr(series, FWHM_PX, name)
            for name in ("mean", "variance", "cumulant4")
        }
        mean = series.mean(axis=0)
        cases.append(measured(title, DIP, truth, mean, results, _mean_dip))
    return cases


def _mean_dip(image: np.ndarray) -> float:
    """Return the dip of the mean over all pairs of `_mssr_temporal`."""
    rows = image.reshape(4, 16, 4, 16).mean(axis=(0, 2))[7:10].mean(axis=0)
    return line_pair_contrast(rows, positions_px=(8 - 1.3, 8 + 1.3)).dip


def _self_deblur() -> list[Case]:
    return [
        against_truth(
            "300 photons",
            seen(er_network, 300, size=48),
            SelfDeblur=SelfDeblur(**WIDTH, **SMALL_PRIOR),
            **{"another seed": SelfDeblur(**WIDTH, **SMALL_PRIOR, random_state=1)},
        ),
        against_truth(
            "fails: 20 photons, too many steps",
            seen(er_network, 20, size=48),
            **{
                "SelfDeblur": SelfDeblur(**WIDTH, **SMALL_PRIOR),
                'stop="discrepancy"': SelfDeblur(
                    **WIDTH, **SMALL_PRIOR, stop="discrepancy"
                ),
            },
        ),
    ]


def _wdip() -> list[Case]:
    scene = seen(er_network, 300, size=48)
    wide = 1.5 * FWHM_PX
    return [
        against_truth(
            "300 photons",
            scene,
            WDIP=WDIP(**WIDTH, **SMALL_PRIOR),
            Wiener=Wiener(**WIDTH),
        ),
        against_truth(
            "fails: the PSF is given 1.5 times too wide",
            scene,
            **{
                "WDIP, too wide": WDIP(fwhm_px=wide, **SMALL_PRIOR),
                "Wiener, too wide": Wiener(fwhm_px=wide),
            },
        ),
    ]


def _hessian_denoise() -> list[Case]:
    mean = seen(er_network, 50).mean
    rng = np.random.default_rng(1)
    cases = []
    for title, step in (
        ("5 frames of 50 photons at rest", 0.0),
        ("fails: the structure moves 4 px from frame to frame", 4.0),
    ):
        means = np.stack([shift(mean, (0, step * i), mode="reflect") for i in range(5)])
        series = rng.poisson(np.maximum(means, 0)).astype(np.float32)
        results = {
            name: HessianDenoise(fidelity=50.0, temporal_weight=w).transform(series)[2]
            for name, w in (("HessianDenoise", 1.0), ("temporal_weight=0", 0.0))
        }
        cases.append(against_mean(title, series[2], means[2], results))
    return cases


def _neural_denoiser() -> list[Case]:
    cases = []
    for title, camera in (
        ("15 photons", Camera()),
        (
            "fails: noise smeared over 1.5 px, as resampling does",
            Camera(correlation_px=1.5),
        ),
    ):
        scene = seen(er_network, 15, camera=camera)
        results = {
            name: NeuralDenoiser(gain=gain).transform(scene.image)
            for name, gain in (("NeuralDenoiser", None), ("gain=1", 1.0))
        }
        cases.append(against_mean(title, scene.image, scene.mean, results))
    return cases


def _denoise_dps_pipeline() -> list[Case]:
    scene, known = seen(_networks, 5), DPSDeblur(**WIDTH)
    wide = DPSDeblur(fwhm_px=1.5 * FWHM_PX)
    return [
        against_truth(
            "5 photons",
            scene,
            **{"pipeline": DenoiseDPSPipeline(deblur=known), "DPS alone": known},
        ),
        against_truth(
            "fails: the PSF is given 1.5 times too wide",
            scene,
            **{
                "too wide": DenoiseDPSPipeline(deblur=wide),
                "estimated": DenoiseDPSPipeline(),
            },
        ),
    ]


def _sim_scene(
    photons: float, structure: Structure = filaments, **options: object
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Optics]:
    """Return raw SIM frames, their wide-field image and the truth on fine pixels."""
    rng = np.random.default_rng(0)
    camera = Optics(1.4, 525, 65)
    raw = simulate_raw_sim(
        structure((SIZE * 65.0,) * 2, rng), camera, photons, rng, **options
    )
    wide = fourier_resample(raw.frames.mean(axis=(0, 1)), 2.0)
    return raw.stack(), wide, smooth(raw.truth, 0.4), camera


def _sim_reconstruction() -> list[Case]:
    frames, wide, truth, camera = _sim_scene(300)
    sim = SIMReconstruction(camera).fit(frames)
    known = sim.parameters_
    phases = tuple(tuple(np.add(row, 40)) for row in known.phases_deg)
    results = {
        "SIMReconstruction": sim,
        "wiener=0.5": SIMReconstruction(parameters=known, wiener=0.5),
        "phases off": SIMReconstruction(parameters=replace(known, phases_deg=phases)),
    }
    images = {name: method.transform(frames) for name, method in results.items()}
    score = _sharpness_of(truth)
    return [
        measured(title, SHARP, truth, wide, {n: images[n] for n in names}, score)
        for title, names in (
            ("raw frames of 300 photons", list(images)[:2]),
            (
                "fails: parameters of a recording whose phases differ by 40 degrees",
                list(images)[::2],
            ),
        )
    ]


def _artifact_remover() -> list[Case]:
    cases = []
    for title, photons, structure in (
        ("SIM of frames of 15 photons, denoised", 15, filaments),
        ("fails: frames of 1,000 photons, deblurred afterwards", 1000, actin_mesh),
    ):
        frames, _, truth, camera = _sim_scene(photons, structure)
        steps = DenoiseDPSPipeline(camera, sim="auto", artifact=None, deblur=None)
        image = steps.transform(frames)
        results = {"ArtifactRemover": ArtifactRemover().transform(image)}
        if photons > 100:
            results["without"] = image
            deblur = DPSDeblur(_sim_optics(camera))
            results = {name: deblur.transform(v) for name, v in results.items()}
        else:
            results["strength=0.3"] = ArtifactRemover(strength=0.3).transform(image)
        cases.append(
            measured(title, SHARP, truth, image, results, _sharpness_of(truth))
        )
    return cases


def _res_unet_sim() -> list[Case]:
    cases = []
    for title, photons in (
        ("raw frames of 15 photons", 15),
        ("fails: raw frames of 300 photons, deblurred afterwards", 300),
    ):
        frames, wide, truth, camera = _sim_scene(photons, er_network)
        single = ResUNetSIM().transform(frames)
        deblur = None if photons < 100 else DPSDeblur(_sim_optics(camera))
        steps = DenoiseDPSPipeline(camera, sim="auto", deblur=deblur)
        results = {
            "ResUNetSIM": single if deblur is None else deblur.transform(single),
            "pipeline": steps.transform(frames),
        }
        cases.append(measured(title, SHARP, truth, wide, results, _sharpness_of(truth)))
    return cases


def _sim_optics(camera: Optics) -> Optics:
    """Return what a SIM image of a camera's raw frames was seen with."""
    return replace(camera, modality="sim", pixel_size_nm=camera.pixel_size_nm / 2)


def _sharpness_of(truth: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the measure of images on the pixels of a truth that is smooth already."""

    def value(image: np.ndarray) -> float:
        a, b = truth[16:-16, 16:-16], smooth(image, 0.4)[16:-16, 16:-16]
        return psnr(a, b, data_range=float(a.max()), match="affine")

    return value


def _rolling_ball() -> list[Case]:
    scene, haze = seen(_networks, 300), 150 * _slope()
    rng = np.random.default_rng(2)
    image = rng.poisson(scene.mean + haze).astype(np.float32)
    solid = seen(partial(mitochondria, density_per_um2=0.4), 300)
    return [
        against_mean(
            "filaments on a slope",
            image,
            scene.mean,
            {
                f"radius_px={r}": RollingBall(radius_px=r).transform(image)
                for r in (20, 50)
            },
        ),
        light(
            "fails: structures wider than the ball",
            solid.mean,
            solid.image,
            {
                f"radius_px={r}": RollingBall(radius_px=r).transform(solid.image)
                for r in (5, 50)
            },
        ),
    ]


def _wavelet_background() -> list[Case]:
    scene = seen(_networks, 300)
    cases = []
    for title, haze in (
        ("filaments on a slope", _slope()),
        ("fails: haze in patches of 20 px", _patches(20)),
    ):
        rng = np.random.default_rng(2)
        image = rng.poisson(scene.mean + 150 * haze).astype(np.float32)
        results = {
            "WaveletBackground": WaveletBackground().transform(image),
            "level=5": WaveletBackground(level=5).transform(image),
            "RollingBall": RollingBall(radius_px=10).transform(image),
        }
        cases.append(against_mean(title, image, scene.mean, results))
    return cases


def _where(emitters: Emitters, keep: np.ndarray) -> Emitters:
    return Emitters(
        emitters.positions_nm[keep], emitters.brightness[keep], emitters.extent_nm
    )


def _networks(extent_nm: tuple[float, float], rng: np.random.Generator) -> Emitters:
    return filaments(extent_nm, rng, density_per_um2=1.2)


def _slope() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    return 0.3 + 0.5 * x + 0.3 * y**2


def _patches(width_px: float) -> np.ndarray:
    noise = np.random.default_rng(5).random((SIZE, SIZE))
    haze = gaussian_filter(noise, width_px / 2.3548, mode="wrap")
    return (haze - haze.min()) / np.ptp(haze)


#: Page, without ``.md``: what is measured for it.
PAGES: dict[str, Callable[[], list[Case]]] = {
    "dps_deblur": _dps_deblur,
    "denoise_dps_pipeline": _denoise_dps_pipeline,
    "richardson_lucy": _richardson_lucy,
    "wiener": _wiener,
    "sparse_deconv": _sparse_deconv,
    "mssr": _mssr,
    "temporal_mssr": _mssr_temporal,
    "self_deblur": _self_deblur,
    "wdip": _wdip,
    "hessian_denoise": _hessian_denoise,
    "neural_denoiser": _neural_denoiser,
    "sim_reconstruction": _sim_reconstruction,
    "artifact_remover": _artifact_remover,
    "res_unet_sim": _res_unet_sim,
    "rolling_ball": _rolling_ball,
    "wavelet_background": _wavelet_background,
}


def draw(cases: list[Case], path: Path) -> None:
    """Draw one row of pictures per case, each above its detail."""
    figures = []
    for case in cases:
        metric = SHORT[case.measure]

        rows = [
            {"method": name, "metric": metric, "value": value}
            for name, value in case.values.items()
        ]
        options = {"truth": case.truth, "image": case.image, "caption": case.title}
        figures.append(comparison_figure(rows, case.results, **options))
    save(figures, path)


def save(figures: list[Figure], path: Path) -> None:
    """Write figures below each other, as fine as `LARGEST_BYTES` allows."""
    for dpi, levels in ((90, 64), (80, 64), (80, 32), (70, 32), (64, 32), (64, 16)):
        parts = [_pixels(figure, dpi) for figure in figures]
        width, height = max(p.width for p in parts), sum(p.height for p in parts)
        whole, top = Image.new("RGB", (width, height), "white"), 0
        for part in parts:
            whole.paste(part, ((width - part.width) // 2, top))
            top += part.height
        small = io.BytesIO()
        whole.quantize(levels, dither=0).save(small, "PNG", optimize=True)
        if small.tell() <= LARGEST_BYTES:
            break
    path.write_bytes(small.getvalue())


def _pixels(figure: Figure, dpi: int) -> Image.Image:
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=dpi)
    return Image.open(raw).convert("RGB")


def table(cases: list[Case]) -> str:
    """Return what was measured as a Markdown table."""
    lines = ["| image | measure | values |", "|---|---|---|"]
    for case in cases:
        values = ", ".join(f"{name} {value:.3g}" for name, value in case.values.items())
        lines.append(f"| {case.title} | {case.measure} | {values} |")
    return "\n".join(lines)


def write_table(text: str, page: Path) -> None:
    """Put a table between the marks of a page."""
    before, rest = page.read_text("utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", "utf-8")


def main() -> None:
    """Draw and measure the pages that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=", ".join(PAGES))
    for name in parser.parse_args().pages or PAGES:
        cases = PAGES[name]()
        draw(cases, FOLDER / "figures" / f"{name}.png")
        text = table(cases)
        print(f"{name}\n{text}\n", flush=True)
        page = FOLDER / f"{name}.md"
        if page.exists():
            write_table(text, page)


if __name__ == "__main__":
    main()
