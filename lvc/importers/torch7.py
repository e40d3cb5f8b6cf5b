"""Tensors of a Torch7 file (``.t7``), read without executing anything.

Only what a saved network needs of the format is understood: numbers, strings, booleans, tables, and Torch objects that
are tensors, storages, or layers made of those. Anything else ends the reading with an error.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from lvc.errors import UserError

_NUMBER, _STRING, _TABLE, _OBJECT, _BOOLEAN = 1, 2, 3, 4, 5
_KINDS = {"Float": "<f4", "Cuda": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Byte": "u1"}
_DEEPEST = 100


class Reader:
    """Reads one file of objects that refer to each other by number.

    Args:
        path: The file, in the binary form that ``torch.save`` of Torch7 writes on 64-bit machines.
    """

    def __init__(self, path: Path):
        self.path, self.data, self.at = path, path.read_bytes(), 0
        self.known: dict[int, Any] = {}

    def read(self, depth: int = 0) -> Any:
        """The next object: tables as dictionaries, layers as their tables with ``class``, tensors as arrays.

        Raises:
            UserError: If the file is no Torch7 file, is cut short, or holds something else.
        """
        if depth > _DEEPEST:
            raise self._wrong("objects inside objects without end")
        kind = self._number("<i")
        if kind == 0:
            return None
        if kind == _NUMBER:
            return self._number("<d")
        if kind == _STRING:
            return self._text()
        if kind == _BOOLEAN:
            return bool(self._number("<i"))
        if kind not in (_TABLE, _OBJECT):
            raise self._wrong(f"an object of type {kind}")
        number = self._number("<i")
        if number not in self.known:
            self.known[number] = {}
            self.known[number] = self._table(number, depth) if kind == _TABLE else self._object(number, depth)
        return self.known[number]

    def _table(self, number: int, depth: int) -> dict:
        table = self.known[number]
        for _ in range(self._number("<i")):
            key = self.read(depth + 1)
            table[key if isinstance(key, str | float | bool) else repr(key)] = self.read(depth + 1)
        return table

    def _object(self, number: int, depth: int) -> Any:
        name = self._text()
        if name.startswith("V "):  # a version goes before the class in all but old files
            name = self._text()
        kind = name.removeprefix("torch.").removesuffix("Tensor").removesuffix("Storage")
        if name.endswith("Storage") and kind in _KINDS:
            count = self._number("<q")
            return np.frombuffer(self._bytes(count * np.dtype(_KINDS[kind]).itemsize), _KINDS[kind])
        if name.endswith("Tensor") and kind in _KINDS:
            return self._tensor(depth)
        layer = self.read(depth + 1)
        if not isinstance(layer, dict):
            raise self._wrong(f"'{name}', which is no layer")
        layer["class"] = name
        return layer

    def _tensor(self, depth: int) -> np.ndarray:
        dims = self._number("<i")
        if not 0 <= dims <= 8:
            raise self._wrong(f"a tensor of {dims} dimensions")
        sizes = [self._number("<q") for _ in range(dims)]
        strides = [self._number("<q") for _ in range(dims)]
        first, storage = self._number("<q") - 1, self.read(depth + 1)
        if storage is None or not sizes:
            return np.zeros(0, np.float32)
        last = first + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
        if first < 0 or min(sizes) < 1 or min(strides) < 0 or last >= len(storage):
            raise self._wrong("a tensor that reaches out of its storage")
        steps = [step * storage.itemsize for step in strides]
        return np.lib.stride_tricks.as_strided(storage[first:], sizes, steps).copy()

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _text(self) -> str:
        return self._bytes(self._number("<i")).decode("latin-1")

    def _bytes(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise self._wrong("its end too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def _wrong(self, what: str) -> UserError:
        return UserError(f"{self.path}: no Torch7 network: has {what} at byte {self.at}")


def convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of every convolution of a network, in its order.

    Raises:
        UserError: If the file is no Torch7 file of a network.
    """
    found: list[tuple[np.ndarray, np.ndarray]] = []
    _collect(Reader(path).read(), found, set())
    return found


def _collect(layer: Any, found: list, seen: set[int]) -> None:
    if not isinstance(layer, dict) or id(layer) in seen:
        return
    seen.add(id(layer))
    weight, bias = layer.get("weight"), layer.get("bias")
    if "Convolution" in str(layer.get("class")) and isinstance(weight, np.ndarray) and isinstance(bias, np.ndarray):
        found.append((weight, bias))
    for key in ("modules", *sorted(k for k in layer if isinstance(k, float))):
        _collect(layer.get(key), found, seen)
