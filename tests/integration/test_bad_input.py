"""What bad input gets: one line, exit code 2, and nothing lost."""

import re
import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch

from lvc.bitstream.container import open_bitstream
from lvc.coding.video import encode_video
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.datasets.frames import to_bytes
from lvc.datasets.video import VideoReader
from lvc.export import load_export, save_export
from lvc.models.build import build_codec
from tests.commands import assert_refused, evaluate, lvc, train
from tests.conftest import moving_clip, tiny_codec, tiny_config

from .conftest import QUICK, SMALL, write

STEP = [*SMALL, *QUICK, "schedule=single_stage", "schedule.order=[joint]", "debug=one_batch", "dir=run"]
"""A run of one step."""


@pytest.fixture(scope="module")
def coded(tmp_path_factory, tiny_export):
    """A bitstream of 5 frames, and the encoder's reconstruction of them."""
    path = tmp_path_factory.mktemp("coded") / "a.lvc"
    frames = moving_clip(5, 64, 96).unbind(1)
    encoded = list(encode_video(load_export(tiny_export), frames, path, Fraction(25)))
    return path, [to_bytes(e.frame) for e in encoded]


def packet_ends(path):
    """Bytes up to each packet's end."""
    sizes = []
    with open_bitstream(path) as (_, packets):
        sizes += [len(p.payload) for p in packets]
    total, ends = path.stat().st_size, []
    behind = 7  # the end mark: kind, index, length and checksum
    for size in reversed(sizes):
        ends.append(total - behind)
        behind += size + 1 + 1 + (1 if size < 128 else 2) + 4
    return ends[::-1]


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (0, ord("X"), "not an lvc bitstream: it does not start with 'LVC'"),
        (3, 9, "format version 9, and this build reads version 1"),
        (20, 0xFF, "damaged header: its checksum does not match"),
    ],
)
def test_a_bitstream_with_another_beginning(tmp_path, tiny_export, coded, where, value, message):
    data = bytearray(coded[0].read_bytes())
    data[where] = value
    (tmp_path / "b.lvc").write_bytes(data)
    for command in (["decode", "b.lvc", "out.mkv", "--model", tiny_export], ["info", "b.lvc"]):
        assert_refused(lvc(*command, cwd=tmp_path), f"b.lvc: {message}")
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("kept", [1, 3])
@pytest.mark.parametrize("damage", ["truncated", "altered"])
@pytest.mark.parametrize("target", ["out.mkv", "out"])
def test_frames_before_the_damage_are_written(tmp_path, tiny_export, coded, kept, damage, target):
    data, ends = bytearray(coded[0].read_bytes()), packet_ends(coded[0])
    middle = (ends[kept - 1] + ends[kept]) // 2
    if damage == "truncated":
        data = data[:middle]
    else:
        data[middle] ^= 0x10
    (tmp_path / "b.lvc").write_bytes(data)
    done = lvc("decode", "b.lvc", target, "--model", tiny_export, cwd=tmp_path)
    word = "truncated in" if damage == "truncated" else "is damaged"
    assert_refused(done, "b.lvc: ", word, f"packet {kept}", f"the {kept} frames that can be decoded are in {target}")
    frames = list(VideoReader(tmp_path / target))
    assert len(frames) == kept
    assert all(np.array_equal(a, b) for a, b in zip(frames, coded[1], strict=False))
    facts = lvc("info", "b.lvc", cwd=tmp_path)
    assert_refused(facts, f"packet {kept}")
    assert re.search(rf"^frames +{kept} \(", facts.out, re.MULTILINE)


def test_damage_in_the_first_frame_writes_nothing(tmp_path, tiny_export, coded):
    (tmp_path / "b.lvc").write_bytes(coded[0].read_bytes()[: packet_ends(coded[0])[0] - 9])
    assert_refused(lvc("decode", "b.lvc", "out", "--model", tiny_export, cwd=tmp_path), "b.lvc: truncated in packet 0")
    assert not (tmp_path / "out").exists()


