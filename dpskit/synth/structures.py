"""Fluorescence structures as point emitters at sub-pixel positions in nm.

Every function takes the field's extent and a random generator and returns
`Emitters`; `Emitters.render` turns them into a ground-truth image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import fft

from dpskit._utils.fft import frequency_radius
from dpskit._utils.numba import njit

__all__ = [
    "Emitters",
    "actin_mesh",
    "bead_pairs",
    "beads",
    "clathrin_rings",
    "dead_leaves",
    "er_network",
    "filaments",
    "line_pairs",
    "microtubules",
    "mitochondria",
    "nuclear_pores",
    "siemens_star",
    "textures",
]

Extent = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Emitters:
    """Point emitters in a field of view.

    Parameters
    ----------
    positions_nm : ndarray of shape (n, 3)
        z, y, x in nm. z is 0 in the focal plane; y and x start at the upper
        left corner of the field (the outer edge of its first pixel).
    brightness : ndarray of shape (n,)
        Relative emitted light.
    extent_nm : tuple of two floats
        Height and width of the field in nm.

    Examples
    --------
    >>> import numpy as np
    >>> dots = Emitters(np.array([[0.0, 50, 150]]), np.ones(1), (200, 200))
    >>> dots.render(100.0)
    array([[0., 1.],
           [0., 0.]])
    """

    positions_nm: np.ndarray
    brightness: np.ndarray
    extent_nm: Extent

    def __add__(self, other: Self) -> Self:
        return replace(
            self,
            positions_nm=np.concatenate([self.positions_nm, other.positions_nm]),
            brightness=np.concatenate([self.brightness, other.brightness]),
        )

    def scaled(self, factor: float) -> Self:
        """Return the same emitters, `factor` times as bright."""
        return replace(self, brightness=self.brightness * factor)

    def shifted(self, z_nm: float | np.ndarray) -> Self:
        """Return the same emitters moved along the optical axis."""
        positions = self.positions_nm.copy()
        positions[:, 0] += z_nm
        return replace(self, positions_nm=positions)

    def between(self, low_nm: float, high_nm: float) -> Self:
        """Return the emitters with ``low_nm <= z < high_nm``."""
        z = self.positions_nm[:, 0]
        keep = (z >= low_nm) & (z < high_nm)
        return replace(
            self,
            positions_nm=self.positions_nm[keep],
            brightness=self.brightness[keep],
        )

    def render(
        self, pixel_size_nm: float, shape: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Return the light per pixel, all z summed, as an image.

        Parameters
        ----------
        pixel_size_nm : float
            Edge of a pixel in nm.
        shape : tuple of two ints, optional
            Default: the extent divided by the pixel size, rounded.

        Returns
        -------
        ndarray of shape (height, width)
            Each emitter is shared bilinearly by its four nearest pixels, so
            that its centre of mass is exact; light outside is lost.
        """
        if shape is None:
            shape = tuple(max(1, round(e / pixel_size_nm)) for e in self.extent_nm)
        out = np.zeros(shape)
        yx = self.positions_nm[:, 1:] / pixel_size_nm - 0.5
        _splat_2d(out, np.ascontiguousarray(yx), np.ascontiguousarray(self.brightness))
        return out


@njit
def _splat_2d(out, yx, weight):
    height, width = out.shape
    for n in range(yx.shape[0]):
        y0, x0 = int(np.floor(yx[n, 0])), int(np.floor(yx[n, 1]))
        fy, fx = yx[n, 0] - y0, yx[n, 1] - x0
        for dy in range(2):
            for dx in range(2):
                y, x = y0 + dy, x0 + dx
                if 0 <= y < height and 0 <= x < width:
                    wy = fy if dy == 1 else 1.0 - fy
                    wx = fx if dx == 1 else 1.0 - fx
                    out[y, x] += weight[n] * wy * wx


def _emitters(yx: np.ndarray, brightness: np.ndarray, extent_nm: Extent) -> Emitters:
    positions = np.zeros((len(yx), 3))
    positions[:, 1:] = yx
    return Emitters(positions, np.asarray(brightness, dtype=float), extent_nm)


def _area_um2(extent_nm: Extent) -> float:
    return extent_nm[0] * extent_nm[1] * 1e-6


