"""Building a set: what is kept and why, and that nothing stops it for good."""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from data.build import build
from data.options import BuildOptions
from data.sources import split_of
from lvc.config.data import FolderConfig
from lvc.datasets.clips import SampledClips
from lvc.datasets.sources import open_source
from lvc.datasets.video import VideoReader
from lvc.errors import UserError
from tests.conftest import ROOT
from tests.datasets.conftest import write

from .conftest import SMALL, made, rows
from .material import scene

TURN = -1
"""Quarters counter-clockwise that the display matrix of the rotated file asks for (ISO 14496-12, 6.2.2)."""


def options(source, out, **changes):
    return BuildOptions(source=str(source), out=str(out), **{**SMALL, **changes})


def command(*words, **settings):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "data.build", *map(str, words)]
    return subprocess.Popen(
        line, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **settings
    )


def test_what_is_kept_and_what_is_left_out_and_why(built):
    kept = Counter(row["source"] for row in built.kept)
    assert kept == {
        "cuts.mkv": 6,
        "fade.mkv": 1,
        **dict.fromkeys(["alpha.mov", "odd_size.mkv", "rotated.mp4", "ten_bit.mkv", "truncated.mkv"], 2),
    }
    why = {(row["source"], row["reason"]) for row in built.left_out}
    assert why == {
        ("again/cuts_copy.mkv", "copy"),
        ("again/cuts_recoded.mp4", "near-duplicate"),
        ("black.mkv", "black"),
        ("empty.mkv", "unreadable"),
        ("fade.mkv", "fade"),
        ("flat.mkv", "flat"),
        ("hdr.mkv", "HDR"),
        ("interlaced.mkv", "interlaced"),
        ("nonsense.mp4", "unreadable"),
        ("repeats.mkv", "repeated frames"),
        ("short.mkv", "short shot"),
        ("static.mkv", "static"),
        ("tiny.mkv", "too small"),
        ("truncated.mkv", "damaged"),
        ("variable.mkv", "uneven frame rate"),
    }
    for reason in {reason for _, reason in why}:
        assert f"<td>{reason}</td>" in built.report


def test_clips_lie_within_shots(built):
    firsts = [int(row["first"]) for row in built.kept if row["source"] == "cuts.mkv"]
    assert firsts == [0, 8, 21, 30, 38, 46]  # shots begin at 0, 21 and 30; one has room for a single clip


def test_files_are_those_of_the_manifest(built):
    listed = {row["file"]: row["sha256"] for row in built.kept}
    there = {f"{split}/{p.name}": p for split in ("train", "val") for p in (built.out / split).iterdir()}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == listed
    assert {name.split("/")[0] for name in listed} == {"train", "val"}


def frames_of(built, source, first=0):
    (row,) = [r for r in built.kept if r["source"] == source and int(r["first"]) == first]
    return np.stack(list(VideoReader(built.out / row["file"])))


def psnr(a, b):
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def scaled(frames, width, height):
    import av

    video = [av.VideoFrame.from_ndarray(np.ascontiguousarray(f), format="rgb24") for f in frames]
    return np.stack([v.reformat(width=width, height=height, interpolation="BICUBIC").to_ndarray() for v in video])


def test_clips_show_what_the_sources_do(built):
    """Scaled to cover 64x48, the middle cut out, upright, in the source's colours."""
    assert psnr(frames_of(built, "cuts.mkv", 21), scaled(scene(2, 9)[:8], 72, 48)[:, :, 4:68]) > 40
    assert psnr(frames_of(built, "ten_bit.mkv"), scaled(scene(9, 16)[:8], 72, 48)[:, :, 4:68]) > 30
    upright = np.rot90(scene(11, 16, 80, 160)[:8], TURN, (1, 2))
    assert psnr(frames_of(built, "rotated.mp4"), scaled(upright, 96, 48)[:, :, 16:80]) > 25
    alpha = frames_of(built, "alpha.mov")
    assert alpha[:, :20].max() < 8 and alpha[:, 30:].mean() > 50


def test_the_set_can_be_trained_on(built):
    source = open_source(FolderConfig(name="folder", path=str(built.out / "train")))
    sample = SampledClips(source, frames=8, crop=48)[0, 0]
    assert sample["clip"].shape == (8, 3, 48, 48) and not sample["skipped"]


def test_worker_count_changes_nothing(built, kinds, tmp_path):
    build(options(kinds, tmp_path, workers=3))
    assert made(tmp_path) == made(built.out)


def test_a_killed_build_continues_to_the_same_result(built, kinds, tmp_path):
    records = tmp_path / ".build" / "records"
    words = [kinds, tmp_path, *(f"{k}={v}" for k, v in SMALL.items())]
    for stop in (2, 6):
        process = command(*words, start_new_session=True)
        while process.poll() is None and len(list(records.glob("*.json"))) < stop:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    found = {p: p.stat().st_mtime_ns for p in records.glob("*.json")}
    assert 2 <= len(found) < 20
    build(options(kinds, tmp_path))
    assert made(tmp_path) == made(built.out)
    assert all(p.stat().st_mtime_ns == at for p, at in found.items()), "what was cut is not cut again"
    assert not [p for p in tmp_path.rglob("*partial*")]


