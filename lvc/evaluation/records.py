"""One JSON record per sequence, codec and rate point: all that is needed to recompute its numbers."""

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lvc.errors import UserError
from lvc.files import partial
from lvc.names import shortened

FORMAT = 1


@dataclass(frozen=True)
class Key:
    """What makes two measurements the same measurement.

    Attributes:
        system: The codec: an export's description, or an encoder and its options.
        sequence: Name of the sequence.
        source: Size, frames, frame rate, matrix and digest of what was coded.
        protocol: Everything the protocol fixes.
    """

    system: dict[str, Any]
    sequence: str
    source: dict[str, Any]
    protocol: dict[str, Any]

    @property
    def digest(self) -> str:
        """Short name of this key."""
        text = json.dumps(_plain(asdict(self)), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Record:
    """One rate point of one codec on one sequence.

    Attributes:
        key: What was measured.
        codec: Name of the curve it belongs to.
        point: Name of the rate point on it.
        bytes: What bits per pixel count: the file of a learned codec, headers included; the elementary
            stream of a traditional one, parameter sets included.
        file_bytes: Size of the file on disk.
        bpp: Bits per pixel.
        psnr: Mean over frames of RGB PSNR in dB, of the reconstruction as it is; ``None`` where a curve that was
            brought in does not tell it.
        psnr_8bit: The same of the reconstruction rounded to 8 bits.
        ms_ssim: Mean over frames, or ``None``, and then `ms_ssim_missing` says why.
        ms_ssim_missing: Why there is no MS-SSIM.
        metrics: Means over frames of all other metrics, by their names in :data:`lvc.config.metrics.METRICS`.
        pooled: PSNR of the mean error over all frames, in RGB (``psnr``) and by plane.
        per_frame: Frame by frame in display order: the metrics, and the columns of
            :func:`lvc.evaluation.frames.as_columns`.
        stream_bits: Bits by stream, over the whole sequence.
        seconds: Seconds spent in ``encode`` and ``decode``.
        crop: Picture of a part of one decoded frame: its file name beside the record, its path once read.
        crop_original: The same part of the original.
        motion: Picture of one frame's motion, by name or path as `crop`, and what it shows
            (:class:`lvc.evaluation.motion.MotionPicture`).
        error: What is wrong with the measurement; such a record is shown and never compared or reused.
        environment: Versions, revision and machine.
        format: Version of this layout.
    """

    key: Key
    codec: str
    point: str
    bytes: int
    file_bytes: int
    bpp: float
    psnr: float | None
    psnr_8bit: float | None
    ms_ssim: float | None
    ms_ssim_missing: str | None
    per_frame: dict[str, list[Any]]
    stream_bits: dict[str, float]
    seconds: dict[str, float]
    metrics: dict[str, float] = field(default_factory=dict)
    pooled: dict[str, float] = field(default_factory=dict)
    crop: str | None = None
    crop_original: str | None = None
    motion: dict[str, Any] | None = None
    error: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def sequence(self) -> str:
        """Name of the sequence."""
        return self.key.sequence

    @property
    def kind(self) -> str:
        """What measured it: a ``learned`` or a ``traditional`` codec, or it was ``brought`` in."""
        return self.key.system["kind"]

    def value(self, metric: str) -> float | None:
        """The mean over frames of any metric, ``None`` where it was not measured."""
        return getattr(self, metric) if metric in ("psnr", "psnr_8bit", "ms_ssim") else self.metrics.get(metric)

    def renamed(self, codec: str, point: str) -> "Record":
        """The same measurement under another curve's name."""
        return replace(self, codec=codec, point=point)


class RecordStore:
    """The records of one folder.

    Args:
        folder: Where they lie; made when missing.

    Raises:
        UserError: When the folder cannot be written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"output: cannot write to {folder}: {error.strerror}") from None

    def stem(self, key: Key, name: str) -> Path:
        """Path of a record's files without their suffix; unlike measurements never share it."""
        plain = re.sub(r"[^\w.=-]+", "_", f"{key.sequence}-{name}")
        return self.folder / f"{shortened(plain)}-{key.digest}"

    def find(self, key: Key, name: str) -> Record | None:
        """The record of exactly this measurement, if it is there and without error."""
        path = Path(f"{self.stem(key, name)}.json")
        if not path.exists():
            return None
        try:
            record = load_record(path)
        except UserError:
            return None
        same = _plain(asdict(record.key)) == _plain(asdict(key))
        return record if same and record.error is None else None

    def write(self, record: Record, name: str) -> Record:
        """Write a record, never leaving half a file under its name, and return it as it reads back."""
        path = Path(f"{self.stem(record.key, name)}.json")
        draft = partial(path)
        draft.write_text(json.dumps(_plain(asdict(record)), indent=1, allow_nan=False))
        os.replace(draft, path)
        return load_record(path)


def load_record(path: Path) -> Record:
    """Read one record.

    Raises:
        UserError: When it is no record, or one of another format.
    """
    try:
        data = json.loads(path.read_text())
        if data["format"] != FORMAT:
            raise UserError(f"{path}: is a record of format {data['format']}, this version reads {FORMAT}")
        record = Record(**{**data, "key": Key(**data["key"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is not an evaluation record ({type(error).__name__})") from None
    if record.crop and record.crop_original:
        beside = {name: str(path.parent / getattr(record, name)) for name in ("crop", "crop_original")}
        record = replace(record, **beside)
    if record.motion:
        record = replace(record, motion=record.motion | {"picture": str(path.parent / record.motion["picture"])})
    return record


def load_records(folder: Path) -> list[Record]:
    """All records of a folder, or of the `records` folder inside an evaluation's output.

    Raises:
        UserError: When there are none, or one cannot be read.
    """
    inside = folder / "records"
    paths = sorted((inside if inside.is_dir() else folder).glob("*.json"))
    if not paths:
        raise UserError(f"records: {folder} holds no evaluation records")
    return [load_record(path) for path in paths]


def check_comparable(records: Iterable[Record]) -> None:
    """Refuse records that do not answer the same question.

    Raises:
        UserError: Naming two records whose protocol differs, or that coded different frames under one name.
    """
    first, sources = None, {}
    for record in records:
        if record.kind == "brought":
            continue  # its protocol is noted, for it is never wholly known
        first = first or record
        _same(first, record, "protocol", *(_compared(r.key.protocol) for r in (first, record)))
        other = sources.setdefault(record.sequence, record)
        _same(other, record, "source", other.key.source, record.key.source)


def each_once(records: Iterable[Record]) -> list[Record]:
    """Comparable records without those that are there already, as an anchor's are that two evaluations measured.

    Raises:
        UserError: Naming a point of a curve that two unlike codecs would share.
    """
    found: dict[tuple[str, str, str], Record] = {}
    for record in records:
        other = found.setdefault((record.codec, record.point, record.sequence), record)
        left, right = _plain(other.key.system), _plain(record.key.system)
        if different := [name for name in {**left, **right} if left.get(name) != right.get(name)]:
            raise UserError(
                f"records: two codecs would be {record.codec} {record.point} on {record.sequence}, and differ in "
                f"{different[0]}; leave one of them out, or name an export's curve with labels"
            )
    return list(found.values())


def _compared(protocol: dict[str, Any]) -> dict[str, Any]:
    """A protocol without which metrics were measured: more of them make no other measurement."""
    return {name: value for name, value in protocol.items() if name != "metrics"}


def _same(one: Record, other: Record, what: str, left: dict[str, Any], right: dict[str, Any]) -> None:
    left, right = _plain(left), _plain(right)
    different = [name for name in left if name in right and left[name] != right[name]]
    if different:
        name = different[0]
        raise UserError(
            f"records: {one.codec} {one.point} and {other.codec} {other.point} on {other.sequence} cannot be "
            f"compared, their {what}s differ in {name}: {left.get(name)} and {right.get(name)}"
        )


def write_csv(records: Iterable[Record], path: Path) -> None:
    """One row per record."""
    records = list(records)
    columns = ("bytes", "file_bytes", "bpp", "psnr", "psnr_8bit", "ms_ssim")
    more = list(dict.fromkeys(name for r in records for name in r.metrics))
    pooled = list(dict.fromkeys(name for r in records for name in r.pooled))
    head = [
        "sequence",
        "codec",
        "point",
        "width",
        "height",
        "frames",
        "fps",
        "matrix",
        "protocol",
        "intra_period",
    ]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                *head,
                *columns,
                *more,
                *(f"{name}_pooled" for name in pooled),
                "encode_seconds",
                "decode_seconds",
                "error",
            ]
        )
        for r in records:
            source = [r.key.source.get(name) for name in ("width", "height", "frames", "fps", "matrix")]
            protocol = [r.key.protocol.get(name) for name in ("name", "intra_period")]
            values = [getattr(r, name) for name in columns]
            values += [r.metrics.get(name) for name in more] + [r.pooled.get(name) for name in pooled]
            times = [r.seconds.get("encode"), r.seconds.get("decode")]
            writer.writerow([r.sequence, r.codec, r.point, *source, *protocol, *values, *times, r.error])


def _plain(value: Any) -> Any:
    """As JSON reads it back: tuples become lists."""
    return json.loads(json.dumps(value, allow_nan=False))
