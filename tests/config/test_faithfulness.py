"""`docs/faithfulness.md` says what experiments compose to."""

import re
from functools import reduce

import pytest
import yaml

from lvc.config.compose import compose
from lvc.config.groups import choices
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "faithfulness.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^`experiment=(\w+)`\n\n(\|.*?)\n(?:\n|\Z)", PAGE, re.DOTALL | re.MULTILINE))


def rows(name):
    """Cells of the rows of an experiment's table, without its head."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in SECTIONS[name].splitlines()[2:]]


def value(text):
    """A cell's value in backquotes, ``None`` where there is none."""
    found = re.search(r"`(.+?)`", text)
    return None if found is None else yaml.safe_load(found[1])


def plain(found):
    """A composed value as a cell spells it: numbers as numbers, lists by their elements."""
    return yaml.safe_load(str(found)) if not isinstance(found, list) else [plain(one) for one in found]


def test_every_whole_experiment_has_a_table():
    assert set(SECTIONS) == {name for name in choices("experiment") if "/" not in name}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_table_says_what_the_experiment_composes_to(name):
    composed = compose("train", [f"experiment={name}"])
    for _, field, paper, option, here, why in rows(name):
        key = re.fullmatch("`(.+)`", option)[1]
        found = reduce(lambda tree, part: tree[part], key.split("."), composed)
        assert plain(found) == value(here), (field, key)
        says_so = value(paper) == value(here) or (value(paper) is None and paper != "silent")
        assert says_so or why or str(value(paper)).lower() in str(value(here)), (field, key)
