"""Arrays from .npy and .npz files: headers are checked against the file before anything is read.

NumPy's own reader believes a header: a flipped bit in it can ask for any amount of memory, or end
in any exception. Here a file is refused whose header promises more than the file holds.
"""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from saddlepoint.data.bounds import check_memory
from saddlepoint.data.reasons import reason_of
from saddlepoint.errors import BadInput

_SUFFIX = ".npy"
_NPY, _ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Promise:
    """What the header of an array says.

    Attributes:
        shape: Lengths of the axes.
        dtype: Type of its numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def bytes(self) -> int:
        """How many bytes its numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """A .npy file with one array without a name, or a .npz file with named ones.

    Attributes:
        path: The file.
        keys: Names of the arrays; None for a .npy file.
    """

    def __init__(self, path: Path) -> None:
        """Look at the kind of the file; what it holds decides, not its suffix.

        Raises:
            BadInput: No such file, or neither kind.
        """
        self.path = path.expanduser()
        self.keys: tuple[str, ...] | None = None
        self._members: dict[str, str] = {}
        with self._reading():
            if not self.path.is_file():
                raise BadInput(f"{self.path} is not a file: give the path of an .npz or .npy file.")
            with self.path.open("rb") as file:
                start = file.read(len(_NPY))
            if not start:
                raise ValueError("it is empty")
            if start.startswith(_ZIP):
                with zipfile.ZipFile(self.path) as archive:
                    names = archive.namelist()
                self._members = {name.removesuffix(_SUFFIX): name for name in names}
                self.keys = tuple(self._members)
            elif start != _NPY:
                raise BadInput(self._no_numbers())

    def promise(self, key: str | None = None) -> Promise:
        """What the header of an array says; errors as for ``read``."""
        with self._opened(key) as (file, size):
            return self._checked(file, size, key)

    def read(self, key: str | None = None) -> NDArray[np.generic]:
        """Read an array, by its name if the file names arrays.

        Raises:
            BadInput: The file is damaged, holds Python objects, or more than the memory can.
        """
        with self._opened(key) as (file, size):
            promise = self._checked(file, size, key)
            check_memory(
                promise.bytes,
                f"{self._where(key)} needs",
                "give a smaller array, or a folder of images, which can be streamed",
            )
            file.seek(0)
            return npy.read_array(file, allow_pickle=False)

    def _where(self, key: str | None) -> str:
        return str(self.path) if key is None else f"'{key}' in {self.path}"

    def _checked(self, file: IO[bytes], size: int, key: str | None) -> Promise:
        version = npy.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(file)
        else:
            # Versions 2 and 3 differ in the encoding of the names of fields, of which there are
            # none in arrays of plain numbers.
            (length,) = struct.unpack("<I", file.read(4))
            file.seek(-4, 1)
            if length > size:
                raise ValueError("its header promises to be longer than the file")
            shape, _, dtype = npy.read_array_header_2_0(file)
        if dtype.hasobject:
            raise BadInput(self._no_numbers())
        if any(side < 0 for side in shape) or not dtype.itemsize:
            raise ValueError(f"its header promises the shape {shape} of type {dtype}")
        promise, rest = Promise(tuple(map(int, shape)), dtype), size - file.tell()
        if promise.bytes > rest:
            shown = " × ".join(f"{side:,}" for side in promise.shape) or "a single number"
            raise BadInput(
                f"{self._where(key)} cannot be read: its header promises {shown} of type {dtype}, "
                f"{promise.bytes:,} bytes, and {max(0, rest):,} are there. Write the file again."
            )
        return promise

    @contextmanager
    def _opened(self, key: str | None) -> Iterator[tuple[IO[bytes], int]]:
        """The bytes of one array, and how many there are."""
        with self._reading():
            if key is None:
                with self.path.open("rb") as file:
                    yield file, self.path.stat().st_size
                return
            with zipfile.ZipFile(self.path) as archive:
                entry = archive.getinfo(self._members[key])
                with archive.open(entry) as member:
                    # What is read ends at the declared size, so it can be relied on.
                    yield member, entry.file_size

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with warnings.catch_warnings():
                # Of a damaged header, compiled as Python literals.
                warnings.simplefilter("ignore")
                yield
        except BadInput:
            raise
        except Exception as error:  # Damage can end in nearly any exception.
            if "allow_pickle" in str(error) or "Object arrays" in str(error):
                raise BadInput(self._no_numbers()) from error
            reason = reason_of(error)
            if "malformed node" in reason:  # with the address of what Python made of it
                reason = "its header is damaged"
            raise BadInput(f"{self.path} cannot be read as .npz or .npy ({reason}).") from error

    def _no_numbers(self) -> str:
        return (
            f"{self.path} is damaged, no array file, or holds Python objects, which are never "
            "unpickled: store plain numbers with numpy.savez."
        )
