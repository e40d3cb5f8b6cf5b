"""Names of released pWave++ and pMCTF-L checkpoints, mapped to ours. No file is shipped or fetched.

Names are those of a state dict of FAU-LMS/Learned-pMCTF at f8e4cda. Levels count the other way there, from the finest.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lvc.errors import UserError
from lvc.importers.released import Imported, Patterns, renamed, stacked

LEVELS, POST_BLOCKS = 4, 6
"""Wavelet levels, and residual blocks of the post-processing, of every released network."""

_STEPS = {"P1": "predict1", "U1": "update1", "P2": "predict2", "U2": "update2"}
_LAYERS = {"1": "first", "2": "body.1", "3": "body.3", "4": "last"}
_BANDS = r"context_fusion\.(\d)\.(lh|hl|hh)\."


def _band(inside: str) -> Callable[[re.Match], str]:
    """What stands for a band's tensors in a pattern; ours counts levels from the coarsest."""
    return lambda m: f"context.bands.{LEVELS - 1 - int(m[1])}.{m[2]}.{inside}."


_PLANE_CODER = [
    (r"QP$", "step_high.bounds"),
    (r"QP_ll$", "step_low.bounds"),
    (r"wavelet_transform\.lift_h\.conv_([PU][12])\.", lambda m: f"wavelet.lifting.steps.{_STEPS[m[1]]}.skip."),
    (
        r"wavelet_transform\.lift_h\.([PU])_([12])\.conv([1-4])\.",
        lambda m: f"wavelet.lifting.steps.{_STEPS[m[1] + m[2]]}.network.{_LAYERS[m[3]]}.",
    ),
    (r"context_prediction\.LSTM(\d)\.conv_in\.", lambda m: f"context.memory.inputs.{int(m[1]) - 1}."),
    (r"context_prediction\.LSTM(\d)\.conv_hidden\.", lambda m: f"context.memory.hidden.{int(m[1]) - 1}."),
    (
        r"context_prediction\.deconv_(h|c)(\d)\.(\d)\.conv\.",
        lambda m: f"context.memory.enlarge.{LEVELS - 2 - int(m[3])}.{int(m[2]) - 1}.{'hc'.index(m[1])}.",
    ),
    (r"dequantModule\.conv1\.", "post.first."),
    (r"dequantModule\.resBlocks\.", "post.body."),
    (r"dequantModule\.conv2\.", f"post.body.{POST_BLOCKS}."),
    (r"dequantModule\.conv3\.", "post.last."),
    (r"context_fusion\.3\.ll\.maskedConv1\.", "context.lowest.first."),
    (
        r"context_fusion\.3\.ll\.residualBlocks\.(\d)\.conv(\d)\.",
        lambda m: f"context.lowest.blocks.{m[1]}.{int(m[2]) - 1}.",
    ),
    (r"context_fusion\.3\.ll\.maskedConv2\.", "context.lowest.last."),
    (r"context_fusion\.3\.ll\.convs\.(\d)\.", lambda m: f"context.lowest.head.{2 * int(m[1]) + 1}."),
    (rf"{_BANDS}lower_level_subband\.1\.", _band("lower")),
    (rf"{_BANDS}conv1_context\.", _band("known.0")),
    (rf"{_BANDS}y_hierarchical_prior_enc\.0\.", _band("known.1")),
    (rf"{_BANDS}y_hierarchical_prior_enc\.1\.", _band("known.2")),
    (rf"{_BANDS}y_hierarchical_prior_out\.", _band("first")),
    *((rf"{_BANDS}y_spatial_prior_{n + 1}\.", _band(f"decoded.{n}")) for n in range(3)),
    *((rf"{_BANDS}y_spatial_prior_{n + 1}_out\.", _band(f"heads.{n}")) for n in range(3)),
]
_VIDEO = [
    (r"optic_flow\.moduleBasic\.(\d)\.conv(\d)\.", lambda m: f"flow.levels.{m[1]}.{2 * (int(m[2]) - 1)}."),
    (r"mv_encoder\.(\d)\.enc_1\.", r"motion.\1.encode_half."),
    (r"mv_encoder\.(\d)\.enc_2\.", r"motion.\1.encode_quarter."),
    (r"mv_encoder\.(\d)\.adaptor_0\.", r"motion.\1.first_feature."),
    (r"mv_encoder\.(\d)\.adaptor_1\.", r"motion.\1.later_feature."),
    (r"mv_encoder\.(\d)\.enc_3\.", r"motion.\1.encode_rest."),
    (r"mv_decoder\.(\d)\.dec_1\.", r"motion.\1.decode_feature."),
    (r"mv_decoder\.(\d)\.dec_2\.", r"motion.\1.decode_half."),
    (r"mv_decoder\.(\d)\.dec_3\.", r"motion.\1.decode_rest."),
    (r"mv_hyper_prior_encoder\.(\d)\.", r"motion.\1.hyper_encoder."),
    (r"mv_hyper_prior_decoder\.(\d)\.", r"motion.\1.hyper_decoder."),
    (r"mv_y_prior_fusion_adaptor_0\.(\d)\.", r"motion.\1.first_prior."),
    (r"mv_y_prior_fusion_adaptor_1\.(\d)\.", r"motion.\1.later_prior."),
    (r"mv_y_prior_fusion\.(\d)\.", r"motion.\1.common."),
    (r"mv_y_spatial_prior\.(\d)\.", r"motion.\1.spatial."),
    (r"mv_y_spatial_prior_adaptor_(\d)\.(\d)\.", lambda m: f"motion.{m[2]}.adaptors.{int(m[1]) - 1}."),
    (r"mv_y_q_scale_enc\.(\d)$", r"motion.\1.encoder_factor.bounds"),
    (r"mv_y_q_scale_dec\.(\d)$", r"motion.\1.decoder_factor.bounds"),
    (r"temporal_filtering\.(\d)\.P_t\.conv([1-4])\.", lambda m: f"temporal.{m[1]}.predict_filter.{_LAYERS[m[2]]}."),
    (r"temporal_filtering\.(\d)\.U_t\.conv([1-4])\.", lambda m: f"temporal.{m[1]}.update_filter.{_LAYERS[m[2]]}."),
    (r"hp_q_scale\.(\d)$", r"scale.\1.bounds"),
]
# Inside blocks of DCVC-DC and DCVC-FM
_BLOCKS = [
    (r"\.block\.0\.conv1\.0\.", ".depth.0."),
    (r"\.block\.0\.depth_conv\.", ".depth.2."),
    (r"\.block\.0\.conv2\.", ".depth.3."),
    (r"\.block\.0\.adaptor\.", ".skip."),
    (r"\.block\.1\.conv\.(\d)\.", r".point.\1."),
    (r"\.block\.1\.conv\.", ".widen."),
    (r"\.block\.1\.conv_out\.", ".narrow."),
    (r"\.subpel_conv\.0\.", ".body.0.0."),
    (r"\.upsample\.0\.", ".shortcut.0."),
    (r"\.downsample\.", ".shortcut."),
]
_SHRINK = re.compile(r"(encode_half\.0|encode_quarter|encode_rest\.0)\.conv([12])\.")
_ENLARGE = re.compile(r"(decode_feature\.[13]|decode_half|hyper_decoder\.[01])\.conv\.")
_MASK = r"(lp_coder\.|hp_coder\.|)context_fusion\.3\.ll\..+\.mask$"
_TWIN = r"(lp_coder\.|hp_coder\.|)wavelet_transform\.lift_v\."
_DENSITY = re.compile(r"mv_bit_est\.(\d)\.f([1-4])\.([hba])")


