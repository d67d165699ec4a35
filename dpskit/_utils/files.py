"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpskit.exceptions import FileFormatError

__all__ = ["atomic_path", "check_target"]


@contextmanager
def atomic_path(path: str | os.PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary name beside `path` that replaces it at the end.

    Parameters
    ----------
    path : str or path-like
        The file to be.
    overwrite : bool, default=False
        Replace an existing file.

    Yields
    ------
    Path
        Write here. After an error it is removed and `path` is untouched.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False.
    FileFormatError
        If the system refuses to write.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_path(path) as temporary:
    ...     size = temporary.write_text("whole")
    >>> path.read_text()
    'whole'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    check_target(path, overwrite)
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        check_target(path, overwrite)
        os.replace(temporary, path)
    except (FileExistsError, FileFormatError):
        raise
    except OSError as error:
        reason = error.strerror or f"the disk is full or refuses more ({error})"
        raise FileFormatError(
            f"'{path}' cannot be written: {reason}; nothing was left behind."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path, overwrite: bool) -> None:
    """Raise unless a file may be written there."""
    if not path.parent.is_dir():
        raise FileFormatError(
            f"'{path}' cannot be written, because there is no folder '{path.parent}'."
        )
    if path.is_dir():
        raise FileFormatError(f"'{path}' cannot be written, because it is a folder.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"'{path}' exists already; allow overwrite to replace it."
        )