def _count(rng: np.random.Generator, expected: float) -> int:
    return max(1, int(rng.poisson(expected)))


def _curves(
    extent_nm: Extent,
    rng: np.random.Generator,
    n: int,
    length_nm: float,
    persistence_nm: float,
    spacing_nm: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return worm-like chains: points (n, m, 2) and directions (n, m)."""
    m = max(2, int(length_nm / spacing_nm))
    bend = rng.normal(0, np.sqrt(spacing_nm / persistence_nm), (n, m))
    angle = rng.uniform(0, 2 * np.pi, (n, 1)) + np.cumsum(bend, axis=1)
    steps = spacing_nm * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    points = np.cumsum(steps, axis=1)
    middle = rng.uniform(-0.1, 1.1, (n, 1, 2)) * np.asarray(extent_nm)
    return points - points[:, m // 2, None] + middle, angle


def _along(
    rng: np.random.Generator, n: int, m: int, fluctuation: float, smooth: int = 9
) -> np.ndarray:
    """Return label density along n curves, mean about 1, correlated."""
    noise = rng.gamma(1 / max(fluctuation, 1e-3) ** 2, size=(n, m))
    noise *= max(fluctuation, 1e-3) ** 2
    total = np.cumsum(np.pad(noise, ((0, 0), (smooth, 0))), axis=1)
    return (total[:, smooth:] - total[:, :-smooth]) / smooth


def filaments(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    density_per_um2: float = 0.4,
    length_nm: float = 5000.0,
    persistence_nm: float = 3000.0,
    partner_distance_nm: tuple[float, float] = (50.0, 200.0),
    partner_fraction: float = 0.3,
    fluctuation: float = 1.0,
    spacing_nm: float = 8.0,
) -> Emitters:
    """Return curved filaments, some with a parallel partner.

    Parameters
    ----------
    extent_nm : tuple of two floats
        Height and width of the field in nm.
    rng : numpy.random.Generator
        Source of randomness.
    density_per_um2 : float, default=0.4
        Expected filaments per square micrometre.
    length_nm, persistence_nm : float
        Contour and persistence length.
    partner_distance_nm : tuple of two floats
        Range of the distance between parallel partners.
    partner_fraction : float, default=0.3
        Share of filaments that have a partner.
    fluctuation : float, default=1.0
        Relative standard deviation of the label density before smoothing.
    spacing_nm : float, default=8
        Distance of emitters along the filament.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> filaments((2000, 2000), np.random.default_rng(0)).render(50).shape
    (40, 40)
    """
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    points, angle = _curves(extent_nm, rng, n, length_nm, persistence_nm, spacing_nm)
    light = rng.uniform(0.3, 1.0, (n, 1)) * _along(rng, n, points.shape[1], fluctuation)
    paired = rng.random(n) < partner_fraction
    distance = rng.uniform(*partner_distance_nm, (paired.sum(), 1, 1))
    normal = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)[paired]
    points = np.concatenate([points, points[paired] + distance * normal])
    light = np.concatenate([light, light[paired]])
    return _emitters(points.reshape(-1, 2), light.ravel(), extent_nm)


def microtubules(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    density_per_um2: float = 0.12,
    diameter_nm: float = 40.0,
    spacing_nm: float = 8.0,
) -> Emitters:
    """Return long stiff tubes of finite diameter (label included).

    Parameters
    ----------
    extent_nm, rng, density_per_um2, spacing_nm
        As in `filaments`.
    diameter_nm : float, default=40
        Outer diameter; emitters sit on its projected shell.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> microtubules((2000, 2000), np.random.default_rng(0)).render(50).shape
    (40, 40)
    """
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    length = 2.0 * max(extent_nm)
    points, angle = _curves(extent_nm, rng, n, length, 20_000.0, spacing_nm)
    normal = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)
    offset = diameter_nm / 2 * np.sin(rng.uniform(0, 2 * np.pi, angle.shape))
    points = points + offset[..., None] * normal
    light = rng.uniform(0.6, 1.0, (n, 1)) * _along(rng, n, points.shape[1], 0.8)
    return _emitters(points.reshape(-1, 2), light.ravel(), extent_nm)


def actin_mesh(
    extent_nm: Extent, rng: np.random.Generator, *, spacing_nm: float = 8.0
) -> Emitters:
    """Return a dense F-actin mesh with a few bright bundles.

    Parameters
    ----------
    extent_nm, rng, spacing_nm
        As in `filaments`.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> actin_mesh((2000, 2000), np.random.default_rng(0)).render(50).shape
    (40, 40)
    """
    mesh = filaments(
        extent_nm,
        rng,
        density_per_um2=rng.uniform(1.5, 5),
        length_nm=2500.0,
        persistence_nm=4000.0,
        partner_fraction=0.0,
        spacing_nm=spacing_nm,
    )
    bundles = filaments(
        extent_nm,
        rng,
        density_per_um2=0.08,
        length_nm=8000.0,
        persistence_nm=20_000.0,
        partner_distance_nm=(20.0, 60.0),
        partner_fraction=0.8,
        spacing_nm=spacing_nm,
    )
    return mesh + bundles.scaled(rng.uniform(2, 5))


def _rings(
    centre: np.ndarray, radius: np.ndarray, rng: np.random.Generator, n: int
) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, (len(centre), n))
    circle = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return centre[:, None] + radius[:, None, None] * circle


def clathrin_rings(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    density_per_um2: float = 1.5,
    radius_nm: tuple[float, float] = (30.0, 110.0),
    labels: int = 40,
) -> Emitters:
    """Return clathrin-coated pits: rings and filled caps.

    Parameters
    ----------
    extent_nm, rng, density_per_um2
        As in `filaments`.
    radius_nm : tuple of two floats, default=(30, 110)
        Range of ring radii.
    labels : int, default=40
        Emitters per ring.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> clathrin_rings((2000, 2000), np.random.default_rng(0)).render(50).shape
    (40, 40)
    """
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    centre = rng.uniform(0, 1, (n, 2)) * np.asarray(extent_nm)
    radius = rng.uniform(*radius_nm, n)
    points = _rings(centre, radius, rng, labels)
    filled = rng.random(n) < 0.25
    shrink = np.where(filled[:, None], np.sqrt(rng.uniform(0, 1, (n, labels))), 1.0)
    points = centre[:, None] + (points - centre[:, None]) * shrink[..., None]
    light = rng.uniform(0.4, 1, (n, 1)) * rng.gamma(2, 0.5, (n, labels))
    return _emitters(points.reshape(-1, 2), light.ravel(), extent_nm)


def nuclear_pores(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    density_per_um2: float = 3.0,
    diameter_nm: float = 107.0,
    labelling: float = 0.85,
) -> Emitters:
    """Return nuclear pore complexes with eight corners each.

    Parameters
    ----------
    extent_nm, rng, density_per_um2
        As in `filaments`.
    diameter_nm : float, default=107
        Diameter of the ring of corners (Nup96: 107 nm).
    labelling : float, default=0.85
        Share of corners that carry a label.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> nuclear_pores((2000, 2000), np.random.default_rng(0)).render(20).shape
    (100, 100)
    """
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    centre = rng.uniform(0, 1, (n, 1, 1, 2)) * np.asarray(extent_nm)
    angle = rng.uniform(0, 2 * np.pi, (n, 1)) + np.arange(8) * np.pi / 4
    corner = np.stack([np.sin(angle), np.cos(angle)], axis=-1)[:, :, None]
    points = centre + diameter_nm / 2 * corner + rng.normal(0, 5, (n, 8, 4, 2))
    light = (rng.random((n, 8, 1)) < labelling) * rng.gamma(3, 1 / 3, (n, 8, 4))
    return _emitters(points.reshape(-1, 2), light.ravel(), extent_nm)


def mitochondria(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    density_per_um2: float = 0.06,
    width_nm: tuple[float, float] = (250.0, 500.0),
    spacing_nm: float = 8.0,
) -> Emitters:
    """Return tubes with a bright membrane and cristae across.

    Parameters
    ----------
    extent_nm, rng, density_per_um2, spacing_nm
        As in `filaments`.
    width_nm : tuple of two floats, default=(250, 500)
        Range of tube widths.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> mitochondria((4000, 4000), np.random.default_rng(0)).render(50).shape
    (80, 80)
    """
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    points, angle = _curves(extent_nm, rng, n, 3500.0, 2500.0, spacing_nm)
    m = points.shape[1]
    normal = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)[:, :, None]
    radius = rng.uniform(*width_nm, (n, 1, 1)) / 2
    shell = np.sin(rng.uniform(0, 2 * np.pi, (n, m, 5)))
    period = rng.uniform(80, 200, (n, 1, 1))
    position = np.arange(m)[None, :, None] * spacing_nm
    crista = (position % period) < 0.25 * period
    across = rng.uniform(-0.9, 0.9, (n, m, 5))
    offset = np.concatenate([shell, across], axis=2) * radius
    light = np.concatenate([np.ones(shell.shape), crista * np.ones(across.shape)], 2)
    light = light * rng.uniform(0.4, 1, (n, 1, 1))
    points = points[:, :, None] + offset[..., None] * normal
    return _emitters(points.reshape(-1, 2), light.ravel(), extent_nm)


def er_network(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    cell_nm: float = 900.0,
    spacing_nm: float = 8.0,
) -> Emitters:
    """Return a polygonal network like the endoplasmic reticulum.

    The tubules are the edges of a Voronoi diagram. Never used in training.

    Parameters
    ----------
    extent_nm, rng, spacing_nm
        As in `filaments`.
    cell_nm : float, default=900
        Typical size of a mesh.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> er_network((4000, 4000), np.random.default_rng(0)).render(50).shape
    (80, 80)
    """
    from scipy.spatial import Voronoi

    size = np.asarray(extent_nm) + 4 * cell_nm
    n = max(8, int(np.prod(size) / cell_nm**2))
    seeds = rng.uniform(0, 1, (n, 2)) * size - 2 * cell_nm
    diagram = Voronoi(seeds)
    edges = np.array([e for e in diagram.ridge_vertices if -1 not in e])
    start, end = diagram.vertices[edges[:, 0]], diagram.vertices[edges[:, 1]]
    length = np.linalg.norm(end - start, axis=1)
    keep = length < 4 * cell_nm
    start, end, length = start[keep], end[keep], length[keep]
    counts = np.maximum(1, (length / spacing_nm).astype(int))
    which = np.repeat(np.arange(len(counts)), counts)
    t = rng.uniform(0, 1, len(which))[:, None]
    points = start[which] * (1 - t) + end[which] * t
    light = rng.uniform(0.4, 1.0, len(counts))[which]
    return _emitters(points, light, extent_nm)


def beads(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    density_per_um2: float = 1.0,
    diameter_nm: float = 40.0,
) -> Emitters:
    """Return round beads of one diameter and varied brightness.

    Parameters
    ----------
    extent_nm, rng, density_per_um2
        As in `filaments`.
    diameter_nm : float, default=40
        Bead diameter; light comes from the surface of the sphere.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> beads((2000, 2000), np.random.default_rng(0)).render(50).shape
    (40, 40)
    """
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    centre = rng.uniform(0, 1, (n, 2)) * np.asarray(extent_nm)
    return _bead_at(centre, rng.uniform(0.2, 1, n), diameter_nm, rng, extent_nm)


def _bead_at(
    centre: np.ndarray,
    light: np.ndarray,
    diameter_nm: float,
    rng: np.random.Generator,
    extent_nm: Extent,
    labels: int = 24,
) -> Emitters:
    ball = rng.normal(size=(len(centre), labels, 3))
    rng.random((len(centre), labels, 1))  # keeps the pictures of each seed
    ball /= np.linalg.norm(ball, axis=2, keepdims=True) / (diameter_nm / 2)
    points = centre[:, None] + ball[..., 1:]
    weight = np.repeat(light / labels, labels)
    return _emitters(points.reshape(-1, 2), weight, extent_nm)


def bead_pairs(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    distance_nm: float | tuple[float, float] = (60.0, 250.0),
    density_per_um2: float = 0.6,
    diameter_nm: float = 40.0,
) -> Emitters:
    """Return pairs of equal beads at given distances.

    Parameters
    ----------
    extent_nm, rng, density_per_um2, diameter_nm
        As in `beads`; density counts pairs.
    distance_nm : float or tuple of two floats, default=(60, 250)
        Distance of the centres, or its range.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> bead_pairs((2000, 2000), np.random.default_rng(0)).render(50).shape
    (40, 40)
    """
    low, high = np.broadcast_to(distance_nm, 2)
    n = _count(rng, density_per_um2 * _area_um2(extent_nm))
    centre = rng.uniform(0, 1, (n, 2)) * np.asarray(extent_nm)
    angle = rng.uniform(0, np.pi, n)
    half = rng.uniform(low, high, (n, 1)) / 2
    arm = half * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    light = np.tile(rng.uniform(0.4, 1, n), 2)
    both = np.concatenate([centre - arm, centre + arm])
    return _bead_at(both, light, diameter_nm, rng, extent_nm)


def line_pairs(
    extent_nm: Extent,
    rng: np.random.Generator | None = None,
    *,
    distances_nm: np.ndarray | None = None,
    pitch_nm: float = 1000.0,
    spacing_nm: float = 4.0,
) -> Emitters:
    """Return a calibration slide: pairs of vertical lines, gaps growing.

    Parameters
    ----------
    extent_nm : tuple of two floats
        Height and width of the field in nm.
    rng : numpy.random.Generator, optional
        Not used: the slide is deterministic.
    distances_nm : array-like, optional
        Distance of the two lines of each pair; default 0, 30, ..., 390 nm.
    pitch_nm : float, default=1000
        Distance from pair to pair; pair i is centred at (i + 0.5) pitches.
    spacing_nm : float, default=4
        Distance of emitters along the lines.

    Returns
    -------
    Emitters
        In the focal plane; pairs outside the field are not made.

    Examples
    --------
    >>> slide = line_pairs((500, 2000), distances_nm=[0, 300])
    >>> slide.render(100).sum(axis=0).nonzero()[0]
    array([ 4,  5, 13, 16])
    """
    distances = np.arange(0, 391, 30) if distances_nm is None else distances_nm
    distances = np.asarray(distances, dtype=float)
    centre = (np.arange(len(distances)) + 0.5) * pitch_nm
    x = np.concatenate([centre - distances / 2, centre + distances / 2])
    x = x[(x > 0) & (x < extent_nm[1])]
    y = np.arange(spacing_nm / 2, extent_nm[0], spacing_nm)
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return _emitters(grid, np.ones(len(grid)), extent_nm)


def siemens_star(
    extent_nm: Extent,
    rng: np.random.Generator | None = None,
    *,
    spokes: int = 24,
    spacing_nm: float = 8.0,
) -> Emitters:
    """Return a Siemens star that fills the field. Never used in training.

    Parameters
    ----------
    extent_nm : tuple of two floats
        Height and width of the field in nm.
    rng : numpy.random.Generator, optional
        Turns and shifts the star; without it the star is centred.
    spokes : int, default=24
        Number of bright spokes.
    spacing_nm : float, default=8
        Grid on which the star is drawn.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> siemens_star((2000, 2000)).render(50).shape
    (40, 40)
    """
    centre = np.asarray(extent_nm) / 2
    turn = 0.0
    if rng is not None:
        centre = centre + rng.uniform(-0.05, 0.05, 2) * extent_nm
        turn = rng.uniform(0, 2 * np.pi)
    y = np.arange(spacing_nm / 2, extent_nm[0], spacing_nm)
    x = np.arange(spacing_nm / 2, extent_nm[1], spacing_nm)
    dy, dx = y[:, None] - centre[0], x[None, :] - centre[1]
    inside = np.hypot(dy, dx) < 0.45 * min(extent_nm)
    bright = inside & (np.cos(spokes * np.arctan2(dy, dx) + turn) > 0)
    iy, ix = np.nonzero(bright)
    points = np.stack([y[iy], x[ix]], axis=-1)
    return _emitters(points, np.ones(len(points)), extent_nm)


def _from_image(image: np.ndarray, extent_nm: Extent) -> Emitters:
    """Return one emitter per pixel centre of a picture."""
    step = np.asarray(extent_nm) / image.shape
    iy, ix = np.indices(image.shape)
    points = (np.stack([iy.ravel(), ix.ravel()], axis=-1) + 0.5) * step
    return _emitters(points, image.ravel(), extent_nm)


def power_law_noise(
    k: np.ndarray, shape: tuple[int, int], exponent: float, rng: np.random.Generator
) -> np.ndarray:
    """Return periodic noise of mean 0 whose amplitudes fall as ``k^-exponent``.

    Parameters
    ----------
    k : ndarray of shape (height, width // 2 + 1)
        Distance of each real-FFT frequency from 0, in any unit and metric.
    shape : tuple of two ints
        Height and width.
    exponent : float
        0 is white noise.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape `shape`

    Examples
    --------
    >>> k = frequency_radius((8, 8))
    >>> power_law_noise(k, (8, 8), 1.0, np.random.default_rng(0)).shape
    (8, 8)
    """
    k = np.where(k > 0, k, np.inf)
    return fft.irfft2(fft.rfft2(rng.normal(size=shape)) * k**-exponent, shape)


def textures(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    exponent: float | None = None,
    spacing_nm: float = 30.0,
) -> Emitters:
    """Return a random field with a power-law spectrum, as extended tissue.

    Parameters
    ----------
    extent_nm, rng
        As in `filaments`.
    exponent : float, optional
        Of the amplitude spectrum; default random in [0.8, 2].
    spacing_nm : float, default=30
        Grid on which the field is drawn.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> textures((3000, 3000), np.random.default_rng(0)).render(30).shape
    (100, 100)
    """
    shape = tuple(max(2, round(e / spacing_nm)) for e in extent_nm)
    exponent = rng.uniform(0.8, 2.0) if exponent is None else exponent
    field = power_law_noise(frequency_radius(shape), shape, exponent, rng)
    field = field / field.std() + rng.uniform(-0.5, 1.5)
    return _from_image(np.maximum(field, 0), extent_nm)


def dead_leaves(
    extent_nm: Extent,
    rng: np.random.Generator,
    *,
    size_nm: tuple[float, float] = (100.0, 3000.0),
    n: int = 150,
    spacing_nm: float = 30.0,
) -> Emitters:
    """Return occluding discs and boxes, the model of natural pictures.

    Parameters
    ----------
    extent_nm, rng
        As in `filaments`.
    size_nm : tuple of two floats, default=(100, 3000)
        Range of sizes; their density falls with the square.
    n : int, default=150
        Number of leaves.
    spacing_nm : float, default=30
        Grid on which the leaves are drawn.

    Returns
    -------
    Emitters
        In the focal plane.

    Examples
    --------
    >>> import numpy as np
    >>> dead_leaves((3000, 3000), np.random.default_rng(0)).render(30).shape
    (100, 100)
    """
    shape = tuple(max(2, round(e / spacing_nm)) for e in extent_nm)
    out = np.full(shape, rng.uniform(0, 0.5))
    large, small = 1 / size_nm[1], 1 / size_nm[0]
    size = 1 / rng.uniform(large, small, n) / spacing_nm / 2
    size = np.sort(size)[::-1] if rng.random() < 0.5 else size
    centre = rng.uniform(0, 1, (n, 2)) * shape
    angle, light = rng.uniform(0, np.pi, n), rng.uniform(0, 1, n) ** 2
    disc, slope = rng.random(n) < 0.5, rng.normal(0, 0.3, (n, 2))
    _draw_leaves(out, centre, size, angle, light, disc, slope)
    return _from_image(out, extent_nm)


@njit
def _draw_leaves(out, centre, size, angle, light, disc, slope):
    height, width = out.shape
    for i in range(len(size)):
        reach = 1.5 * size[i]
        cos, sin = np.cos(angle[i]), np.sin(angle[i])
        y0, y1 = max(0, int(centre[i, 0] - reach)), int(centre[i, 0] + reach) + 2
        x0, x1 = max(0, int(centre[i, 1] - reach)), int(centre[i, 1] + reach) + 2
        for y in range(y0, min(height, y1)):
            for x in range(x0, min(width, x1)):
                dy, dx = (y - centre[i, 0]) / size[i], (x - centre[i, 1]) / size[i]
                u, v = cos * dx + sin * dy, cos * dy - sin * dx
                inside = u * u + v * v < 1 if disc[i] else abs(u) < 1 and abs(v) < 0.5
                if inside:
                    shade = 1.0 + slope[i, 0] * u + slope[i, 1] * v
                    out[y, x] = light[i] * max(shade, 0.0)
