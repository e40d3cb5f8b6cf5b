"""The 16-frame set: a list of links, downloads, and the same pipeline."""

import sys

import pytest

from data.vimeo16 import Vimeo16Options, prepare, read_links
from lvc.errors import UserError
from tests.datasets.conftest import write

from .conftest import rows
from .material import scene
from .server import serving


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write(tmp_path_factory.mktemp("video") / "long.mp4", scene(1, 100)).read_bytes()


def options(out, **changes):
    return Vimeo16Options(out=str(out), **{"size": "64x48", "pause": 0, "val_share": 0, **changes})


def listed(tmp_path, *lines):
    path = tmp_path / "links.txt"
    path.write_text("\n".join(lines))
    return str(path)


def test_from_links_to_clips(video, tmp_path):
    out, files = tmp_path / "out", {"81107209": video, "page.html": b"<html>", "short.mp4": video[:3000]}
    with serving(files, break_after=len(video) - 10) as (address, asked):
        links = listed(tmp_path, *(f"{address}/{name}" for name in [*files, "gone.mp4"]), f"{address}/81107209")
        with pytest.raises(UserError, match="agree=true"):
            prepare(options(out, links=links))
        assert not asked
        prepare(options(out, links=links, agree=True))
        first = len(asked)
        prepare(options(out, links=links, agree=True))
        assert [name for name, _ in asked[first:]] == ["page.html", "gone.mp4"]
    became = {row["url"].rpartition("/")[2]: row for row in rows(out / "downloads.csv")}
    assert became["81107209"]["file"] == "81107209.mp4" and int(became["81107209"]["bytes"]) == len(video)
    assert "web page" in became["page.html"]["problem"] and "yt-dlp" in became["page.html"]["problem"]
    assert "404" in became["gone.mp4"]["problem"]
    (clip,) = rows(out / "manifest.csv")  # one in the middle of a shot of 100 frames
    assert (clip["source"], clip["first"]) == ("81107209.mp4", "40")
    assert [row["reason"] for row in rows(out / "left_out.csv")] == ["unreadable"]


def test_another_program_fetches(video, tmp_path):
    (tmp_path / "kept.mp4").write_bytes(video)
    copy = "import shutil,sys; shutil.copy(sys.argv[1].replace('http://host.invalid', sys.argv[3]), sys.argv[2])"
    fetch = f'{sys.executable} -c "{copy}" {{url}} {{file}} {tmp_path}'
    links = listed(tmp_path, "http://host.invalid/kept.mp4", "http://host.invalid/lost.mp4")
    prepare(options(tmp_path / "out", links=links, agree=True, fetch=fetch))
    kept, lost = rows(tmp_path / "out" / "downloads.csv")
    assert kept["problem"] == "" and "No such file" in lost["problem"]
    assert len(rows(tmp_path / "out" / "manifest.csv")) == 1


def test_the_official_list_is_understood(tmp_path):
    path = tmp_path / "original_vimeo_links.txt"
    path.write_text("https://vimeo.com/81107209\n\nvimeo.com/1234  # again\nhttps://vimeo.com/81107209\n")
    assert read_links(path) == ["https://vimeo.com/81107209", "https://vimeo.com/1234"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "holds no addresses"), ("https://vimeo.com/1\nnonsense", "line 2: 'nonsense' is no address"), (None, "read")],
)
def test_lists_that_are_none(text, said, tmp_path):
    path = tmp_path / "links.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=f"links: .*{said}"):
        read_links(path)
