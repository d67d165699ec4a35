"""Errors and warnings of dpskit.

Every message is one sentence with four facts: the parameter, the class or
function, what is allowed, and what came instead.
"""

__all__ = [
    "DpskitError",
    "DpskitWarning",
    "FileFormatError",
    "InvalidParameterError",
    "ReconstructionError",
    "TrainingError",
    "WeightsError",
]


class DpskitError(Exception):
    """Base class of every error that dpskit raises by itself."""


class InvalidParameterError(DpskitError, ValueError, TypeError):
    """A parameter has a type or a value that is not allowed."""


class WeightsError(DpskitError, ValueError):
    """Weights are unknown, damaged, or do not fit the network."""


class FileFormatError(DpskitError, OSError):
    """A file cannot be read or written as the image it claims to be."""


class ReconstructionError(DpskitError, ValueError):
    """Raw frames do not allow the image that was asked for; says what to do."""


class TrainingError(DpskitError, RuntimeError):
    """Training cannot go on, for example because the output has died."""


class DpskitWarning(UserWarning):
    """A result is usable but the user should act; the message says how."""
