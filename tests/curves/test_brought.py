import json

import pytest

from lvc.errors import UserError
from lvc.evaluation.brought import caution, of_sequences, read_curves
from lvc.evaluation.curves import compare, sequence_curve

from ..evaluation.conftest import DATA
from ..evaluation.test_curves import POINTS
from ..evaluation.test_curves import curve as measured

HEAD = "sequence,codec,point,bpp,psnr"


def write(path, *rows, head=HEAD):
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def brought(path, scale=1.0, head=HEAD, more=""):
    return write(path, *(f"one,HM,{p},{bpp * scale},{psnr}{more}" for p, (bpp, psnr) in POINTS.items()), head=head)


def test_rows_become_a_curve(tmp_path):
    records = read_curves(brought(tmp_path / "hm.csv"))
    curve = sequence_curve(records, "HM", "one", "psnr")
    assert list(zip(curve.bpp, curve.quality, strict=True)) == sorted(POINTS.values())
    assert all(r.kind == "brought" for r in records)


def test_json_has_what_is_common_once(tmp_path):
    points = [{"sequence": "one", "codec": "HM", "bpp": 0.1, "psnr_y": 36, "psnr_u": 40, "psnr_v": 44}]
    path = tmp_path / "hm.json"
    path.write_text(json.dumps({"source": "a table", "frames": 96, "intra_period": 32, "points": points}))
    (record,) = read_curves(path)
    assert record.value("psnr_yuv") == pytest.approx((6 * 36 + 40 + 44) / 8)
    assert record.value("psnr") is None
    assert record.key.source["frames"] == 96 and record.key.system["source"] == "a table"


def test_a_codec_is_compared_with_what_was_brought_in(tmp_path):
    records = measured("mine", scale=0.5) + read_curves(brought(tmp_path / "hm.csv"))
    comparison = compare(records, "mine", "HM", "psnr", "pchip")
    assert comparison.rate["one"].value == pytest.approx(-50)
    assert "hm.csv" in comparison.caution and "intra period, frames not known to be the same" in comparison.caution


def test_conditions_that_differ_are_said(tmp_path):
    head, more = HEAD + ",frames,intra_period,protocol", ",96,4,ip4"
    records = measured("mine") + read_curves(brought(tmp_path / "hm.csv", head=head, more=more))
    said = caution(records, "mine", "HM")
    assert "frames 96 there, 6 here" in said and "not known" not in said and "intra period" not in said
    assert caution(records, "mine") is None


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        ("sequence,codec,psnr", "one,HM,30", "row 1: has no bpp; needed are sequence, codec, bpp"),
        ("sequence,codec,bpp", "one,HM,0.1", "row 1: has no metric; those known are psnr"),
        (HEAD, "one,HM,22,much,30", "row 1: bpp is 'much', not a number"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(head, row, message, tmp_path):
    with pytest.raises(UserError, match=f"x.csv, {message}"):
        read_curves(write(tmp_path / "x.csv", row, head=head))


def test_a_file_without_curves_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(UserError, match=r"x\.json is neither a CSV table nor JSON"):
        read_curves(tmp_path / "x.json")
    with pytest.raises(UserError, match="cannot read"):
        read_curves(tmp_path / "none.csv")


def test_curves_of_other_sequences_are_left_out(tmp_path):
    path = write(tmp_path / "x.csv", "one,HM,22,0.1,30", "two,HM,22,0.2,31")
    records = read_curves(path)
    assert [r.sequence for r in of_sequences(path, records, ["two", "three"])] == ["two"]
    with pytest.raises(UserError, match=r"tells of one, two, and none of them is evaluated \(three\)"):
        of_sequences(path, records, ["three"])


def test_the_anchors_that_lie_beside_the_clips():
    path = DATA / "anchors.csv"
    if not path.exists():
        pytest.skip(f"no anchors at {DATA} (set LVC_DATA)")
    records = read_curves(path)
    name = "BasketballPass_416x240_50"
    assert len(records) == 144 and records[0].key.source["frames"] == 33
    comparison = compare(records, "VTM17-LDP", "x265-ldp", "psnr_y", "akima")
    assert comparison.rate[name].value == pytest.approx(-33.7, abs=1)  # as the file's own page says
