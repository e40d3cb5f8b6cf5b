"""Names of released checkpoints, mapped to ours. Facts about files; no file is shipped or fetched."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from lvc.errors import UserError

CONTEXT_MODEL = "context model: this codec has none"
"""Why tensors of an autoregressive checkpoint are left out of a codec that is not."""


@dataclass(frozen=True)
class Imported:
    """A checkpoint as we name it.

    Attributes:
        weights: Tensors under our names.
        left_out: How many of its tensors are not among them, by the reason.
    """

    weights: dict[str, Tensor]
    left_out: dict[str, int] = field(default_factory=dict)


Patterns = Sequence[tuple[str, str | Callable[[re.Match], str]]]
"""What released names begin with, and what takes its place."""

# Patterns over the released names of DCVC-TCM; "-1" counts from 0 what the release counts from 1.
_DCVC_TCM = [
    (r"optic_flow\.moduleBasic\.(\d)\.conv(\d)", lambda m: f"flow.levels.{m[1]}.{2 * (int(m[2]) - 1)}"),
    (r"mv_encoder\.", lambda m: "motion.encoder."),
    (r"mv_decoder\.", lambda m: "motion.decoder."),
    (r"mv_prior_encoder\.", lambda m: "motion.hyper_encoder."),
    (r"mv_prior_decoder\.", lambda m: "motion.hyper_decoder."),
    (r"feature_adaptor_I\.", lambda m: "adapt_frame."),
    (r"feature_adaptor_P\.", lambda m: "adapt_feature."),
    (r"feature_extractor\.conv(\d)", lambda m: f"extractor.{int(m[1]) - 1}.0"),
    (r"feature_extractor\.res_block(\d)", lambda m: f"extractor.{int(m[1]) - 1}.1"),
    (r"context_fusion_net\.conv(\d)_up\.0", lambda m: f"fusion.upsample.{int(m[1]) - 1}.0.0"),
    (r"context_fusion_net\.res_block(\d)_up", lambda m: f"fusion.upsample.{int(m[1]) - 1}.1"),
    (r"context_fusion_net\.conv(\d)_out", lambda m: f"fusion.refine.{int(m[1]) - 1}.0"),
    (r"context_fusion_net\.res_block(\d)_out", lambda m: f"fusion.refine.{int(m[1]) - 1}.1"),
    (r"contextual_encoder\.conv(\d)", lambda m: f"encoder.down.{int(m[1]) - 1}"),
    (r"contextual_encoder\.gdn(\d)", lambda m: f"encoder.norm.{int(m[1]) - 1}"),
    (r"contextual_encoder\.res(\d)", lambda m: f"encoder.merge.{m[1]}"),
    (r"contextual_hyper_prior_encoder\.", lambda m: "hyper_encoder."),
    (r"contextual_hyper_prior_decoder\.", lambda m: "hyper_decoder."),
    (r"temporal_prior_encoder\.conv(\d)", lambda m: f"temporal_prior.down.{int(m[1]) - 1}"),
    (r"temporal_prior_encoder\.gdn(\d)", lambda m: f"temporal_prior.norm.{int(m[1]) - 1}"),
    (r"contextual_entropy_parameter\.", lambda m: "entropy_parameters."),
    (r"contextual_decoder\.up(\d)", lambda m: f"decoder.up.{int(m[1]) - 1}"),
    (r"contextual_decoder\.gdn(\d)", lambda m: f"decoder.norm.{int(m[1]) - 1}"),
    (r"contextual_decoder\.res(\d)", lambda m: f"decoder.merge.{3 - int(m[1])}"),
    (r"recon_generation_net\.feature_conv\.", lambda m: "generator.feature."),
    (r"recon_generation_net\.recon_conv\.", lambda m: "generator.frame."),
]
_BIT_ESTIMATORS = {"bit_estimator_z": "hyper_prior", "bit_estimator_z_mv": "motion.hyper_prior"}


def dcvc_tcm_weights(released: dict[str, Tensor], path: Path | str) -> Imported:
    """A released DCVC-TCM checkpoint's tensors under our names (without the intra codec, which is a file of its own).

    Raises:
        UserError: On the first name that the release does not have.
    """
    weights: dict[str, Tensor] = {}
    layers: dict[str, dict[int, Tensor]] = {}
    for name, tensor in released.items():
        estimator, _, rest = name.partition(".")
        if estimator in _BIT_ESTIMATORS:
            match = re.fullmatch(r"f([1-4])\.([hba])", rest)
            if match is None:
                raise UserError(f"{path}: '{name}' is no tensor of DCVC-TCM")
            target = f"{_BIT_ESTIMATORS[estimator]}.{match[2]}"
            layers.setdefault(target, {})[int(match[1])] = tensor.flatten()
            continue
        ours = renamed(name, _DCVC_TCM)
        if ours is None:
            raise UserError(f"{path}: '{name}' is no tensor of DCVC-TCM")
        weights[ours] = tensor
    return Imported(weights | stacked(layers, path))


def renamed(name: str, patterns: Patterns) -> str | None:
    """``name`` with its beginning replaced by the first of ``patterns`` that fits, ``None`` if none does."""
    for pattern, ours in patterns:
        found, count = re.subn(f"^(?:{pattern})", ours, name)
        if count:
            return found
    return None


def stacked(layers: dict[str, dict[int, Tensor]], path: Path | str) -> dict[str, Tensor]:
    """Layers of factorised densities by number, ``(C,)`` each, as the one tensor that our densities keep them in.

    Raises:
        UserError: On layers that differ in shape.
    """
    for target, rows in layers.items():
        if len({row.shape for row in rows.values()}) != 1:
            raise UserError(f"{path}: the layers of '{target}' differ in shape")
    return {target: torch.stack([rows[i] for i in sorted(rows)]) for target, rows in layers.items()}


_COMPRESSAI_NETWORKS = ("g_a", "g_s", "h_a", "h_s", "context_prediction", "entropy_parameters")
_COMPRESSAI_TABLES = re.compile(r"entropy_bottleneck\.(_offset|_quantized_cdf|_cdf_length)$|gaussian_conditional\.")


def compressai_weights(released: dict[str, Tensor], path: Path | str, autoregressive: bool) -> Imported:
    """Tensors of an intra codec of CompressAI, or of DCVC-TCM's ``IntraNoAR``, under our names.

    The entropy bottleneck's names come in three generations: ``_biases.0``, ``_bias0`` and ``biases.0``.

    Args:
        released: The checkpoint's tensors.
        path: Where they are from.
        autoregressive: Whether the context model comes along, or is left out.

    Raises:
        UserError: On the first name that such a codec does not have.
    """
    from compressai.models.utils import remap_old_keys
    from compressai.zoo.pretrained import load_pretrained

    weights, tables, context = {}, 0, 0
    for name, tensor in remap_old_keys("entropy_bottleneck", load_pretrained(dict(released))).items():
        top, _, rest = name.partition(".")
        if _COMPRESSAI_TABLES.match(name):
            tables += 1
        elif top in _COMPRESSAI_NETWORKS[4:] and not autoregressive:
            context += 1
        elif top in _COMPRESSAI_NETWORKS:
            weights[name] = tensor
        elif top == "entropy_bottleneck":
            weights[f"hyper_prior.bottleneck.{rest}"] = tensor
        else:
            raise UserError(f"{path}: '{name}' is no tensor of an intra codec of CompressAI")
    left_out = {"coding tables: they are made anew, from the same densities": tables, CONTEXT_MODEL: context}
    return Imported(weights, left_out)
