import csv
import json
from dataclasses import replace

import pytest

from lvc.errors import UserError
from lvc.evaluation.environment import environment
from lvc.evaluation.records import (
    Key,
    Record,
    RecordStore,
    check_comparable,
    each_once,
    load_record,
    load_records,
    write_csv,
)

SOURCE = {"width": 96, "height": 64, "frames": 6, "fps": "25", "matrix": "bt601", "digest": "aa"}
PROTOCOL = {"name": "ip4", "intra_period": 4, "metrics": ["psnr"]}


def record(codec="x264", point="crf=22", bpp=0.1, psnr=30.0, sequence="scene", **changes):
    key = Key(
        {"kind": "traditional", "encoder": "libx264", "options": {"crf": point}, "threads": 1, "pixels": "yuv420p"},
        sequence,
        SOURCE,
        PROTOCOL,
    )
    values = {
        "bytes": 100,
        "file_bytes": 120,
        "psnr_8bit": psnr,
        "ms_ssim": None,
        "ms_ssim_missing": "not asked for",
        "per_frame": {"psnr": [psnr]},
        "stream_bits": {},
        "seconds": {"encode": 1.0, "decode": 0.5},
        "environment": environment(),
    }
    return Record(key=key, codec=codec, point=point, bpp=bpp, psnr=psnr, **{**values, **changes})


def test_a_record_is_found_again_under_its_key(tmp_path):
    store = RecordStore(tmp_path / "new" / "records")
    written = store.write(record(), "x264")
    assert store.find(written.key, "x264") == written == record()


def test_another_protocol_is_another_measurement(tmp_path):
    store = RecordStore(tmp_path)
    one = store.write(record(), "x264")
    other = replace(one.key, protocol={**PROTOCOL, "intra_period": 12})
    assert store.find(other, "x264") is None
    store.write(replace(one, key=other), "x264")
    assert store.find(one.key, "x264") == one, "the first record must survive"


def test_wrong_and_broken_records_are_measured_again(tmp_path):
    store = RecordStore(tmp_path)
    wrong = store.write(record(error="frames differ"), "x264")
    assert store.find(wrong.key, "x264") is None
    next(tmp_path.glob("*.json")).write_text('{"format": 1, "half')
    assert store.find(wrong.key, "x264") is None


def test_no_unfinished_file_stays(tmp_path):
    RecordStore(tmp_path).write(record(), "x264")
    assert [p.suffix for p in tmp_path.iterdir()] == [".json"]


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"output: cannot write to .*file"):
        RecordStore(tmp_path / "file" / "records")


def test_unlike_protocols_are_refused():
    other = record(point="crf=27")
    other = replace(other, key=replace(other.key, protocol={**PROTOCOL, "intra_period": 12}))
    with pytest.raises(UserError, match="protocols differ in intra_period: 4 and 12"):
        check_comparable([record(), other])


def test_what_two_evaluations_measured_counts_once():
    anchor, other = record(), record(codec="mine")
    assert each_once([anchor, other, record()]) == [anchor, other]
    unlike = replace(anchor, key=replace(anchor.key, system={**anchor.key.system, "options": {"preset": "fast"}}))
    with pytest.raises(UserError, match=r"^records: two codecs would be x264 crf=22 on scene, and differ in options; "):
        each_once([anchor, unlike])


def test_other_frames_under_the_same_name_are_refused():
    other = record(point="crf=27")
    other = replace(other, key=replace(other.key, source={**SOURCE, "digest": "bb"}))
    with pytest.raises(UserError, match="sources differ in digest"):
        check_comparable([record(), other])


def test_records_of_another_format_are_refused(tmp_path):
    store = RecordStore(tmp_path)
    store.write(record(), "x264")
    path = next(tmp_path.glob("*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(UserError, match="format 99"):
        load_record(path)


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no evaluation records"):
        load_records(tmp_path)


def test_the_csv_has_a_row_per_record(tmp_path):
    write_csv([record(), record(point="crf=27", bpp=0.05)], tmp_path / "results.csv")
    rows = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [row["point"] for row in rows] == ["crf=22", "crf=27"]
    assert float(rows[1]["bpp"]) == 0.05
    assert rows[0]["ms_ssim"] == ""
