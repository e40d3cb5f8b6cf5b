"""A codec that is not what its configuration says of it is refused in one line when it is built."""

from dataclasses import replace

import pytest

from lvc.config.contract import ConfigError
from lvc.config.model import MODELS
from lvc.config.spec import FrameKind
from lvc.models.build import build_codec
from tests.conftest import tiny_config

SAID = type(tiny_config()).SPEC
WRONG = {
    "has parts flow, motion, context, frame, intra, and its spec says flow": {"parts": ("flow",)},
    "has stride 64, and its spec says 32": {"stride": 32},
    "codes frames of kind P with unknown mask": {"kinds": {**SAID.kinds, "P": FrameKind(("flow", "mask"), ("frame",))}},
    "codes single frames with unknown lowpass": {"intra": ("lowpass",)},
    "structure has frames of kind P, and its spec none": {"kinds": {"I": SAID.kinds["I"]}},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_differs_from_the_spec_is_named(message, monkeypatch):
    from lvc.models import dcvc_tcm

    config = tiny_config()
    monkeypatch.setattr(dcvc_tcm.DCVCTCM, "stride", 64)  # as networks have it that are no codecs
    monkeypatch.setattr(type(config), "SPEC", replace(SAID, **WRONG[message]))
    with pytest.raises(ConfigError, match=rf"^model: dcvc_tcm.*{message}"):
        build_codec(config)


def test_a_parameter_in_no_part_is_named(monkeypatch):
    from lvc.models import dcvc_tcm

    parts = dcvc_tcm.DCVCTCM.parts.fget
    monkeypatch.setattr(dcvc_tcm.DCVCTCM, "parts", property(lambda codec: parts(codec) | {"flow": []}))
    with pytest.raises(ConfigError, match=r"parameter flow\.\S+ is in no part"):
        build_codec(tiny_config())


def test_every_model_says_what_its_frames_write():
    for name, contract in MODELS.items():
        spec = contract(name=name).spec
        assert bool(spec.streams) == (spec.task == "codec")
        assert (spec.task != "codec") == bool(spec.use)
        assert any(kind.intra for kind in spec.kinds.values()) or not spec.kinds
        assert spec.terms[0] == "frame"
