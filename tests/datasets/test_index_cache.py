"""Indexes are kept: files are demuxed once, and again when they change."""

import os

import numpy as np
import pytest

from lvc.datasets import index_cache, video_file
from lvc.datasets.video_file import VideoFile
from tests.datasets.awkward import write


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of its own, for a process that has not read anything."""
    monkeypatch.setenv("LVC_CACHE", str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache"
    forget()


def forget():
    index_cache._known.clear()
    index_cache._connect.cache_clear()


@pytest.fixture
def scans(monkeypatch):
    """Names of the files demuxed."""
    names, scan = [], video_file.scan

    def noted(path, *rest):
        names.append(path)
        return scan(path, *rest)

    monkeypatch.setattr(video_file, "scan", noted)
    return names


def open_anew(path):
    forget()
    return VideoFile(path, "bt601")


def test_a_file_is_scanned_once(tmp_path, cache, scans):
    path = write(tmp_path / "a.mp4", frames=40)
    first, second = open_anew(path), open_anew(path)
    assert first.info == second.info and first.count() == 40
    assert np.array_equal(first.index.times, second.index.times) and first.index.keys == second.index.keys
    (tmp_path / "link.mp4").symlink_to(path)
    assert open_anew(tmp_path / "link.mp4").count() == 40
    assert len(scans) == 1


def test_a_changed_file_is_scanned_again(tmp_path, cache, scans):
    path = write(tmp_path / "a.mp4", frames=40)
    assert open_anew(path).count() == 40
    write(path, frames=30)
    assert open_anew(path).count() == 30
    os.utime(path, ns=(0, 0))
    assert open_anew(path).count() == 30
    assert len(scans) == 3


@pytest.mark.parametrize("fault", ["file in the way", "damaged"])
def test_without_a_cache_files_are_read_all_the_same(tmp_path, cache, scans, fault, caplog):
    path = write(tmp_path / "a.mp4", frames=40)
    if fault == "damaged":
        open_anew(path).count()
        (cache / index_cache._NAME).write_bytes(b"no database" * 1000)
    else:
        cache.write_text("")
    assert open_anew(path).count() == VideoFile(path, "bt601").count() == 40
    if fault == "damaged":  # put right by itself
        assert "was damaged, and is made anew" in caplog.text
        assert open_anew(path).count() == 40 and len(scans) == 2
    else:
        assert "the cache cannot be used" in caplog.text and len(scans) == 1
