"""What the pages tell a reader to type can be typed, and what they link to is there."""

import argparse
import re
import shlex

import pytest

from lvc.__main__ import COMMANDS
from lvc.config.compose import compose
from lvc.config.evaluate import build_evaluation
from lvc.config.run import build_run
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BUILDERS = {"train.py": ("train", build_run), "evaluate.py": ("evaluate", build_evaluation)}
FLAGS = {"--help", "--cfg", "job", "-m", "--multirun"}

# commands of a page that adds a codec are run with that codec, by the page's own test
BLOCK = re.compile(r"(<!-- with the codec above -->\n *)?```(\w*)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"(?<!`)`(python [^`\n]+)`(?!`)")
COMMAND = re.compile(r"^ *(python (?:train\.py|evaluate\.py|-m lvc )[^\n]*)", re.MULTILINE)


def commands(page):
    """Command lines in a page's code blocks, and those in its text that are whole."""
    text = page.read_text(encoding="utf-8")
    found = []
    for elsewhere, language, code in BLOCK.findall(text):
        if not elsewhere and not language:
            found += COMMAND.findall(re.sub(r"\\\n *", "", code))
    prose = BLOCK.sub("", text)
    found += [line for line in INLINE.findall(prose) if COMMAND.match(line) and "..." not in line]
    return [pytest.param(line, id=f"{page.name}: {line[:60]}") for line in found if "group=choice" not in line]


ALL = [command for page in PAGES for command in commands(page)]


def test_commands_are_found():
    assert len(ALL) > 50


@pytest.mark.parametrize("line", ALL)
def test_commands_can_be_typed(line, capsys):
    _python, *words = shlex.split(line, comments=True)
    if words[0] == "-m":
        command, *arguments = words[2:]
        parser = argparse.ArgumentParser()
        if command in ("--help", "--version"):
            return
        COMMANDS[command].add_arguments(parser)
        parser.parse_args(arguments)
        return
    config_name, build = BUILDERS[words[0]]
    build(compose(config_name, [first_value(word) for word in words[1:] if word not in FLAGS]))


def first_value(override: str) -> str:
    """The first of a sweep's values: ``loss.lmbda=256,512`` becomes ``loss.lmbda=256``."""
    key, _, value = override.partition("=")
    if found := re.search(r"interval\(([^,]+),", value):  # a range that is searched: its lower end
        return f"{key}={found[1]}"
    return override if value[:1] in ("[", "{") else f"{key}={value.split(',')[0]}"


LINKS = [
    pytest.param(page, target, id=f"{page.name}: {target}")
    for page in PAGES
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    if not target.startswith(("http://", "https://"))
]


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_links_lead_somewhere(page, target):
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    assert file.exists(), f"{page.name} links to {name}"
    if anchor:
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [page.name for page in PAGES[1:] if str(page.relative_to(ROOT)) not in text]
