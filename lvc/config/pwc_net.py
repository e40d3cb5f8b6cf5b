"""What PWC-Net may be configured to where it is trained by itself."""

from typing import Any, ClassVar, Literal

from lvc.config.contract import ConfigError, contract
from lvc.config.feasible import check_clips, check_parts
from lvc.config.parts import PWCNetConfig
from lvc.config.schedule import StageConfig
from lvc.config.spec import Model, ModelSpec
from lvc.config.spynet import check_flow_stage


@contract
class PWCNetModelConfig(Model, PWCNetConfig):
    """PWC-Net: an optical flow network (Sun et al., CVPR 2018), trained for use in codecs."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.pwc_net:PWCFlowNetwork",
        summary="Larger optical flow network, to start codecs from",
        parts=("network",),
        stride=64,
        task="flow",
        use="a flow network, no codec; codecs start from it with flow.weights",
    )

    name: Literal["pwc_net"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""

    def check_other_stage(self, key: str, stage: StageConfig, dataset: Any) -> None:
        """Check that a stage can run, before anything does.

        Raises:
            ConfigError: Naming the option that cannot be, and what would be right.
        """
        check_parts(key, stage, self.name, self.spec.parts)
        check_flow_stage(key, stage, self.name, dataset)
        if stage.flow.fewest_levels is not None:
            raise ConfigError(f"{key}.flow.fewest_levels", f"{self.name} runs all its levels; use null")
        check_clips(key, stage, self.name, self.spec.stride, dataset)
