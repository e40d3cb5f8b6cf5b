"""B-CANF: hierarchical B frames by conditional augmented normalising flows (Chen et al., IEEE TCSVT 2023).

The architecture is that of the released code (arXiv 2209.01769), parameter by parameter. Decided where that is silent,
or where this framework does otherwise:

* Frames are padded once, to multiples of 64, at the codec's edge; the release pads before and crops after each module.
* References are clamped to [0, 1]; ``clamp_references=false`` refers to them as they are, as the release does.
* Motion is estimated on frames as they are; ``normalise=true`` normalises them as the release does.
* Coding tables have 256 scales instead of 64, and no side stream for outliers.
* A part ``adaptation`` holds all frame-type adaptations, so that a schedule can train them later than the rest.
* Fresh weights make an untrained B frame nearly the mean of its warped references.
* The intra codec is the framework's, in place of an autoregressive one of 22.7 M parameters.
* Training is unpublished: the distortions that a stage may weigh are those of CANF-VC, its P-frame ancestor.
"""

from typing import ClassVar

from lvc.codec import VideoCodec
from lvc.config.b_canf import BCANFConfig
from lvc.models.anf import ConditionalAnf
from lvc.models.b_frame import BFrameCodec


class BCANF(BFrameCodec):
    """Motion and frame by conditional normalising flows, over the pipeline of :class:`BFrameCodec`.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    frame_types: ClassVar = {"b": 0, "B": 1, "P": 2}

    def __init__(self, config: BCANFConfig, intra: VideoCodec):
        super().__init__(config, intra)
        enhancement = config.enhancement_channels if config.enhancement else 0
        self.motion = ConditionalAnf("motion", 4, config.motion, len(self.frame_types), self.law, enhancement)
        self.frame = ConditionalAnf("frame", 3, config.frame, len(self.frame_types), self.law, enhancement)
