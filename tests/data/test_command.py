"""Command lines of the scripts, as the pages show them."""

import re
import shlex

import pytest

from data.build import POSITIONAL
from data.command import parse
from data.options import BuildOptions
from data.vimeo16 import Vimeo16Options
from data.vimeo90k import Vimeo90kOptions
from lvc.config.contract import ConfigError
from tests.test_docs import PAGES

CONTRACTS = {"build": (BuildOptions, POSITIONAL), "vimeo16": (Vimeo16Options, ("out",))}
CONTRACTS["vimeo90k"] = (Vimeo90kOptions, ("out",))
LINES = [
    line
    for page in PAGES
    for line in re.findall(r"python -m data\.\w+ [^`\n]+", page.read_text(encoding="utf-8"))
    if "..." not in line
]


def test_pages_show_every_script():
    assert {line.split()[2] for line in LINES} == {f"data.{name}" for name in CONTRACTS}


@pytest.mark.parametrize("line", LINES)
def test_commands_of_the_pages_can_be_typed(line):
    _, _, module, *words = shlex.split(line)
    contract, positional = CONTRACTS[module.removeprefix("data.")]
    parse(contract, positional, words)


def test_options_are_typed_like_those_of_a_run():
    options = parse(BuildOptions, POSITIONAL, ["in", "out", "frames=8", "group=^(.+)_f\\d+", "clips_per_shot=null"])
    assert (options.source, options.out, options.frames, options.group) == ("in", "out", 8, "^(.+)_f\\d+")
    assert parse(BuildOptions, POSITIONAL, ["source=in", "out=out"]).source == "in"
    with pytest.raises(ConfigError, match="more: is one argument too many"):
        parse(BuildOptions, POSITIONAL, ["in", "out", "more"])
