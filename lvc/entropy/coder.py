"""Range coding of integer arrays: one call of the coder per table, escapes after the rest."""

from collections.abc import Iterator

import constriction
import numpy as np

from lvc.entropy.tables import CodingTables

Categorical, Uniform = constriction.stream.model.Categorical, constriction.stream.model.Uniform
RangeDecoder, RangeEncoder = constriction.stream.queue.RangeDecoder, constriction.stream.queue.RangeEncoder

LIMIT = 1 << 20
"""Largest magnitude of a symbol."""

# How many bits the excess of an escape has: short ones are far more likely.
_LENGTHS = Categorical(0.5 ** np.arange(1, 23), perfect=False)


def encode_symbols(encoder: RangeEncoder, symbols: np.ndarray, index: np.ndarray, tables: CodingTables) -> None:
    """Append ``symbols``, each under the table its ``index`` names.

    Args:
        encoder: Range encoder to append to.
        symbols: Integers of any shape, at most :data:`LIMIT` in magnitude.
        index: Table index of each symbol, same shape.
        tables: The coding tables.
    """
    order, groups = _grouped(index)
    values = symbols.reshape(-1)[order].astype(np.int32) - tables.lows[index.reshape(-1)[order]]
    for row, part in groups:
        size = tables.sizes[row]
        value = values[part]
        outside = (value < 0) | (value >= size)
        encoder.encode(np.where(outside, size, value), tables.model(row))
        if outside.any():
            _encode_escapes(encoder, value[outside], size)


def decode_symbols(decoder: RangeDecoder, index: np.ndarray, tables: CodingTables) -> np.ndarray:
    """Read back what :func:`encode_symbols` wrote for the same ``index``; int32 in its shape."""
    order, groups = _grouped(index)
    values = np.empty(index.size, np.int32)
    for row, part in groups:
        size = tables.sizes[row]
        value = decoder.decode(tables.model(row), part.stop - part.start)
        escaped = np.flatnonzero(value == size)
        if len(escaped):
            value[escaped] = _decode_escapes(decoder, len(escaped), size)
        values[part] = value
    symbols = np.empty(index.size, np.int32)
    symbols[order] = values + tables.lows[index.reshape(-1)[order]]
    return symbols.reshape(index.shape)


def _grouped(index: np.ndarray) -> tuple[np.ndarray, Iterator[tuple[int, slice]]]:
    """An order in which equal indices are neighbours, and each index with its slice of that order."""
    flat = index.reshape(-1)
    order = np.argsort(flat, kind="stable")
    rows, starts = np.unique(flat[order], return_index=True)
    ends = np.append(starts[1:], flat.size)
    return order, ((int(r), slice(int(a), int(b))) for r, a, b in zip(rows, starts, ends, strict=True))


def _encode_escapes(encoder: RangeEncoder, value: np.ndarray, size: int) -> None:
    """Code which side and how far (Elias gamma) each value lies outside ``0 ... size - 1``."""
    above = value >= size
    excess = np.where(above, value - size, -value - 1) + 1
    bits = np.floor(np.log2(excess)).astype(np.int32)
    encoder.encode(above.astype(np.int32), Uniform(2))
    encoder.encode(bits, _LENGTHS)
    long = bits > 0
    if long.any():
        encoder.encode((excess - (1 << bits))[long].astype(np.int32), Uniform(), (1 << bits[long]).astype(np.int32))


def _decode_escapes(decoder: RangeDecoder, count: int, size: int) -> np.ndarray:
    above = decoder.decode(Uniform(2), count).astype(bool)
    bits = decoder.decode(_LENGTHS, count)
    excess = 1 << bits
    long = bits > 0
    if long.any():
        excess[long] += decoder.decode(Uniform(), (1 << bits[long]).astype(np.int32))
    return np.where(above, size + excess - 1, -excess)