def test_a_bitstream_of_another_export(tmp_path, coded):
    save_export(tmp_path / "other.safetensors", tiny_codec(seed=1), tiny_config(), {})
    done = lvc("decode", coded[0], "out.mkv", "--model", "other.safetensors", cwd=tmp_path)
    assert_refused(done, "a.lvc: encoded with export", "other.safetensors")
    assert_refused(lvc("decode", coded[0], "out.mkv", cwd=tmp_path), "a.lvc: needs export", "--model EXPORT")
    assert [p.name for p in tmp_path.iterdir()] == ["other.safetensors"]


def damaged_export(path, tiny_export, how):
    data = bytearray(tiny_export.read_bytes())
    if how == "altered":
        data[-5] ^= 1
    (path / "e.safetensors").write_bytes(data[: len(data) // 2] if how == "truncated" else data)


@pytest.mark.parametrize(("how", "message"), [("altered", "do not match its digest"), ("truncated", "or damaged")])
def test_a_damaged_export(tmp_path, tiny_export, coded, videos, how, message):
    damaged_export(tmp_path, tiny_export, how)
    for done in (
        lvc("decode", coded[0], "out.mkv", "--model", "e.safetensors", cwd=tmp_path),
        lvc("encode", videos / "scene0.mkv", "b.lvc", "--model", "e.safetensors", cwd=tmp_path),
        lvc("info", "e.safetensors", cwd=tmp_path),
        train(*STEP, "init_from=e.safetensors", cwd=tmp_path),
        evaluate("exports=e.safetensors", f"dataset.path={videos}", "output=o", cwd=tmp_path),
    ):
        assert_refused(done, "e.safetensors: ", message)


def test_an_export_of_another_model(tmp_path):
    config = build(ModelConfig, {"name": "intra_cheng2020", "size": "tiny", "channels": 16})
    save_export(tmp_path / "intra.safetensors", build_codec(config), config, {})
    done = train(*STEP, "model.intra.weights=intra.safetensors", cwd=tmp_path)
    assert_refused(done, "intra.safetensors: part 'intra' of 'intra_cheng2020' is missing or of another shape")
    done = train(*STEP, "init_from=intra.safetensors", cwd=tmp_path)
    assert_refused(done, "intra.safetensors: no part of 'intra_cheng2020' fits; the codec has flow, motion")


def test_an_export_of_nothing_of_ours(tmp_path, videos):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    done = lvc("encode", videos / "scene0.mkv", "b.lvc", "--model", "a.safetensors", cwd=tmp_path)
    assert_refused(done, "a.safetensors: a safetensors file, but not an lvc export")


def bad_video(path, videos, how):
    data = (videos / "scene0.mkv").read_bytes()
    if how == "truncated":
        path.write_bytes(data[: len(data) * 2 // 3])
    elif how == "no video":
        path.write_bytes(b"words, not pictures" * 99)
    elif how == "empty":
        path.write_bytes(b"")
    return path


@pytest.mark.parametrize("how", ["truncated", "no video", "empty"])
def test_an_unreadable_video_is_refused_by_coding_and_evaluation(tmp_path, tiny_export, videos, how):
    (tmp_path / "set").mkdir()
    shutil.copy(videos / "scene1.mkv", tmp_path / "set" / "good.mkv")
    bad = bad_video(tmp_path / "set" / "bad.mkv", videos, how)
    assert_refused(lvc("encode", bad, "b.lvc", "--model", tiny_export, cwd=tmp_path), "bad.mkv: ")
    done = evaluate("codecs=[x264]", "bdrate.anchor=x264", "dataset.path=set", "protocol.frames=5", cwd=tmp_path)
    assert_refused(done, "bad.mkv: ")
    assert not list(tmp_path.glob("*.lvc")) and not list(tmp_path.glob("runs/**/*.json"))


@pytest.mark.parametrize("how", ["truncated", "no video"])
def test_an_unreadable_video_is_skipped_and_counted_by_training(tmp_path, videos, how):
    (tmp_path / "set").mkdir()
    for name in ("1good", "2good"):
        shutil.copy(videos / "scene1.mkv", tmp_path / "set" / f"{name}.mkv")
    bad_video(tmp_path / "set" / "bad.mkv", videos, how)
    data = ["dataset=folder", "dataset.path=set", "trainer.max_batches=6", "schedule.all.frames=3"]
    done = train(*STEP, *data, "dataset.corrupt_budget=1", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "skipped unreadable clip" in done.out + done.err and "bad.mkv" in done.out + done.err
    if how == "truncated":
        done = train(*STEP, *data, "dataset.corrupt_budget=0.01", "dir=other", cwd=tmp_path)
        assert_refused_last(done, "of 3 samples of an epoch are unreadable (last: bad)", "dataset.corrupt_budget")


def assert_refused_last(done, *said):
    """A mistake that a run finds on its way: its last line says what it is."""
    assert done.code == 2 and "Traceback" not in done.err
    assert done.err.splitlines()[-1].startswith("error: ")
    for part in said:
        assert part in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["dataset.path=missing"], "dataset.path: missing: no such folder"),
        (["dataset.path=empty"], "dataset.path: empty: holds no video files"),
        (["dataset.path=a.mkv"], "dataset.path: a.mkv: is a file; name the folder it is in"),
        (["dataset.path=short", "schedule.all.frames=3"], "clip a: has 2 frames, and 3 frames need 3"),
        (["dataset.path=short", "dataset.pattern=b*"], "dataset.pattern: none of the 1 clips in short matches 'b*'"),
        (["dataset.path=small"], "clip a: is 40x32, too small for crops of 64x64"),
        (
            ["dataset.path=short", "+schedule.stages.joint.dataset.path=missing"],
            "schedule.stages.joint.dataset.path: missing: no such folder",
        ),
    ],
)
def test_data_that_a_run_cannot_use(tmp_path, options, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "short").mkdir()
    (tmp_path / "small").mkdir()
    write(tmp_path / "a.mkv")
    write(tmp_path / "short" / "a.mkv", frames=2)
    write(tmp_path / "small" / "a.mkv", height=32, width=40)
    assert_refused_last(train(*STEP, "dataset=folder", "schedule.all.frames=2", *options, cwd=tmp_path), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["dataset.path=missing"], "dataset.path: missing: no such folder"),
        (["dataset.path=empty"], "dataset.path: empty: holds no video files"),
        (["protocol.frames=96"], "scene0: has 5 frames and protocol.frames is 96; protocol.short=use takes"),
        (["exports=none*"], "exports: no file matches 'none*'"),
        (["output=/proc/nope"], "output: cannot write to /proc/nope"),
        (["output=file/out"], "output: cannot write to file/out"),
        (["bdrate.anchor=x266"], "bdrate.anchor: 'x266' is not evaluated; choices are: x264"),
        (["records=empty"], "records: empty holds no evaluation records"),
    ],
)
def test_an_evaluation_that_cannot_be(tmp_path, videos, options, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file")
    common = ["codecs=[x264]", "bdrate.anchor=x264", "preset=ultrafast", "protocol.frames=2", f"dataset.path={videos}"]
    assert_refused(evaluate(*common, "output=out", *options, cwd=tmp_path), message)


def test_an_encoder_adds_what_it_does_not_like(tmp_path, videos):
    common = ["codecs=[x264]", "bdrate.anchor=x264", "preset=slowest", "protocol.frames=2", f"dataset.path={videos}"]
    done = evaluate(*common, "output=out", cwd=tmp_path)
    assert_refused_last(done, "traditional: libx264 refuses its options")
    assert "invalid preset 'slowest'" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["dir=/proc/nope"], "dir: /proc/nope: cannot be made"),
        (["dir=file/run"], "dir: file/run: cannot be made (Not a directory)"),
        (["export=/proc/nope.safetensors"], "/proc/nope.safetensors: cannot be written"),
        (["export=folder"], "folder: cannot be written (it is a folder)"),
        (["trainer.strategy=telepathy"], "trainer.strategy: 'telepathy' is not one of 'auto' or 'ddp'"),
        (["trainer.devices=banana"], "trainer: cannot have accelerator=cpu, devices=banana, strategy=auto here"),
        (["model.intra.weights=none.safetensors"], "none.safetensors: no such export"),
        (["loss.lmbda=0"], "loss.lmbda: input should be greater than 0"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_trains(tmp_path, options, message):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    assert_refused(train(*STEP, *options, cwd=tmp_path), message)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/proc/nope", "cannot be written (No such file or directory)"),
        ("missing/a.lvc", "cannot be written (No such file or directory)"),
        ("folder", "cannot be written, it is a folder; name a file"),
        ("scene.mkv", "is the video itself; name another file"),
    ],
)
def test_a_bitstream_that_cannot_be_written(tmp_path, tiny_export, target, message):
    (tmp_path / "folder").mkdir()
    video = write(tmp_path / "scene.mkv").read_bytes()
    done = lvc("encode", "scene.mkv", target, "--model", tiny_export, cwd=tmp_path)
    assert_refused(done, f"{target}: {message}")
    assert (tmp_path / "scene.mkv").read_bytes() == video


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/proc/nope.mkv", "cannot be written"),
        ("/proc/nope", "cannot be written"),
        ("missing/a.mp4", "cannot be written"),
        ("a.avi", "cannot write .avi; choose .mkv, .mp4, .y4m or a PNG folder"),
        ("full", "holds other files (notes.txt); name a new or empty folder"),
    ],
)
def test_a_video_that_cannot_be_written(tmp_path, tiny_export, coded, target, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("keep me")
    done = lvc("decode", coded[0], target, "--model", tiny_export, cwd=tmp_path)
    assert_refused(done, f"{target}: {message}")
    assert (tmp_path / "full" / "notes.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frames", "0"], "--frames: 0 is not a positive number of frames"),
        (["--frames", "-3"], "--frames: -3 is not a positive number of frames"),
        (["--intra-period", "0"], "--intra-period: 0 is not a positive number of frames"),
        (["--device", "banana"], "device: 'banana' cannot be used here"),
        (["--device", "cuda:99"], "device: 'cuda:99' cannot be used here"),
    ],
)
def test_options_of_encode(tmp_path, tiny_export, videos, options, message):
    done = lvc("encode", videos / "scene0.mkv", "b.lvc", "--model", tiny_export, *options, cwd=tmp_path)
    assert_refused(done, message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there(tmp_path, tiny_export, coded, videos):
    said = "device: 'cuda' cannot be used here"
    common = ["--model", tiny_export, "--device", "cuda"]
    assert_refused(lvc("encode", videos / "scene0.mkv", "b.lvc", *common, cwd=tmp_path), said)
    assert_refused(lvc("decode", coded[0], "b.mkv", *common, cwd=tmp_path), said)
    learned = [f"exports={tiny_export}", "codecs=[]", "bdrate.anchor=dcvc_tcm-tiny", "device=cuda", "output=out"]
    assert_refused(evaluate(*learned, f"dataset.path={videos}", "protocol.frames=2", cwd=tmp_path), said)
    assert_refused(train(*STEP, "trainer.accelerator=gpu", cwd=tmp_path), "trainer: cannot have accelerator=gpu")


def test_nothing_to_encode(tmp_path, tiny_export):
    (tmp_path / "empty").mkdir()
    for source, message in (
        ("empty", "empty: the folder holds no PNG frames"),
        ("none.mkv", "none.mkv: no such video file or folder of PNG frames"),
    ):
        assert_refused(lvc("encode", source, "b.lvc", "--model", tiny_export, cwd=tmp_path), message)


def test_another_run_in_the_same_folder(tmp_path):
    assert train(*STEP, cwd=tmp_path).code == 0
    done = train(*STEP, "loss.lmbda=512", cwd=tmp_path)
    assert_refused(done, "run: holds a run with another configuration: loss.lmbda (1024 -> 512")
