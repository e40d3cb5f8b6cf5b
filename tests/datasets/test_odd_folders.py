"""Folders as they are found: one line says what is wrong and what would be right, and nothing waits for ever."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lvc.datasets import loader, png
from lvc.datasets.clips import SampledClips
from lvc.datasets.folder import FolderClips
from lvc.datasets.loader import make_loader
from lvc.datasets.video import open_video
from lvc.errors import UserError, WorkerLost

from .conftest import clip, write


def names(path):
    source = FolderClips(str(path))
    return [source.name(index) for index in range(len(source))]


def test_what_is_no_clip_is_passed_over(tmp_path, monkeypatch, caplog):
    write(tmp_path / "good.mkv", clip())
    write(tmp_path / "frames", clip())
    (tmp_path / "frames" / "._im00001.png").write_bytes(b"left by macOS")
    (tmp_path / "frames" / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.mkv")
    (tmp_path / "lost+found").mkdir()
    listed = Path.iterdir

    def iterdir(path):
        if path.name == "lost+found":  # root may read everything, so a real folder would not do
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert names(tmp_path) == ["frames", "good"]
    assert "lost+found cannot be read (Permission denied)" in caplog.text
    source = FolderClips(str(tmp_path))
    assert source.length(0) == 8 and np.array_equal(source.read(0, 0, 8), clip())


def test_names_with_colons(tmp_path, monkeypatch):
    write(tmp_path / "a.mkv", clip()).rename(tmp_path / "http:b.mkv")
    monkeypatch.chdir(tmp_path)
    assert len(list(open_video("http:b.mkv").frames())) == 8


def test_pictures_above_the_limit(tmp_path, monkeypatch):
    write(tmp_path / "frames", clip(frames=2))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"im00001\.png: unreadable PNG frame \(Image size"):
        png.read_png(tmp_path / "frames" / "im00001.png")


@pytest.mark.parametrize("name, remedy", [("a.yuv", "ffmpeg -f rawvideo"), ("0001.jpg", r"%05d\.jpg frames/%05d\.png")])
def test_other_kinds_are_told_how_to_be_used(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=rf"holds no video files.*{re.escape(Path(name).suffix)}: .*{remedy}"):
        FolderClips(str(tmp_path))


def test_a_list_with_a_byte_order_mark(tmp_path):
    from lvc.datasets.vimeo90k import Vimeo90kClips

    (tmp_path / "sequences" / "00001" / "0001").mkdir(parents=True)
    (tmp_path / "sep_trainlist.txt").write_text("00001/0001\n", encoding="utf-8-sig")
    assert Vimeo90kClips(str(tmp_path)).clips == ["00001/0001"]


class Killed(FolderClips):
    """Clips whose reader is killed, as one without shared memory is."""

    def read(self, *_):
        os._exit(9)


def test_a_killed_worker_is_one_line(tmp_path):
    write(tmp_path / "a.mkv", clip())
    write(tmp_path / "b.mkv", clip(1))
    batches = make_loader(SampledClips(Killed(str(tmp_path)), 2), 1, seed=0, workers=1)
    with pytest.raises(WorkerLost, match=r"trainer\.workers: .*--shm-size=8g.*trainer\.workers=0"):
        list(batches)


@pytest.mark.parametrize("text", ["unable to allocate shared memory(shm) for file </torch_1>", "other"])
def test_a_full_shared_memory_is_the_same(text):
    assert (loader._lost(RuntimeError(text)) is None) == (text == "other")


def test_y4m_from_a_pipe(tmp_path):
    path = write(tmp_path / "a.y4m", clip())
    whole = list(open_video(path).frames())
    os.mkfifo(tmp_path / "pipe")
    if not os.fork():  # a reader waits for a writer
        (tmp_path / "pipe").write_bytes(path.read_bytes())
        os._exit(0)
    piped = open_video(tmp_path / "pipe")
    assert (piped.info.width, piped.info.height, piped.info.fps, piped.info.frames) == (64, 48, 25, None)
    assert np.array_equal(list(piped.frames()), whole)
    with pytest.raises(UserError, match="can be read only once"):
        next(piped.frames())
