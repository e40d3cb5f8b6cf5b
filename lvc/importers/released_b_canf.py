"""Names of released B-CANF checkpoints, mapped to ours. Facts about files; no file is shipped or fetched."""

import re
from pathlib import Path

from torch import Tensor

from lvc.errors import UserError
from lvc.importers.released import Imported, renamed

_PEDESTAL = 2.0**-36
_EPSILON = 1e-5  # which the released GDN adds to its beta

# Patterns over the released names; networks of their own that we do not have: the intra codec, and image statistics
_LEFT_OUT = {
    "intra codec: the release's own, ANFIC, is not here": r"IntraCodec\.",
    "means and deviations of pictures: constants here": r"MENet\.network\.(mean|std)$",
}
_TOP = [
    (r"MENet\.network\.Blocks\.", "flow.levels."),
    (r"MPNet\.network\.blocks\.(\d)\.layers\.0\.", r"predictor.blocks.\1.down."),
    (r"MPNet\.network\.blocks\.(\d)\.layers\.1\.(\d)", lambda m: f"predictor.blocks.{m[1]}.down.{2 + int(m[2])}"),
    (
        r"MPNet\.network\.blocks\.(\d)\.layers\.2\.(\d)\.(\d)",
        lambda m: f"predictor.blocks.{m[1]}.body.{2 * int(m[2]) + int(m[3])}",
    ),
    (r"MPNet\.network\.blocks\.(\d)\.layers\.3\.", r"predictor.blocks.\1.up."),
    (r"FSNet\.network\.backbone\.backbone\.", "synthesis.backbone."),
    (r"FSNet\.network\.synth\.heads\.0\.", "synthesis.grid.picture."),
    (r"FSNet\.network\.synth\.heads\.(\d)\.", lambda m: f"synthesis.grid.heads.{int(m[1]) - 1}."),
    (r"FSNet\.network\.synth\.downs\.(\d)\.", lambda m: f"synthesis.grid.bridges.{int(m[1]) - 1}."),
    (r"FSNet\.network\.synth\.columns\.(\d)\.resblocks\.", r"synthesis.grid.columns.\1.rows."),
    # on the way up a resampling layer, without weights, comes before the cell
    (r"FSNet\.network\.synth\.columns\.([01])\.bridge\.", r"synthesis.grid.columns.\1.bridges."),
    (
        r"FSNet\.network\.synth\.columns\.(\d)\.bridge\.(\d)\.(\d)",
        lambda m: f"synthesis.grid.columns.{m[1]}.bridges.{m[2]}.1.{int(m[3]) - 1}",
    ),
    (r"FSNet\.network\.synth\.tail\.", "synthesis.grid.tail."),
    (r"MotionCodec\.network\.", "motion."),
    (r"ResidualCodec\.network\.", "frame."),
]
_INSIDE = [
    (r"\.(analysis|synthesis)(\d)\.", r".\1.\2."),
    (r"\.pred_prior\.", ".temporal_prior."),
    (r"\.PA\.", ".fusion."),
    (r"\.QE\.conv1\.", ".enhancement.head."),
    (r"\.QE\.resblock\.", ".enhancement.blocks."),
    (r"\.QE\.conv2\.", ".enhancement.merge.0."),
    (r"\.QE\.conv3\.", ".enhancement.tail."),
    (r"\.m\.(weight|bias)$", r".layer.\1"),
    (r"\.entropy_bottleneck\.quantiles", ".hyper_prior.bottleneck.quantiles"),
    (r"\.entropy_bottleneck\.factorizer\.l(\d)\.weight", r".hyper_prior.bottleneck.matrices.\1"),
    (r"\.entropy_bottleneck\.factorizer\.l(\d)\.bias", r".hyper_prior.bottleneck.biases.\1"),
    (r"\.entropy_bottleneck\.factorizer\.l(\d)\._factor", r".hyper_prior.bottleneck.factors.\1"),
]
_NORM = re.compile(r"(motion|frame)\.(analysis\.\d|synthesis\.\d|temporal_prior)\.[135]\.(weight|bias)")


def b_canf_weights(released: dict[str, Tensor], path: Path | str) -> Imported:
    """A released B-CANF checkpoint's tensors under our names, without its intra codec.

    Raises:
        UserError: On the first name that the release does not have.
    """
    weights, left_out = {}, dict.fromkeys(_LEFT_OUT, 0)
    for name, tensor in released.items():
        if reason := next((why for why, pattern in _LEFT_OUT.items() if re.match(pattern, name)), None):
            left_out[reason] += 1
            continue
        mapped = renamed(name, _TOP)
        if mapped is None:
            raise UserError(f"{path}: '{name}' is no tensor of B-CANF")
        for pattern, ours in _INSIDE if mapped.startswith(("motion.", "frame.")) else ():
            mapped = re.sub(pattern, ours, mapped)
        weights.update([_norm(mapped, tensor)])
    return Imported(weights, left_out)


def _norm(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    """Tensors whose form differs too: of GDN, which takes its epsilon in, and quantiles."""
    if name.endswith(".quantiles"):
        return name, tensor.t()[:, None]
    match = _NORM.fullmatch(name)
    if match is None:
        return name, tensor
    if match[3] == "weight":
        return name.replace("weight", "gamma"), tensor
    return name.replace("bias", "beta"), (tensor.clamp(min=_PEDESTAL**0.5) ** 2 + _EPSILON).sqrt()
