"""The project's numba options in one place."""

from numba import njit as _njit

__all__ = ["njit", "njit_fused"]

njit = _njit(cache=True, nogil=True)
# Products and sums may be fused, which rounds once less.
njit_fused = _njit(cache=True, nogil=True, parallel=True, fastmath={"contract"})
