import subprocess
import sys

import pytest
import torch

from lvc.layers.layout import to_channels_last
from tests.conftest import tiny_codec

TRAIN = """
import torch
from lvc.config.intra import IntraCheng2020Config
from lvc.codec import FrameJob, Rate
from lvc.entropy.streams import Estimate
from lvc.layers.layout import to_channels_last
from lvc.models.build import build_codec

torch.manual_seed(0)
codec = to_channels_last(build_codec(IntraCheng2020Config(name="intra_cheng2020", channels=32)).train())
frame = torch.rand(8, 3, 128, 128)
for step in range(12):
    with torch.autocast("cpu", torch.bfloat16, enabled=step % 2 == 0):
        coding = codec.code_frame(FrameJob("I", frame, None, Estimate(True), Rate(), (128, 128)))
    coding.frame.square().mean().backward()
"""

TRAIN_MOTION = """
import torch
from lvc.layers.depth_conv import shrink
from lvc.layers.layout import to_channels_last

torch.manual_seed(0)
encoder = to_channels_last(shrink(2, 64).train())
for _ in range(12):
    encoder(torch.rand(8, 2, 128, 128)).square().mean().backward()
"""


def test_channels_last_computes_the_same():
    codec = tiny_codec()
    frame = torch.rand(1, 3, 64, 64)
    before = codec.intra.g_a(frame)
    after = to_channels_last(codec).intra.g_a(frame)
    assert after.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(before, after, atol=1e-5)


@pytest.mark.parametrize("script", [TRAIN, TRAIN_MOTION], ids=["intra codec", "motion"])
def test_training_in_channels_last_does_not_take_the_process_down(script):
    # the crash this guards against came within about ten steps, in a process of its own
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=False).returncode == 0
