"""Frame after frame, the chosen resolution of motion costs no more than the frame's own, by packets as they are."""

import pytest
import torch

from lvc.bitstream.packet import Packet
from lvc.codec import Rate
from tests.conftest import moving_clip
from tests.structures.test_motion_resolution import CODECS, RATE, choice, decode

LMBDA = 16
"""So low that the bits of motion decide, of which untrained networks make little."""

WORD = 32
"""Bits by which a payload may grow by two bits, as the range coder writes words of four bytes."""


@pytest.mark.parametrize(("name", "length"), [("b_canf", 5), ("maskcrt_b", 5), ("dcvc_tcm", 3)])
def test_no_frame_of_a_group_costs_more_than_with_motion_at_its_own_size(name, length):
    make, clip, size = CODECS[name], moving_clip(length, 128, 140), (128, 140)
    codec = make()
    codec.structure.choice = chosen = choice(lmbda=LMBDA)
    plain: dict[int, Packet] = {}
    frames: dict[int, torch.Tensor] = {}

    def both(codec, job, *rest):
        """The search, and beside it the frame as it is coded without, on the same references, from its packet."""
        lone = choice(factors=(1,))
        one = lone.best(codec, job, *rest)
        index = next(i for i, f in enumerate(clip.unbind(1)) if torch.equal(f, job.frame[..., : size[0], : size[1]]))
        plain[index] = Packet(job.kind, index, one.payload)
        reader = make()
        reader.structure.choice = lone
        frames[index], _ = reader.structure.read(reader, plain[index], job.state, size, Rate())
        return search(codec, job, *rest)

    search, chosen.best = chosen.best, both
    encoded = list(codec.encode(clip.unbind(1), RATE))
    decoded = decode(make, encoded, size, chosen.describe())

    def cost(packet, frame):
        error = float((frame - clip[:, packet.index]).square().mean())
        return LMBDA * error + 8 * len(packet.payload) / (size[0] * size[1])

    predicted = {e.packet.index: e for e in encoded if e.packet.kind != "I"}
    assert predicted.keys() == plain.keys()
    signal = WORD / (size[0] * size[1])
    saved = {i: cost(plain[i], frames[i]) - cost(e.packet, decoded[i]) for i, e in predicted.items()}
    assert min(saved.values()) >= -signal
    assert max(saved.values()) > signal
    assert any(e.motion_factor > 1 for e in predicted.values())
    for index, e in predicted.items():
        bits, told = e.tried[e.motion_factor]
        assert bits == 8 * len(e.packet.payload)
        assert told == pytest.approx(cost(e.packet, decoded[index]), rel=1e-4)
        assert told == min(found for _, found in e.tried.values())
