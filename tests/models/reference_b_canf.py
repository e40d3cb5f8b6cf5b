"""The released B-CANF B-frame network, written a second time: plain functions over the released names.

Nothing here comes from `lvc`: it is the yardstick of the import test.
"""

import torch
from torch.nn import functional as F

from tests.models.reference_tcm import Released

TYPES = {"b": [1.0, 0.0, 0.0], "B": [0.0, 1.0, 0.0], "P": [0.0, 0.0, 1.0]}


class ReleasedB(Released):
    """``weights`` under the released names; calling it codes one frame with rounding."""

    def layer(self, name, x, kind, stride=1, transposed=False):
        """A convolution, with frame-type adaptation where the release has it."""
        adapted = f"{name}.m.weight" in self.w
        weight, bias = (self.w[f"{name}.m.{p}" if adapted else f"{name}.{p}"] for p in ("weight", "bias"))
        half = weight.shape[-1] // 2
        if transposed:
            x = F.conv_transpose2d(x, weight, bias, stride, half, stride - 1)
        else:
            x = F.conv2d(x, weight, bias, stride, half)
        if not adapted:
            return x
        hidden = torch.sigmoid(
            torch.tensor([TYPES[kind]]) @ self.w[f"{name}.affine.0.weight"].T + self.w[f"{name}.affine.0.bias"]
        )
        scale, offset = (hidden @ self.w[f"{name}.affine.2.weight"].T).view(1, -1, 1, 1).chunk(2, 1)
        return F.softplus(scale) * x + offset

    def norm(self, name, x, inverse=False):
        gamma, beta = (self.w[f"{name}.{p}"].clamp(min=2.0**-18) ** 2 - 2.0**-36 for p in ("weight", "bias"))
        pool = (torch.einsum("ij,bjhw->bihw", gamma, x**2) + beta.view(1, -1, 1, 1) + 1e-5).sqrt()
        return x * pool if inverse else x / pool

    def transform(self, name, x, kind, up=False):
        for index in (0, 2, 4, 6):
            x = self.layer(f"{name}.{index}", x, kind, 2, transposed=up)
            x = self.norm(f"{name}.{index + 1}", x, inverse=up) if index < 6 else x
        return x

    def hyper(self, name, x, kind, strides, up=False):
        for index, stride in zip((0, 2, 4), strides, strict=True):
            x = self.layer(f"{name}.{index}", x, kind, stride, transposed=up)
            x = F.relu(x) if index < 4 else x
        return x

    def fusion(self, name, x, kind):
        for index in (0, 2, 4):
            x = self.layer(f"{name}.{index}", x, kind)
            x = F.leaky_relu(x, 0.01) if index < 4 else x
        return x

    def enhance(self, name, x, kind):
        first = y = self.layer(f"{name}.conv1", x, kind)
        for index in range(6):
            z = F.leaky_relu(self.layer(f"{name}.resblock.{index}.0", y, kind), 0.2)
            y = y + self.layer(f"{name}.resblock.{index}.2", z, kind)
        return x + self.layer(f"{name}.conv3", self.layer(f"{name}.conv2", y, kind) + first, kind)

    def codec(self, name, x, condition, kind):
        def joined(a):
            return torch.cat([a, condition], 1)

        z1 = self.transform(f"{name}.analysis0", joined(x), kind)
        x1 = x - self.transform(f"{name}.synthesis0", z1, kind, up=True)
        z2 = z1 + self.transform(f"{name}.analysis1", joined(x1), kind)
        median = self.w[f"{name}.entropy_bottleneck.quantiles"][1].view(1, -1, 1, 1)
        h = (self.hyper(f"{name}.hyper_analysis", z2, kind, (1, 2, 2)) - median).round() + median
        prior = self.hyper(f"{name}.hyper_synthesis", h, kind, (2, 2, 1), up=True)
        prior = torch.cat([prior, self.transform(f"{name}.pred_prior", condition, kind)], 1)
        mean, scale = self.fusion(f"{name}.PA", prior, kind).chunk(2, 1)
        latent = (z2 - mean).round() + mean
        bits = self.gaussian_bits(latent - mean, scale.clamp(min=0.11)), self.factorised_bits(name, h)
        x1 = condition + self.transform(f"{name}.synthesis1", latent, kind, up=True)
        z1 = latent - self.transform(f"{name}.analysis1", joined(x1), kind)
        return self.enhance(f"{name}.QE", x1 + self.transform(f"{name}.synthesis0", z1, kind, up=True), kind), bits

    def gaussian_bits(self, x, scale):
        normal = torch.distributions.Normal(0.0, scale.double())
        x = -x.abs().double()
        return -(normal.cdf(x + 0.5) - normal.cdf(x - 0.5)).clamp(min=1e-9).log2().sum()

    def factorised_bits(self, name, h):
        def logits(x):
            for index in range(4):
                cell = f"{name}.entropy_bottleneck.factorizer.l{index}"
                x = F.softplus(self.w[f"{cell}.weight"]) @ x + self.w[f"{cell}.bias"]
                if index < 3:
                    x = x + torch.tanh(self.w[f"{cell}._factor"]) * torch.tanh(x)
            return x

        x = h.transpose(0, 1).reshape(h.shape[1], 1, -1)
        return -(torch.sigmoid(logits(x + 0.5)) - torch.sigmoid(logits(x - 0.5))).clamp(min=1e-9).log2().sum()

    def flow(self, frame, reference):
        mean = torch.tensor([0.406, 0.456, 0.485]).view(1, 3, 1, 1)
        deviation = torch.tensor([0.225, 0.224, 0.229]).view(1, 3, 1, 1)
        pyramid = [((frame - mean) / deviation, (reference - mean) / deviation)]
        for _ in range(5):
            pyramid.append(tuple(F.avg_pool2d(p, 2) for p in pyramid[-1]))
        flow = torch.zeros_like(pyramid[-1][0][:, :2])
        for level, (target, source) in enumerate(reversed(pyramid)):
            if level:
                flow = F.interpolate(flow, target.shape[-2:], mode="bilinear", align_corners=False) * 2
            x = torch.cat([target, self.warp(source, flow), flow], 1)
            for index in (0, 2, 4, 6, 8):
                x = self.conv(f"MENet.network.Blocks.{level}.{index}", x)
                x = F.relu(x) if index < 8 else x
            flow = flow + x
        return flow

    def predict(self, first, second):
        flow = None
        for number, scale in enumerate((4, 2, 1)):
            x = torch.cat([first, second], 1)
            if number:
                x = torch.cat([x, self.warp(first, flow[:, :2]), self.warp(second, flow[:, 2:])], 1)
                x = torch.cat([self.resize(x, 1 / scale), self.resize(flow, 1 / scale) / scale], 1)
            else:
                x = self.resize(x, 1 / scale)
            name = f"MPNet.network.blocks.{number}.layers"
            for block, stride in (("0", 2), ("1", 2)):
                x = F.prelu(self.conv(f"{name}.{block}.0", x, stride), self.w[f"{name}.{block}.1.weight"])
            skip = x
            for index in range(8):
                x = F.prelu(self.conv(f"{name}.2.{index}.0", x), self.w[f"{name}.2.{index}.1.weight"])
            x = F.conv_transpose2d(x + skip, self.w[f"{name}.3.weight"], self.w[f"{name}.3.bias"], 2, 1)
            step = F.interpolate(x, first.shape[-2:], mode="bilinear", align_corners=False) * 2 * scale
            flow = step if flow is None else flow + step
        return flow[:, :2], flow[:, 2:]

    def resize(self, x, factor):
        return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)

    def cell(self, name, x, stride=1, first=0):
        for index, step in ((first, stride), (first + 2, 1)):
            x = self.conv(f"{name}.{index + 1}", F.prelu(x, self.w[f"{name}.{index}.weight"]), step)
        return x

    def synthesise(self, first, second, flows):
        net = "FSNet.network"
        inputs = [[self.warp(first, flows[0])], [self.warp(second, flows[1])]]
        for found, x, flow in zip(inputs, (first, second), flows, strict=True):
            for level in range(3):
                name = f"{net}.backbone.backbone.{level}"
                for index, stride in ((0, 2 if level else 1), (2, 1)):
                    x = F.prelu(self.conv(f"{name}.{index}", x, stride), self.w[f"{name}.{index + 1}.weight"])
                found.append(self.warp(x, self.resize(flow, 0.5**level) * 0.5**level))
        heads = [self.cell(f"{net}.synth.heads.{i}", torch.cat(x, 1)) for i, x in enumerate(zip(*inputs, strict=True))]
        rows = [heads[0] + heads[1]]
        for level in (1, 2):
            rows.append(heads[level + 1] + self.cell(f"{net}.synth.downs.{level}", rows[-1], 2))
        for column in range(5):
            name = f"{net}.synth.columns.{column}"
            out = []
            for index, x in enumerate(rows if column < 2 else rows[::-1]):
                x = self.cell(f"{name}.resblocks.{index}", x)
                if index and column < 2:
                    x = x + self.cell(f"{name}.bridge.{index - 1}", out[-1], 2)
                elif index:
                    x = x + self.cell(f"{name}.bridge.{index - 1}", self.resize(out[-1], 2), first=1)
                out.append(x)
            rows = out if column < 2 else out[::-1]
        return self.cell(f"{net}.synth.tail", rows[0])

    def __call__(self, kind, frame, first, second):
        flows = [self.flow(frame, first), self.flow(frame, second)]
        predicted = self.predict(first, second)
        if kind == "P":
            flows[1], predicted = -flows[0], [torch.zeros_like(flows[0])] * 2
        target, condition = (torch.cat([f[0], -f[1]], 1) for f in (flows, predicted))
        motion, motion_bits = self.codec("MotionCodec.network", target, condition, kind)
        flows = motion[:, :2], motion[:, 2:] if kind == "P" else -motion[:, 2:]
        prediction = self.synthesise(first, second, flows)
        decoded, bits = self.codec("ResidualCodec.network", frame, prediction.clamp(0, 1), kind)
        names = ("motion", "motion_hyper", "frame", "frame_hyper")
        return {
            "flow": flows[0],
            "prediction": prediction,
            "frame": decoded,
            "bits": dict(zip(names, (*motion_bits, *bits), strict=True)),
        }