def pwave_weights(released: dict[str, Tensor], path: Path | str) -> Imported:
    """A released pWave++ checkpoint's tensors under our names.

    Raises:
        UserError: On the first name that the release does not have, or two transforms that differ.
    """
    coder = _plane_coder(released, path, "", "pWave++")
    return Imported({f"coder.{name}": tensor for name, tensor in coder.items()}, _left_out(released))


def pmctf_l_weights(released: dict[str, Tensor], path: Path | str) -> Imported:
    """The same of a released pMCTF-L checkpoint, whose motion estimation comes along.

    Raises:
        UserError: On the first name that the release does not have, or two transforms that differ.
    """
    weights: dict[str, Tensor] = {}
    layers: dict[str, dict[int, Tensor]] = {}
    coders: dict[str, dict[str, Tensor]] = {"lp_coder": {}, "hp_coder": {}}
    for name, tensor in released.items():
        first, _, rest = name.partition(".")
        density = _DENSITY.fullmatch(name)
        if first in coders:
            coders[first][rest] = tensor
        elif density:
            target = f"motion.{density[1]}.hyper_prior.{density[3]}"
            layers.setdefault(target, {})[int(density[2])] = tensor.flatten()
        else:
            weights |= _mapped(name, tensor, _VIDEO, f"{path}: '{name}' is no tensor of pMCTF-L")
    for ours, name in (("lowpass", "lp_coder"), ("highpass", "hp_coder")):
        coder = _plane_coder(coders[name], path, f"{name}.", "pMCTF-L")
        weights |= {f"{ours}.{inside}": tensor for inside, tensor in coder.items()}
    return Imported(weights | stacked(layers, path), _left_out(released))


