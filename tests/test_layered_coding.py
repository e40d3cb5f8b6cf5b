"""Files at a quality and at a spatial level: decoded, cut, and what is refused."""

from fractions import Fraction

import pytest
import torch

from lvc.bitstream.container import file_header, open_bitstream
from lvc.coding.rate_control import RateControl
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import cut_video, decode_video, encode_video
from lvc.errors import UserError
from lvc.export import load_export, save_export
from tests.conftest import moving_clip, tiny_pmctf, tiny_pmctf_config, tiny_pwave, tiny_pwave_config


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "pwave.safetensors"
    return save_export(path, tiny_pwave(), tiny_pwave_config(), {})


@pytest.fixture(scope="module")
def mctf_export(tmp_path_factory):
    return save_export(tmp_path_factory.mktemp("export") / "pmctf.safetensors", tiny_pmctf(), tiny_pmctf_config(), {})


def encode(export, path, **options):
    clip = moving_clip(2, 50, 70)
    return list(encode_video(load_export(export), clip.unbind(1), path, Fraction(30), options=EncodeOptions(**options)))


def test_a_file_says_its_quality_and_decodes_at_it(export, tmp_path):
    sent = encode(export, tmp_path / "a.lvc", q=3.25)
    assert (file_header(tmp_path / "a.lvc").q, file_header(tmp_path / "a.lvc").layers) == (3.25, 5)
    decoded = decode_video(tmp_path / "a.lvc", load_export(export))
    assert all(torch.equal(s.frame, d) for s, d in zip(sent, decoded, strict=True))


def test_a_cut_file_decodes_as_the_whole_one_at_that_level(export, tmp_path):
    encode(export, tmp_path / "a.lvc")
    cut_video(tmp_path / "a.lvc", tmp_path / "b.lvc", 1)
    cut_video(tmp_path / "b.lvc", tmp_path / "c.lvc", 1)
    sizes = [(tmp_path / f"{name}.lvc").stat().st_size for name in "abc"]
    assert sizes == sorted(sizes, reverse=True)
    for name, level, size in (("b", 1, (25, 35)), ("c", 2, (13, 18))):
        smaller = list(decode_video(tmp_path / f"{name}.lvc", load_export(export)))
        same = list(decode_video(tmp_path / "a.lvc", load_export(export), level))
        assert [frame.shape for frame in smaller] == [(1, 3, *size)] * 2
        assert all(torch.equal(a, b) for a, b in zip(smaller, same, strict=True))
    with pytest.raises(UserError, match="spatial level 1: the stream has levels 2 to 4"):
        next(decode_video(tmp_path / "c.lvc", load_export(export), 1))


def test_what_a_codec_does_not_have_is_refused(export, tiny_export, tmp_path):
    for q in (-1, 20.5):
        with pytest.raises(UserError, match=r"pwave has qualities 0 to 20"):
            encode(export, tmp_path / "a.lvc", q=q)
    with pytest.raises(UserError, match="dcvc_tcm has a single rate"):
        encode(tiny_export, tmp_path / "a.lvc", q=3)
    encode(tiny_export, tmp_path / "a.lvc")
    with pytest.raises(UserError, match="spatial level 1: the stream has a single one"):
        next(decode_video(tmp_path / "a.lvc", load_export(tiny_export), 1))
    with pytest.raises(UserError, match="spatial level 1: the stream has a single one"):
        cut_video(tmp_path / "a.lvc", tmp_path / "b.lvc", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.lvc"]


def test_a_video_of_temporal_levels_is_cut_to_fewer_frames(mctf_export, tmp_path):
    export = mctf_export
    clip = moving_clip(3, 64, 64)
    list(encode_video(load_export(export), clip.unbind(1), tmp_path / "a.lvc", Fraction(30)))
    cut_video(tmp_path / "a.lvc", tmp_path / "b.lvc", 2, 1)
    header = file_header(tmp_path / "b.lvc")
    assert (header.fps, header.structure["temporal_level"], header.layers) == (15, 1, 3)
    fewer = list(decode_video(tmp_path / "b.lvc", load_export(export)))
    same = list(decode_video(tmp_path / "a.lvc", load_export(export), 2, 1))
    assert [frame.shape for frame in fewer] == [(1, 3, 16, 16)] * 2
    assert all(torch.equal(a, b) for a, b in zip(fewer, same, strict=True))
    with pytest.raises(UserError, match="temporal level 3: the stream has levels 0 to 2"):
        next(decode_video(tmp_path / "a.lvc", load_export(export), temporal_level=3))
    with pytest.raises(UserError, match="temporal level 0: the stream has levels 1 to 2"):
        cut_video(tmp_path / "b.lvc", tmp_path / "c.lvc", 0, 0)


@pytest.mark.parametrize(("height", "width"), [(51, 77), (20, 30), (1, 1)])
@pytest.mark.parametrize("intra_period", [None, 1])
def test_frames_of_any_size_decode_at_every_level(mctf_export, tmp_path, height, width, intra_period):
    clip = moving_clip(3, 64, 80)[..., :height, :width]
    target = tmp_path / "a.lvc"
    options = {"intra_period": intra_period, "q": 20.0}
    sent = list(
        encode_video(load_export(mctf_export), clip.unbind(1), target, Fraction(30), options=EncodeOptions(**options))
    )
    decoded = list(decode_video(target, load_export(mctf_export)))
    order = sorted(sent, key=lambda coded: coded.packet.index)
    assert all(torch.equal(s.frame, d) for s, d in zip(order, decoded, strict=True))
    smaller = list(decode_video(target, load_export(mctf_export), spatial_level=4))
    assert [tuple(frame.shape[2:]) for frame in smaller] == [(-(-height // 16), -(-width // 16))] * 3


@pytest.mark.parametrize("q", [-1, 20.5, float("nan")])
def test_a_quality_that_a_group_codec_does_not_have_is_refused(mctf_export, tmp_path, q):
    with pytest.raises(UserError, match=rf"quality {q:g}: pmctf_l has qualities 0 to 20"):
        list(
            encode_video(
                load_export(mctf_export),
                moving_clip(1, 64, 64).unbind(1),
                tmp_path / "a.lvc",
                30,
                options=EncodeOptions(q=q),
            )
        )
    assert not list(tmp_path.iterdir())


def test_frames_of_their_own_qualities_decode_and_are_cut(export, tmp_path):
    frames = [frame[None] for frame in moving_clip(6, 50, 70)[0]]
    control = RateControl(42000, len(frames), 50 * 70, 20, single=True)
    sent = list(encode_video(load_export(export), frames, tmp_path / "a.lvc", Fraction(30), control=control))
    qualities = [encoded.packet.quality for encoded in sent]
    assert len(set(qualities)) > 1
    decoded = decode_video(tmp_path / "a.lvc", load_export(export))
    assert all(torch.equal(s.frame, d) for s, d in zip(sent, decoded, strict=True))
    cut_video(tmp_path / "a.lvc", tmp_path / "b.lvc", 1)
    with open_bitstream(tmp_path / "b.lvc") as (_, packets):
        assert [packet.quality for packet in packets] == qualities
    smaller = list(decode_video(tmp_path / "b.lvc", load_export(export)))
    assert [frame.shape for frame in smaller] == [(1, 3, 25, 35)] * 6
