import pytest

from lvc.datasets.sequences import check
from lvc.errors import UserError

from .material import moving_scene, protocol, sequence


def test_only_the_protocols_frames_are_coded():
    source = check(sequence(moving_scene(frames=9)), protocol(frames=6))
    assert (source.count, len(list(source.frames())), source.width, source.height) == (6, 6, 96, 64)


def test_all_frames_are_taken_when_no_number_is_given():
    assert check(sequence(moving_scene(frames=9)), protocol(frames=None)).count == 9


def test_a_short_sequence_is_refused_by_name_with_the_way_out():
    with pytest.raises(UserError, match=r"scene: has 5 frames and protocol.frames is 6; protocol.short=use"):
        check(sequence(moving_scene(frames=5)), protocol())


def test_a_short_sequence_can_be_used():
    assert check(sequence(moving_scene(frames=5)), protocol(short="use")).count == 5


def test_an_empty_sequence_is_refused():
    with pytest.raises(UserError, match="scene: has no frames"):
        check(sequence([]), protocol(short="use"))


def test_a_change_of_size_is_refused():
    with pytest.raises(UserError, match="frame 1 changes the size"):
        check(sequence([*moving_scene(frames=1), *moving_scene(height=32, frames=1)]), protocol(short="use"))


def test_the_digest_tells_contents_apart():
    one, same, other = (check(sequence(moving_scene(seed=s)), protocol()).digest for s in (0, 0, 1))
    assert one == same != other