def pwave_options(weights: dict[str, Tensor], coder: str = "coder") -> dict[str, Any]:
    """What a model has to be configured to for imported weights: the released code's ways, and the network's widths.

    Args:
        weights: Under our names.
        coder: Where the coder of planes is among them.
    """
    lifting = _widths(weights, {"channels": f"{coder}.wavelet.lifting.steps.predict1.network.first"})
    layers = {
        "context_channels": "context.bands.0.lh.known.0",
        "memory_channels": "context.memory.inputs.0",
        "ll_channels": "context.lowest.first",
        "post_channels": "post.first",
    }
    widths = _widths(weights, {option: f"{coder}.{layer}" for option, layer in layers.items()})
    return {"levels": LEVELS, "post_blocks": POST_BLOCKS, "lifting": {"border": "mirror", **lifting}, **widths}


def pmctf_l_options(weights: dict[str, Tensor]) -> dict[str, Any]:
    """The same for pMCTF-L."""
    levels = len({name.split(".")[1] for name in weights if name.startswith("temporal.")}) or 1
    flow = [len(weights[name]) for n in (0, 2, 4, 6) if (name := f"flow.levels.0.{n}.bias") in weights]
    return {
        **pwave_options(weights, "lowpass"),
        **_widths(weights, {"temporal_channels": "temporal.0.predict_filter.first"}),
        **_widths(weights, {"motion_channels": "motion.0.decode_half.body.2"}),
        "temporal_levels": levels,
        "temporal_scale": "paper_code",
        "chroma": "420",
        "flow": {"levels": 6, **({"widths": flow} if len(flow) == 4 else {})},
        "structure": {"gop": min(16, 2**levels)},
    }


def _widths(weights: dict[str, Tensor], layers: dict[str, str]) -> dict[str, int]:
    """Output channels of those layers that there are."""
    biases = {option: weights.get(f"{layer}.bias") for option, layer in layers.items()}
    return {option: bias.numel() for option, bias in biases.items() if bias is not None}


def _left_out(released: dict[str, Tensor]) -> dict[str, int]:
    reasons = {"masks of masked convolutions: constants here": _MASK, "lift_v: a second name of lift_h": _TWIN}
    return {why: sum(bool(re.match(pattern, name)) for name in released) for why, pattern in reasons.items()}


def _plane_coder(released: dict[str, Tensor], path: Path | str, prefix: str, model: str) -> dict[str, Tensor]:
    weights = {}
    for name, tensor in released.items():
        if re.match(_MASK, name):
            continue
        if re.match(_TWIN, name):
            twin = released.get(name.replace("lift_v", "lift_h"))
            if twin is None or not torch.equal(tensor, twin):
                raise UserError(f"{path}: '{prefix}{name}' is not that of lift_h, and columns and rows share one here")
            continue
        weights |= _mapped(name, tensor, _PLANE_CODER, f"{path}: '{prefix}{name}' is no tensor of {model}")
    return weights


def _mapped(name: str, tensor: Tensor, patterns: Patterns, otherwise: str) -> dict[str, Tensor]:
    ours = renamed(name, patterns)
    if ours is None:
        raise UserError(otherwise)
    for pattern, inside in _BLOCKS:
        ours = re.sub(pattern, inside, ours)
    ours = _SHRINK.sub(lambda m: f"{m[1]}.body.{2 * (int(m[2]) - 1)}.", ours)
    ours = _ENLARGE.sub(r"\1.body.2.", ours)
    return {ours: tensor.flatten() if ours.endswith(".bounds") else tensor}
