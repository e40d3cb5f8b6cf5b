"""`trainer.compile` reaches what training runs, whatever the structure."""

import pytest
import torch

from lvc.codec import Rate
from lvc.entropy.streams import Estimate
from tests.conftest import moving_clip, tiny_codec, tiny_pmctf
from tests.models import codec_b_canf


@pytest.mark.parametrize("make", [tiny_codec, codec_b_canf.tiny_codec, tiny_pmctf])
def test_what_a_structure_compiles_is_what_it_runs(make, monkeypatch):
    compiled, ran = [], set()

    def counted(function):
        compiled.append(function.__name__)

        def call(*args):
            ran.add(function.__name__)
            return function(*args)

        return call

    monkeypatch.setattr(torch, "compile", counted)
    codec = make()
    codec.structure.compile(codec)
    with torch.no_grad():
        coding = codec(moving_clip(2, 64, 64), Rate(), Estimate(training=False))
    assert compiled and ran == set(compiled)
    assert coding.frames.shape == (1, 2, 3, 64, 64)
