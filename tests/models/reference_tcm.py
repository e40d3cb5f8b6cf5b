"""The released DCVC-TCM P-frame network, written a second time: plain functions over the released names.

Nothing here comes from `lvc`: it is the yardstick of the import test.
"""

import torch
from torch.nn import functional as F

LATENTS = ("motion_hyper", "motion", "frame_hyper", "frame")


class Released:
    """``weights`` under the released names; calling it codes one P frame with rounding."""

    def __init__(self, weights):
        self.w = weights

    def conv(self, name, x, stride=1):
        weight = self.w[f"{name}.weight"]
        return F.conv2d(x, weight, self.w[f"{name}.bias"], stride, weight.shape[-1] // 2)

    def deconv(self, name, x, stride=2):
        return F.conv_transpose2d(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"], stride, 1, stride - 1)

    def gdn(self, name, x, inverse=False):
        pedestal = 2.0**-36
        beta = self.w[f"{name}.beta"].clamp(min=(1e-6 + pedestal) ** 0.5) ** 2 - pedestal
        gamma = self.w[f"{name}.gamma"].clamp(min=2.0**-18) ** 2 - pedestal
        norm = (beta[None, :, None, None] + torch.einsum("ij,bjhw->bihw", gamma, x**2)).sqrt()
        return x * norm if inverse else x / norm

    def res(self, name, x, slope=0.01, start=True, end=False):
        y = F.leaky_relu(x, slope) if start else x
        y = self.conv(f"{name}.conv2", F.leaky_relu(self.conv(f"{name}.conv1", y), slope))
        return x + (F.leaky_relu(y, slope) if end else y)

    def merge(self, name, *parts):
        return self.res(name, torch.cat(parts, 1), 0.1, start=False, end=True)

    def up(self, name, x):
        return F.pixel_shuffle(self.conv(f"{name}.0", x), 2)

    def warp(self, x, flow):
        h, w = x.shape[-2:]
        ys, xs = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
        grid = torch.stack([xs + flow[:, 0] / ((w - 1) / 2), ys + flow[:, 1] / ((h - 1) / 2)], -1)
        return F.grid_sample(x, grid, "bilinear", "border", align_corners=True)

    def flow(self, frame, reference):
        targets, sources = [frame], [reference]
        for _ in range(3):
            targets.append(F.avg_pool2d(targets[-1], 2))
            sources.append(F.avg_pool2d(sources[-1], 2))
        b, _, h, w = targets[-1].shape
        flow = torch.zeros(b, 2, h // 2, w // 2)
        for level in range(4):
            flow = F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False) * 2
            x = torch.cat([targets[3 - level], self.warp(sources[3 - level], flow), flow], 1)
            for k in range(1, 6):
                x = self.conv(f"optic_flow.moduleBasic.{level}.conv{k}", x)
                x = F.relu(x) if k < 5 else x
            flow = flow + x
        return flow

    def hyper(self, name, x):
        y = F.leaky_relu(self.conv(f"{name}.0", x))
        y = F.leaky_relu(self.conv(f"{name}.2", y, 2))
        return self.conv(f"{name}.4", y, 2)

    def parameters(self, name, z):
        y = F.leaky_relu(self.deconv(f"{name}.0", z))
        y = F.leaky_relu(self.deconv(f"{name}.2", y))
        return self.deconv(f"{name}.4", y, 1)

    def bits(self, residual, scales):
        law = torch.distributions.Laplace(torch.zeros(()), scales.clamp(1e-5, 1e10))
        probability = law.cdf(residual + 0.5) - law.cdf(residual - 0.5)
        return (-torch.log2(probability + 1e-5)).clamp(0, 50).sum()

    def hyper_bits(self, name, z):
        def cdf(x):
            for k in (1, 2, 3):
                x = x * F.softplus(self.w[f"{name}.f{k}.h"]) + self.w[f"{name}.f{k}.b"]
                x = x + torch.tanh(x) * torch.tanh(self.w[f"{name}.f{k}.a"])
            return torch.sigmoid(x * F.softplus(self.w[f"{name}.f4.h"]) + self.w[f"{name}.f4.b"])

        return (-torch.log2(cdf(z + 0.5) - cdf(z - 0.5) + 1e-5)).clamp(0, 50).sum()

    def motion(self, flow):
        y = flow
        for k in (0, 4, 8):
            y = self.gdn(f"mv_encoder.{k + 1}", self.conv(f"mv_encoder.{k}", y, 2))
            y = F.leaky_relu(self.res(f"mv_encoder.{k + 2}", y, start=False), 0.1)
        y = self.conv("mv_encoder.12", y, 2)
        z = self.hyper("mv_prior_encoder", y).round()
        scales, means = self.parameters("mv_prior_decoder", z).chunk(2, 1)
        q = (y - means).round()
        x = F.leaky_relu(self.deconv("mv_decoder.0", q + means), 0.1)
        x = self.gdn("mv_decoder.3", self.res("mv_decoder.2", x, start=False), inverse=True)
        x = self.gdn("mv_decoder.5", self.deconv("mv_decoder.4", x), inverse=True)
        x = self.gdn("mv_decoder.7", self.deconv("mv_decoder.6", x), inverse=True)
        bits = {"motion_hyper": self.hyper_bits("bit_estimator_z_mv", z), "motion": self.bits(q, scales)}
        return self.deconv("mv_decoder.8", x), bits

    def contexts(self, reference, feature, flow):
        x = self.conv("feature_adaptor_I", reference) if feature is None else self.conv("feature_adaptor_P", feature)
        warped = []
        for k in (1, 2, 3):
            x = self.res(f"feature_extractor.res_block{k}", self.conv(f"feature_extractor.conv{k}", x, min(k, 2)))
            flow = flow if k == 1 else F.interpolate(flow, scale_factor=0.5, mode="bilinear", align_corners=False) / 2
            warped.append(self.warp(x, flow))
        n = "context_fusion_net"

        def refine(k, x):
            return self.res(f"{n}.res_block{k}_out", self.conv(f"{n}.conv{k}_out", x))

        joined3 = warped[2]
        joined2 = torch.cat([self.res(f"{n}.res_block3_up", self.up(f"{n}.conv3_up", joined3)), warped[1]], 1)
        joined1 = torch.cat([self.res(f"{n}.res_block2_up", self.up(f"{n}.conv2_up", joined2)), warped[0]], 1)
        return [w + refine(k, j) for k, w, j in zip((1, 2, 3), warped, (joined1, joined2, joined3), strict=True)]

    def __call__(self, frame, reference, feature=None):
        """Everything a comparison may want: flow, contexts, frame, feature and bits."""
        flow, bits = self.motion(self.flow(frame, reference))
        c1, c2, c3 = self.contexts(reference, feature, flow)
        y = self.gdn("contextual_encoder.gdn1", self.conv("contextual_encoder.conv1", torch.cat([frame, c1], 1), 2))
        y = self.conv("contextual_encoder.conv2", self.merge("contextual_encoder.res1", y, c2), 2)
        y = self.merge("contextual_encoder.res2", self.gdn("contextual_encoder.gdn2", y), c3)
        y = self.gdn("contextual_encoder.gdn3", self.conv("contextual_encoder.conv3", y, 2))
        y = self.conv("contextual_encoder.conv4", y, 2)
        z = self.hyper("contextual_hyper_prior_encoder", y).round()
        n = "temporal_prior_encoder"
        t = self.gdn(f"{n}.gdn1", self.conv(f"{n}.conv1", c1, 2))
        t = self.gdn(f"{n}.gdn2", self.conv(f"{n}.conv2", torch.cat([t, c2], 1), 2))
        t = self.gdn(f"{n}.gdn3", self.conv(f"{n}.conv3", torch.cat([t, c3], 1), 2))
        p = torch.cat([self.conv(f"{n}.conv4", t, 2), self.parameters("contextual_hyper_prior_decoder", z)], 1)
        for k in (0, 2):
            p = F.leaky_relu(self.conv(f"contextual_entropy_parameter.{k}", p))
        scales, means = self.conv("contextual_entropy_parameter.4", p).chunk(2, 1)
        q = (y - means).round()
        n = "contextual_decoder"
        x = self.gdn(f"{n}.gdn1", self.up(f"{n}.up1", q + means), inverse=True)
        x = self.gdn(f"{n}.gdn2", self.up(f"{n}.up2", x), inverse=True)
        x = self.gdn(f"{n}.gdn3", self.up(f"{n}.up3", self.merge(f"{n}.res1", x, c3)), inverse=True)
        x = self.up(f"{n}.up4", self.merge(f"{n}.res2", x, c2))
        feature = self.conv("recon_generation_net.feature_conv.0", torch.cat([x, c1], 1))
        feature = self.res("recon_generation_net.feature_conv.1", feature)
        feature = self.res("recon_generation_net.feature_conv.2", feature)
        bits |= {"frame_hyper": self.hyper_bits("bit_estimator_z", z), "frame": self.bits(q, scales)}
        recon = self.conv("recon_generation_net.recon_conv", feature)
        return {"flow": flow, "frame": recon, "feature": feature, "bits": bits}
