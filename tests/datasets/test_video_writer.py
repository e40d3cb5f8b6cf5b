"""Writing: what comes back, and what is left when it does not work out."""

import os
import shutil
import signal
import subprocess
import sys

import av
import numpy as np
import pytest

from lvc.datasets.video import VideoReader, VideoWriter
from lvc.errors import UserError

from .conftest import clip, write


@pytest.mark.parametrize("name", ["a.mkv", "frames", "frames.png"])
def test_lossless_formats(tmp_path, name):
    frames = np.random.default_rng(0).integers(0, 256, (4, 47, 63, 3), dtype=np.uint8)
    assert np.array_equal(np.stack(list(VideoReader(write(tmp_path / name, frames)))), frames)


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("name, limit", [("a.y4m", 1.0), ("a.mp4", 3.5)])
def test_yuv_formats_are_close(tmp_path, name, limit, matrix):
    path = write(tmp_path / name, clip(), matrix=matrix)
    back = np.stack(list(VideoReader(path, matrix)))
    assert np.abs(back.astype(int) - clip()).mean() < limit


def test_mp4_is_what_players_open(tmp_path):
    with av.open(str(write(tmp_path / "a.mp4", clip(), matrix="bt709"))) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.colorspace, context.color_range) == (
            "h264",
            "yuv420p",
            1,
            1,
        )


def test_png_names(tmp_path):
    path = write(tmp_path / "frames", clip(frames=2))
    assert sorted(p.name for p in path.iterdir()) == ["im00001.png", "im00002.png"]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.y4m", "frames"])
def test_failure_leaves_nothing(tmp_path, name):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / name, (48, 64), 25) as writer:
        writer.write(clip()[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mkv", "frames"])
def test_failure_keeps_what_was_there(tmp_path, name):
    path = write(tmp_path / name, clip(1))
    with pytest.raises(RuntimeError), VideoWriter(path, (48, 64), 25) as writer:
        writer.write(clip(2)[0])
        raise RuntimeError
    assert np.array_equal(np.stack(list(VideoReader(path))), clip(1))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.mp4", "frames"])
def test_kill_leaves_no_final_name(tmp_path, name):
    code = (
        "import os, signal, sys, numpy as np\n"
        "from lvc.datasets.video import VideoWriter\n"
        "with VideoWriter(sys.argv[1], (48, 64), 25) as writer:\n"
        "    writer.write(np.zeros((48, 64, 3), np.uint8))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a.mkv", "frames"])
def test_written_again(tmp_path, name):
    write(tmp_path / name, clip(1))
    path = write(tmp_path / name, clip(2, frames=3))
    assert np.array_equal(np.stack(list(VideoReader(path))), clip(2, frames=3))
    assert list(tmp_path.iterdir()) == [path]


def test_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds other files \(thesis\.txt\)"):
        VideoWriter(tmp_path, (48, 64), 25)


def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="not an existing folder"):
        VideoWriter(tmp_path / "missing" / "a.mkv", (48, 64), 25)
    with pytest.raises(UserError, match=r"cannot write \.avi; choose \.mkv"):
        VideoWriter(tmp_path / "a.avi", (48, 64), 25)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        VideoWriter(tmp_path / "file", (48, 64), 25)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a read-only place to write to")
def test_read_only_place():
    with pytest.raises(UserError, match="cannot be written"), VideoWriter("/proc/a.mkv", (48, 64), 25):
        pass


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_reads_it(tmp_path):
    path = write(tmp_path / "a.mp4", clip())
    subprocess.run(["ffprobe", "-v", "error", str(path)], check=True)
