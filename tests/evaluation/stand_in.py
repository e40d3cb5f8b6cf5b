"""A program that stands in for reference software: it drops as many bits of a sample as a point says."""

import sys
import zlib
from pathlib import Path

task, source, target, *more = sys.argv[1:]
if task == "encode":
    shift, frames, bytes_per_frame = int(more[0]), int(more[1]), int(more[2])
    data = Path(source).read_bytes()
    if len(data) != frames * bytes_per_frame:
        sys.exit(f"Error: expected {frames} frames of {bytes_per_frame} bytes, got {len(data)} bytes")
    coarse = bytes(value >> shift << shift for value in data)
    Path(target).write_bytes(zlib.compress(bytes([shift]) + coarse))
    for poc in range(frames):
        print(
            f"POC {poc:4d} TId: 0 ( {'I' if poc == 0 else 'P'}-SLICE, QP {shift} ) {8 * (poc + 1):10d} bits [Y 30 dB]"
        )
else:
    Path(target).write_bytes(zlib.decompress(Path(source).read_bytes())[1:])
