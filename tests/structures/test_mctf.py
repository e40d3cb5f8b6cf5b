from lvc.structures.mctf import MCTF


def test_kinds_of_a_clip():
    assert MCTF(4, 2).kinds(6) == ["L", "H", "H", "H", "L", "H"]
