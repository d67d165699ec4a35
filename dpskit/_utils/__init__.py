"""Helpers that know nothing of imaging: checks, dtypes, FFT, numba options."""
