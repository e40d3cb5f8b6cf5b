"""Every model that can be configured. Torch-free, so that a mistake is answered at once.

A model's contract extends :class:`lvc.config.spec.Model` and says in ``SPEC`` what the rest of lvc has to know of
it. What codes nothing has another ``task`` there, and checks its stages itself (``check_other_stage``).
"""

from functools import reduce
from operator import or_
from typing import Annotated

from pydantic import Field

from lvc.config.b_canf import BCANFConfig
from lvc.config.dcvc_tcm import DCVCTCMConfig
from lvc.config.intra import INTRA_CODECS
from lvc.config.light import LightConfig
from lvc.config.maskcrt_b import MaskCRTBConfig
from lvc.config.mastc_vc import MASTCVCConfig
from lvc.config.outside import brought
from lvc.config.pmctf_l import PMCTFLConfig
from lvc.config.pwave import PWaveConfig
from lvc.config.pwc_net import PWCNetModelConfig
from lvc.config.resolution_classifier import ResolutionClassifierConfig
from lvc.config.spec import Model
from lvc.config.spynet import SpyNetModelConfig
from lvc.config.ssnvc import SSNVCConfig

MODELS: dict[str, type] = {
    "light": LightConfig,
    "b_canf": BCANFConfig,
    "dcvc_tcm": DCVCTCMConfig,
    "ssnvc": SSNVCConfig,
    "maskcrt_b": MaskCRTBConfig,
    "mastc_vc": MASTCVCConfig,
    "pwave": PWaveConfig,
    "pmctf_l": PMCTFLConfig,
    "spynet": SpyNetModelConfig,
    "pwc_net": PWCNetModelConfig,
    "resolution_classifier": ResolutionClassifierConfig,
    **INTRA_CODECS,
}
"""Every model by name."""

MODELS |= brought("models", Model, MODELS)

ModelConfig = Annotated[reduce(or_, MODELS.values()), Field(discriminator="name")]
