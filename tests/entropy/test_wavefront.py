import pytest

from lvc.entropy.wavefront import wavefronts


@pytest.mark.parametrize("lag", [2, 3])
@pytest.mark.parametrize(("height", "width"), [(5, 7), (1, 1), (4, 1), (1, 4), (9, 3)])
def test_every_position_is_coded_once_and_after_what_it_refers_to(height, width, lag):
    done = set()
    for rows, columns in wavefronts(height, width, lag):
        together = list(zip(rows.tolist(), columns.tolist(), strict=True))
        for row, column in together:
            reach = lag - 1  # of a context: so many rows up, and columns to either side
            before = [(row - up, column + c) for up in range(1, lag) for c in range(-reach, lag)]
            before += [(row, column - c) for c in range(1, lag)]
            assert {(r, c) for r, c in before if r >= 0 and 0 <= c < width} <= done
        done |= set(together)
    assert done == {(r, c) for r in range(height) for c in range(width)}
