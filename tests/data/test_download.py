"""Downloads: whole, continued, begun anew, or given up in one line."""

import random

import pytest

from data.download import ATTEMPTS, DownloadError, check_agreed, download
from lvc.errors import UserError

from .server import serving

BODY = random.Random(0).randbytes(300_000)


def test_whole(tmp_path):
    with serving({"a.mp4": BODY}) as (address, asked):
        assert download(f"{address}/a.mp4", tmp_path / "a.mp4").read_bytes() == BODY
    assert asked == [("a.mp4", None)] and [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_broken_off_and_continued(tmp_path):
    with serving({"a.mp4": BODY}, break_after=100_000) as (address, asked):
        download(f"{address}/a.mp4", tmp_path / "a.mp4", pause=0)
    assert (tmp_path / "a.mp4").read_bytes() == BODY
    assert [wanted for _, wanted in asked] == [None, "bytes=100000-", "bytes=200000-"]


def test_continued_by_another_process(tmp_path):
    with serving({"a.mp4": BODY}, break_after=0) as (address, _), pytest.raises(DownloadError):
        download(f"{address}/a.mp4", tmp_path / "a.mp4", pause=0)
    files = {"a.mp4": BODY}
    with serving(files) as (address, asked):
        (tmp_path / ".a.mp4.part").write_bytes(BODY[:1000])
        (tmp_path / ".a.mp4.part.version").write_text(f'"{hash(BODY)}"')
        download(f"{address}/a.mp4", tmp_path / "a.mp4")
        assert asked == [("a.mp4", "bytes=1000-")]
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def test_a_file_that_changed_meanwhile_is_begun_anew(tmp_path):
    (tmp_path / ".a.mp4.part").write_bytes(b"old" * 1000)
    (tmp_path / ".a.mp4.part.version").write_text('"old"')
    with serving({"a.mp4": BODY}) as (address, _):
        download(f"{address}/a.mp4", tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == BODY


def test_what_cannot_be_downloaded(tmp_path):
    with serving({"page.html": b"<html>"}) as (address, asked):
        with pytest.raises(DownloadError, match=r"page\.html: is a web page, not a file"):
            download(f"{address}/page.html", tmp_path / "a.mp4", pause=0)
        with pytest.raises(DownloadError, match=r"none\.mp4: the server answers 404"):
            download(f"{address}/none.mp4", tmp_path / "a.mp4", pause=0)
        assert len(asked) == 2
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        download(f"{address}/none.mp4", tmp_path / "a.mp4", pause=0)  # nobody is there any more
    with serving({"a.mp4": BODY}, status=503) as (address, asked):
        with pytest.raises(DownloadError, match="503"):
            download(f"{address}/a.mp4", tmp_path / "a.mp4", pause=0)
        assert len(asked) == ATTEMPTS
    assert not (tmp_path / "a.mp4").exists()


def test_nothing_is_downloaded_without_consent(capsys):
    with pytest.raises(UserError, match="agree: downloading needs agree=true"):
        check_agreed(False)
    assert "terms" in capsys.readouterr().out
