"""Range coding of integer arrays: one call of the coder per table, escapes after the rest."""

from collections.abc import Iterator
from itertools import pairwise

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
        symbols: int32 of any shape, at most :data:`LIMIT` in magnitude.
        index: Table index of each symbol, same shape.
        tables: The coding tables.
    """
    order, groups = _grouped(index)
    ordered = symbols.reshape(-1)[order]
    for row, part in groups:
        size = int(tables.sizes[row])
        value = ordered[part] - tables.lows[row]
        outside = value.view(np.uint32) >= size  # below 0 is far above as an unsigned number
        if outside.any():
            encoder.encode(np.where(outside, np.int32(size), value), tables.model(row))
            _encode_escapes(encoder, value[outside], size)
        else:
            encoder.encode(value, tables.model(row))


def decode_symbols(decoder: RangeDecoder, index: np.ndarray, tables: CodingTables) -> np.ndarray:
    """Read back what :func:`encode_symbols` wrote for the same ``index``; int32 in its shape."""
    order, groups = _grouped(index)
    ordered = np.empty(index.size, np.int32)
    for row, part in groups:
        size = int(tables.sizes[row])
        value = decoder.decode(tables.model(row), part.stop - part.start)
        escaped = value == size
        if escaped.any():
            value[escaped] = _decode_escapes(decoder, int(escaped.sum()), size)
        ordered[part] = value + tables.lows[row]
    symbols = np.empty(index.size, np.int32)
    symbols[order] = ordered
    return symbols.reshape(index.shape)


def encode_choice(encoder: RangeEncoder, option: int, count: int) -> None:
    """Append one of ``count`` (2 or more) equally likely options."""
    encoder.encode(option, Uniform(count))


def decode_choice(decoder: RangeDecoder, count: int) -> int:
    """Read back what :func:`encode_choice` wrote for the same ``count``."""
    return int(decoder.decode(Uniform(count)))


def _grouped(index: np.ndarray) -> tuple[np.ndarray, Iterator[tuple[int, slice]]]:
    """An order in which equal indices are neighbours, and each index with its slice of that order."""
    flat = index.reshape(-1)
    ends = np.cumsum(np.bincount(flat)).tolist()
    groups = ((row, slice(start, end)) for row, (start, end) in enumerate(pairwise([0, *ends])) if start < end)
    return np.argsort(flat, kind="stable"), groups


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