def test_a_full_disk_stops_with_what_is_done_intact(tmp_path):
    """A limit on the size of files stands in for it: the second source's clips are above it."""
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    write(source / "a.mkv", scene(1, 8))
    noise = np.random.default_rng(0).integers(0, 256, (1, 96, 128, 3), dtype=np.uint8)
    write(source / "b.mkv", np.concatenate([np.roll(noise, t, 2) for t in range(8)]))
    limit = 150_000
    words = ["frames=8", "size=128x96", "max_upscale=2", "cut_change=255"]
    process = command(
        *(source, out, *words),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2 and len(said.splitlines()) == 1
    assert re.search(r"error: .*b-\w{6}_000000\.mkv: cannot be written \(File too large\)", said)
    assert [p.name[:2] for p in (out / ".build" / "records").iterdir()] == ["a-"]
    assert not list(out.rglob("*partial*"))
    assert command(source, out, *words).communicate()[1] == ""
    assert [row["source"] for row in rows(out / "manifest.csv")] == ["a.mkv", "b.mkv"]


def test_adding_sources_moves_none(built, kinds, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(kinds, source)
    shutil.copytree(built.out, out)
    write(source / "0_first.mkv", scene(30, 16))
    write(source / "changed.mkv", scene(31, 16))
    build(options(source, out))
    after = {row["file"]: row["sha256"] for row in rows(out / "manifest.csv")}
    assert {row["file"]: row["sha256"] for row in built.kept}.items() <= after.items() and len(after) == 21
    write(source / "changed.mkv", scene(32, 8))
    build(options(source, out))
    assert sum("changed" in row["file"] for row in rows(out / "manifest.csv")) == 1
    assert sum("changed" in p.name for split in ("train", "val") for p in (out / split).iterdir()) == 1


def test_copies_are_left_out_of_training_not_of_validation(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    names = [f"{number}.mkv" for number in range(40)]
    train = next(n for n in names if split_of(n, 0, 0.2)[1] == "train")
    val = next(n for n in reversed(names) if split_of(n, 0, 0.2)[1] == "val")
    write(source / train, scene(1, 16))
    write(source / val, np.concatenate([scene(2, 8), scene(1, 16)]))  # holds the other's content, elsewhere
    build(options(source, tmp_path / "out"))
    kept = Counter(row["source"] for row in rows(tmp_path / "out" / "manifest.csv"))
    assert kept == {val: 3}


def test_split_follows_from_name_and_seed_alone():
    names = [f"video{number}.mp4" for number in range(2000)]
    splits = [split_of(name, 3, 0.1)[1] for name in names]
    assert 150 < splits.count("val") < 250
    assert splits == [split_of(name, 3, 0.1)[1] for name in names]
    assert splits != [split_of(name, 4, 0.1)[1] for name in names]
    parts = [f"film{film}_part{part}.mkv" for film in range(50) for part in range(4)]
    together = {}
    for name in parts:
        group, split = split_of(name, 0, 0.5, "(.+)_part")
        assert together.setdefault(group, split) == split
    assert len(together) == 50 and set(together.values()) == {"train", "val"}


def test_about_sources(tmp_path, kinds):
    about = tmp_path / "about.csv"
    about.write_text("source,licence,author\nodd_size.mkv,CC0,me\n")
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(kinds / "odd_size.mkv", source)
    build(options(source, tmp_path / "out", about=str(about)))
    (row,) = rows(tmp_path / "out" / "sources.csv")
    assert (row["licence"], row["author"], row["clips"], row["width"], row["height"]) == ("CC0", "me", "2", "101", "75")


def test_png_folders_in_and_out(tmp_path):
    (tmp_path / "source").mkdir()
    write(tmp_path / "source" / "waves", scene(1, 9))
    build(options(tmp_path / "source", tmp_path / "out", format="png", val_share=0))
    (row,) = rows(tmp_path / "out" / "manifest.csv")
    assert len(list((tmp_path / "out" / row["file"]).glob("*.png"))) == 8
    assert open_source(FolderConfig(name="folder", path=str(tmp_path / "out" / "train"))).length(0) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{none}", "{out}"], "source: .*none: no such folder"),
        (["{empty}", "{out}"], "source: .*holds no video files"),
        (["{kinds}"], "out: is required"),
        (["{kinds}", "{out}", "frame=3"], r"frame: unknown option; did you mean 'frames'\?"),
        (["{kinds}", "{out}", "frames=some"], "frames: .*integer"),
        (["{kinds}", "{out}", "size=448"], "size: "),
        (["{kinds}", "{out}", "size=65x49", "format=mp4"], "size: 65x49: sides must be even"),
        (["{kinds}", "{out}", "group=abc"], "group: 'abc' has no"),
        (["{kinds}", "{out}", "about={none}"], "about: .*cannot be read"),
        (["{kinds}", "{out}", "--frames=3"], "--frames=3: is no option"),
        (["{kinds}", "{kinds}"], "out: .*is the folder of the sources"),
    ],
)
def test_mistakes_are_answered_in_one_line(words, said, kinds, tmp_path, capsys):
    from data.build import POSITIONAL
    from data.command import run_command

    (tmp_path / "empty").mkdir()
    places = {"none": tmp_path / "none", "empty": tmp_path / "empty", "out": tmp_path / "out", "kinds": kinds}
    code = run_command("data.build", "", BuildOptions, POSITIONAL, build, [w.format(**places) for w in words])
    lines = capsys.readouterr().err.splitlines()
    assert code == 2 and len(lines) == 1 and re.search(said, lines[0]), lines


def test_other_options_are_refused_where_a_set_lies(built, kinds):
    with pytest.raises(UserError, match=r"frames: is 4, and .* was begun with 8"):
        build(options(kinds, built.out, frames=4))


def test_help(capsys):
    from data.build import POSITIONAL
    from data.command import run_command

    assert run_command("data.build", "about", BuildOptions, POSITIONAL, build, ["--help"]) == 0
    page = capsys.readouterr().out
    assert all(name in page for name in BuildOptions.__dataclass_fields__)
