from dataclasses import replace

import pytest

from lvc.config.contract import ConfigError, build
from lvc.config.intra import INTRA_CODECS, IntraMbt2018Config
from lvc.config.model import MODELS, ModelConfig

SYSTEMS = [name for name, config in MODELS.items() if hasattr(config, "intra")]


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_intra_codec_of_another_colour_space_is_refused(system, monkeypatch):
    monkeypatch.setattr(IntraMbt2018Config, "SPEC", replace(IntraMbt2018Config.SPEC, colour="yuv"))
    said = r"^model\.intra\.name: intra_mbt2018 codes yuv frames, and the others here are rgb; choices are: "
    with pytest.raises(ConfigError, match=said) as refused:
        build(ModelConfig, {"name": system, "intra": {"name": "intra_mbt2018"}}, "model")
    assert "intra_cheng2020," in str(refused.value) and "mbt2018," not in str(refused.value)


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_intra_codec_is_known_by_name(system):
    for name in INTRA_CODECS:
        assert build(ModelConfig, {"name": system, "intra": {"name": name}}, "model").intra.name == name
    with pytest.raises(ConfigError, match=r"^model\.intra\.name: 'cheng' is not one of 'intra_bmshj2018_hyperprior', "):
        build(ModelConfig, {"name": system, "intra": {"name": "cheng"}}, "model")
    with pytest.raises(ConfigError, match=r"^model\.intra\.context: unknown option; choices are: .*latent_channels"):
        build(ModelConfig, {"name": system, "intra": {"name": "intra_mbt2018", "context": {}}}, "model")


def test_groups_sum_to_the_latents_channels():
    with pytest.raises(ConfigError, match=r"^model\.context\.groups: \[16, 48\] sum to 64, and latent_channels is 320"):
        build(ModelConfig, {"name": "intra_window_attention", "context": {"groups": [16, 48]}}, "model")
