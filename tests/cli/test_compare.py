import re
from dataclasses import replace

import pytest

from lvc.__main__ import main
from lvc.evaluation.records import Key, RecordStore

from ..evaluation.test_curves import curve


def evaluation(folder, records):
    store = RecordStore(folder / "records")
    for r in records:
        store.write(r, r.codec)
    return str(folder)


def test_two_evaluations_stand_in_one_table(tmp_path, capsys):
    one = evaluation(tmp_path / "first", curve("mine", scale=0.5) + curve("x265"))
    other = evaluation(tmp_path / "second", curve("yours", scale=0.8) + curve("x265"))
    assert main(["compare", one, other, "--anchor", "x265", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"mine +−50.0 %", said) and re.search(r"yours +−20.0 %", said)
    assert (tmp_path / "out" / "report.html").is_file()


def test_one_name_for_two_codecs_is_told_apart(tmp_path, capsys):
    def other(r):
        return replace(r, key=Key({**r.key.system, "threads": 8}, r.sequence, r.key.source, r.key.protocol))

    one = evaluation(tmp_path / "first", curve("mine", scale=0.5))
    two = evaluation(tmp_path / "second", [other(r) for r in curve("mine")])
    main(["compare", one, f"{two}/summary.json", "--anchor", "mine (second)", "--out", str(tmp_path / "out")])
    assert re.search(r"mine \(first\) +−50.0 %", capsys.readouterr().out)


@pytest.mark.parametrize("wrong", ["nowhere", "anchor"])
def test_mistakes_are_one_line(wrong, tmp_path, capsys):
    one = evaluation(tmp_path / "first", curve("mine"))
    given = [str(tmp_path / "nowhere")] if wrong == "nowhere" else [one, "--anchor", "hm"]
    assert main(["compare", *given, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
