"""Names of files."""

import os

from lvc.files import partial
from lvc.names import LONGEST, file_name, shortened


def test_unlike_texts_have_unlike_names():
    texts = ["a b", "a_b", "a$b", "a/b", "a b ", "x" * 300, "x" * 301, "ä" * 200, "ä" * 201, "plain-1.5=x"]
    names = [file_name(text) for text in texts]
    assert len(set(names)) == len(texts) and file_name("plain-1.5=x") == "plain-1.5=x"
    assert max(len(os.fsencode(name)) for name in names) <= LONGEST + 10


def test_long_names_are_shortened_between_letters():
    assert shortened("ä" * 60) == "ä" * 60
    assert shortened("xä" * 100).encode().decode().startswith("xä" * 40)


def test_half_files_are_this_process_s_own(tmp_path):
    part = partial(tmp_path / ("x" * 250))
    part.touch()
    assert str(os.getpid()) in part.name and part.parent == tmp_path
