"""A build of every kind of file, made once."""

import csv
from types import SimpleNamespace

import pytest

from data.build import build
from data.options import BuildOptions

from .material import everything

SMALL = {"frames": 8, "size": "64x48", "val_share": 0.2}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def made(out):
    """Everything that a build is to make alike: the lists and the clips' digests."""
    return {name: (out / name).read_text() for name in ("manifest.csv", "left_out.csv")}


@pytest.fixture(scope="session")
def kinds(tmp_path_factory):
    return everything(tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="session")
def built(kinds, tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    report = build(BuildOptions(source=str(kinds), out=str(out), **SMALL))
    kept, left_out = rows(out / "manifest.csv"), rows(out / "left_out.csv")
    return SimpleNamespace(out=out, report=report.read_text(), kept=kept, left_out=left_out)
