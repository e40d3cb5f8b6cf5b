import pytest

from lvc.config.contract import ConfigError, build
from lvc.config.parts import HierarchicalBConfig
from lvc.errors import BitstreamError, UserError
from lvc.structures.hierarchical_b import DecodedFrames, HierarchicalB

# (past reference, frame, future reference) of a GOP of 32, in coding order, as the released B-CANF codes them.
GOP_32 = """
0 16 32  0 8 16  0 4 8  0 2 4  0 1 2  2 3 4  4 6 8  4 5 6  6 7 8  8 12 16  8 10 12  8 9 10  10 11 12  12 14 16  12 13 14
14 15 16  16 24 32  16 20 24  16 18 20  16 17 18  18 19 20  20 22 24  20 21 22  22 23 24  24 28 32  24 26 28  24 25 26
26 27 28  28 30 32  28 29 30  30 31 32
"""


def table(structure, frames):
    return [(s.references[0], s.index, s.references[1]) for s in structure.order(frames) if s.kind in "Bb"]


def test_coding_order_and_references_of_a_gop_of_32():
    numbers = [int(n) for n in GOP_32.split()]
    assert table(HierarchicalB(32), 33) == list(zip(*[iter(numbers)] * 3, strict=True))
    assert [s.index for s in HierarchicalB(32).order(33)][:2] == [0, 32]


def test_a_training_gop_is_five_frames():
    steps = list(HierarchicalB(32).of_clip(5).order(5))
    assert [(s.kind, s.index) for s in steps] == [("I", 0), ("I", 4), ("B", 2), ("b", 1), ("b", 3)]
    assert HierarchicalB(32).kinds(3) == ["I", "I", "b"]
    assert HierarchicalB(32).kinds(7) == ["I", "I", "B", "b", "b", "P", "b"]
    assert HierarchicalB(16, 32).kinds(5) == ["I", "P", "B", "b", "b"]  # as many groups per intra frame as in use


def test_levels_and_kinds_are_the_papers():
    levels = {}
    for step in HierarchicalB(32).order(33):
        levels.setdefault(step.level, []).append((step.index, step.kind))
    assert levels[0] == [(0, "I"), (32, "I")]
    assert levels[1] == [(16, "B")]
    assert levels[2] == [(8, "B"), (24, "B")]
    assert levels[3] == [(i, "B") for i in (4, 12, 20, 28)]
    assert levels[4] == [(i, "B") for i in range(2, 32, 4)]
    assert levels[5] == [(i, "b") for i in range(1, 32, 2)]


def test_97_frames_are_4_intra_and_93_b_frames():
    kinds = [s.kind for s in HierarchicalB(32, 32, "drop").order(97)]
    assert (kinds.count("I"), kinds.count("B") + kinds.count("b")) == (4, 93)


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 9, 10, 15, 17, 33, 40, 96])
@pytest.mark.parametrize(("gop", "period"), [(8, 8), (4, 16), (32, 32)])
def test_every_length_is_coded_once_and_only_from_what_is_there(frames, gop, period):
    held, shown, live, most = DecodedFrames(), [], 0, 0
    for step in HierarchicalB(gop, period).order(frames):
        state = held.references(step.kind, step.index)
        if step.kind != "I":  # a decoder finds the references that the encoder's plan means
            assert tuple(s["index"] for s in state) == step.references
        assert (step.kind == "I") == (step.index % period == 0)
        live = max(live, len(held.states))
        held.add(step.index, {"index": step.index}, step.index)
        most = max(most, len(held.states))
        shown += held.shown()
    assert shown == list(range(frames))
    assert live <= gop.bit_length()  # log2(GOP) + 1 may be referred to: 6 of a GOP of 32
    assert most <= gop.bit_length() + 1  # and the one that was just decoded


def test_a_dropped_tail_leaves_whole_groups():
    assert max(s.index for s in HierarchicalB(8, 8, "drop").order(30)) == 24


def test_b_star_frames_refer_to_the_past_twice():
    tail = [(s.kind, s.index, s.references) for s in HierarchicalB(8).order(15) if s.index > 8]
    assert tail == [
        ("P", 12, (8, 8)),
        ("B", 10, (8, 12)),
        ("b", 9, (8, 10)),
        ("b", 11, (10, 12)),
        ("P", 14, (12, 12)),
        ("b", 13, (12, 14)),
    ]


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        (0, range(16)),  # the B* frame, and all that needs it
        (3, [3]),
        (4, range(1, 8)),
        (6, [5, 6, 7]),
        (8, range(1, 16)),
        (16, range(9, 17)),
    ],
)
def test_a_missing_frame_is_noticed_by_those_that_need_it(missing, lost):
    held, decoded = DecodedFrames(), []
    for step in HierarchicalB(8, 16).order(17):  # 0 I, 8 P, 16 I
        if step.index == missing:
            continue
        if step.kind in "IP":
            decoded += held.shown(all_of_them=True)
        try:
            held.references(step.kind, step.index)
        except BitstreamError as error:
            assert str(error) == f"frame {step.index} refers to a frame that is missing"
            continue
        held.add(step.index, {}, step.index)
        decoded += held.shown()
    decoded += held.shown(all_of_them=True)
    assert decoded == sorted(set(range(17)) - set(lost))


def test_another_intra_period_keeps_the_gop_where_it_can():
    structure = HierarchicalB(32)
    assert structure.with_intra_period(64).describe() == {
        "name": "hierarchical_b",
        "gop": 32,
        "intra_period": 64,
        "tail": "bstar",
    }
    assert (structure.with_intra_period(8).gop, structure.with_intra_period(8).intra_period) == (8, 8)
    with pytest.raises(UserError, match=r"intra period 12: .* near ones are 8 and 16$"):
        structure.with_intra_period(12)
    with pytest.raises(UserError, match=r"near ones are 32 and 64$"):
        structure.with_intra_period(40)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gop": 12}, "structure.gop: 12 is no power of two; near ones are 8 and 16"),
        ({"gop": 32, "intra_period": 48}, "structure.intra_period: 48 is no multiple of the GOP of 32 frames"),
    ],
)
def test_impossible_structures_are_refused(options, message):
    with pytest.raises(ConfigError) as error:
        build(HierarchicalBConfig, options, "structure")
    assert str(error.value) == message
