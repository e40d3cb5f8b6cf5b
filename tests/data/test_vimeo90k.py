"""Septuplets, from a small archive laid out as the official one."""

import hashlib
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from data.vimeo90k import Vimeo90kOptions, prepare
from lvc.config.data import Vimeo90kConfig
from lvc.datasets.sources import open_source
from lvc.errors import UserError

from .server import serving

NAMES = ["00001/0001", "00001/0002", "00002/0001"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "vimeo_septuplet.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("vimeo_septuplet/sep_trainlist.txt", "\n".join(NAMES[:2]) + "\n")
        file.writestr("vimeo_septuplet/sep_testlist.txt", NAMES[2] + "\n")
        file.writestr("vimeo_septuplet/readme.txt", "read me")
        file.writestr("vimeo_septuplet/../../escaped.txt", "no")
        for number, name in enumerate(NAMES):
            for frame in range(7):
                data, shade = io.BytesIO(), np.full((256, 448, 3), 20 * frame + number, np.uint8)
                Image.fromarray(shade).save(data, "PNG")
                file.writestr(f"vimeo_septuplet/sequences/{name}/im{frame + 1}.png", data.getvalue())
    return path


def options(out, **changes):
    return Vimeo90kOptions(out=str(out), **changes)


def test_downloaded_unpacked_checked_and_read(archive, tmp_path, capsys):
    body = archive.read_bytes()
    with serving({"septuplets.zip": body}, break_after=len(body) // 2 + 1) as (address, asked):
        url = f"{address}/septuplets.zip"
        with pytest.raises(UserError, match="agree=true"):
            prepare(options(tmp_path / "set", url=url))
        assert not asked
        report = prepare(options(tmp_path / "set", url=url, agree=True, keep_archive=False)).read_text()
    assert len(asked) == 2 and hashlib.sha256(body).hexdigest() in report
    assert "train: 2 septuplets, 0 not complete" in capsys.readouterr().out
    assert not (tmp_path / "escaped.txt").exists() and not (tmp_path / "set" / "vimeo_septuplet.zip").exists()
    source = open_source(Vimeo90kConfig(name="vimeo90k", path=str(tmp_path / "set")))
    assert len(source) == 2 and source.read(1, 2, 2)[:, 0, 0, 0].tolist() == [41, 61]


def test_continues_unpacking_and_names_what_is_not_whole(archive, tmp_path):
    prepare(options(tmp_path, archive=str(archive)))
    kept = tmp_path / "sequences" / NAMES[0] / "im1.png"
    before = kept.stat().st_mtime_ns
    lost, torn = (tmp_path / "sequences" / NAMES[1] / name for name in ("im3.png", "im4.png"))
    lost.unlink()
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"1 septuplets are not complete \(00001/0002: im3.png: No such file"):
        prepare(options(tmp_path))
    assert "im3.png" in (tmp_path / "report.html").read_text()
    prepare(options(tmp_path, archive=str(archive)))
    assert lost.is_file() and kept.stat().st_mtime_ns == before
    shutil.copy(tmp_path / "report.html", tmp_path / "other.html")
    prepare(options(tmp_path, decode=True))


def test_wrong_archives(archive, tmp_path):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    prepare(options(tmp_path, archive=str(archive), sha256=digest.upper()))
    assert json.loads((tmp_path / "archive.json").read_text())["sha256"] == digest
    with pytest.raises(UserError, match=r"has SHA-256 \w{64}, not 0{64}"):
        prepare(options(tmp_path, archive=str(archive), sha256="0" * 64))
    other = tmp_path / "other.zip"
    other.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"archive\.json"):
        prepare(options(tmp_path, archive=str(other)))
    with pytest.raises(UserError, match=r"other\.zip: damaged archive"):
        prepare(options(tmp_path / "new", archive=str(other)))
    body = bytearray(archive.read_bytes())
    body[len(body) // 2] ^= 255
    other.write_bytes(body)
    with pytest.raises(UserError, match=r"other\.zip: damaged archive"):
        prepare(options(tmp_path / "newer", archive=str(other)))
    with pytest.raises(UserError, match="url: give the archive's address"):
        prepare(options(tmp_path / "newest"))
