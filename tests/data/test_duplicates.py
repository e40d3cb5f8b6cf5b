"""Near-duplicates: within a source place by place, across sources any frame."""

from data.duplicates import Seen

A, B, C = 0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x00FF00FF00FF00FF


def flip(value, bits):
    return value ^ ((1 << bits) - 1)


def test_distance():
    seen = Seen(6)
    seen.add("one", 0, [A, A, A])
    assert seen.find(1, [B, B, flip(A, 6)]) == "one"
    assert seen.find(1, [B, B, flip(A, 7)]) is None
    assert seen.find(0, [flip(A, 6), A, A]) == "one"
    assert seen.find(0, [flip(A, 7), A, A]) is None
    assert Seen(-1).find(0, [A, A, A]) is None


def test_a_clip_and_the_next_are_no_duplicates():
    seen = Seen(6)
    seen.add("one", 0, [A, B, C])
    assert seen.find(0, [C, A, B]) is None
    assert seen.find(1, [C, A, B]) == "one"


def test_many():
    seen = Seen(0)
    for number in range(3000):
        seen.add(str(number), number, [number * 3, number * 3 + 1, number * 3 + 2])
    assert seen.find(9999, [10**9, 2345 * 3 + 1, 10**9]) == "2345"
    assert seen.find(9999, [10**9, 10**9, 10**9]) is None
