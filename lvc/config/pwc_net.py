"""What PWC-Net may be configured to where it is trained by itself."""

from typing import Any, ClassVar, Literal

from lvc.config.contract import ConfigError, contract
from lvc.config.feasible import check_clips, check_parts
from lvc.config.parts import PWCNetConfig
from lvc.config.schedule import StageConfig
from lvc.config.spynet import check_flow_stage


@contract
class PWCNetModelConfig(PWCNetConfig):
    """PWC-Net: an optical flow network (Sun et al., CVPR 2018), trained for use in codecs."""

    PARTS: ClassVar[tuple[str, ...]] = ("network",)
    STREAMS: ClassVar[tuple[str, ...]] = ()
    STRIDE: ClassVar[int] = 64
    CODEC: ClassVar[str] = "lvc.models.pwc_net:PWCFlowNetwork"
    SUMMARY: ClassVar[str] = "Larger optical flow network, to start codecs from"
    USE: ClassVar[str] = "a flow network, no codec; codecs start from it with flow.weights"

    name: Literal["pwc_net"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""

    def check_other_stage(self, key: str, stage: StageConfig, dataset: Any) -> None:
        """Check that a stage can run, before anything does.

        Raises:
            ConfigError: Naming the option that cannot be, and what would be right.
        """
        check_parts(key, stage, self.name, self.PARTS)
        check_flow_stage(key, stage, self.name, dataset)
        if stage.flow.fewest_levels is not None:
            raise ConfigError(f"{key}.flow.fewest_levels", f"{self.name} runs all its levels; use null")
        check_clips(key, stage, self.name, self.STRIDE, dataset)
