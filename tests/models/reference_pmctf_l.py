"""The released pMCTF-L, written a second time: plain functions over the released names, for one group of frames.

Nothing here comes from `lvc`: it is the yardstick of the import test. Probabilities are bounded as the released code
does it (``official``), or as `lvc` does.
"""

import torch
from torch.nn import functional as F

from tests.models.reference_tcm import Released

SCALES = 0.869864451624781, 1.149604398860241  # of high and low samples
QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))
ORDER = ((0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 0, 3, 2))  # quarters of the four groups, step by step


class ReleasedMCTF(Released):
    """``weights`` under the released names, ``q`` the quality index of 21, ``official`` the released rating."""

    def __init__(self, weights, q, official=False):
        super().__init__(weights)
        self.q, self.official = q, official

    def factor(self, name):
        low, high = self.w[name].flatten().log()
        return torch.exp(low + self.q / 20 * (high - low))

    # blocks

    def residual(self, name, x, slope=0.2):
        return x + self.conv(f"{name}.conv2", F.leaky_relu(self.conv(f"{name}.conv1", x), slope))

    def tanh_net(self, name, x):
        first = self.conv(f"{name}.conv1", x)
        t = torch.tanh(self.conv(f"{name}.conv2", torch.tanh(first)))
        return self.conv(f"{name}.conv4", first + self.conv(f"{name}.conv3", t))

    def depthwise(self, name, x):
        y = F.leaky_relu(self.conv(f"{name}.conv1.0", x), 0.01)
        weight = self.w[f"{name}.depth_conv.weight"]
        y = F.conv2d(y, weight, self.w[f"{name}.depth_conv.bias"], padding=1, groups=len(weight))
        return self.conv(f"{name}.conv2", y)

    def depth_block(self, name, x):
        inner = f"{name}.block.0"
        x = self.depthwise(inner, x) + (self.conv(f"{inner}.adaptor", x) if f"{inner}.adaptor.bias" in self.w else x)
        name = f"{name}.block.1"
        if f"{name}.conv_out.bias" in self.w:  # the kind with two halves
            a, b = self.conv(f"{name}.conv", x).chunk(2, 1)
            return x + self.conv(f"{name}.conv_out", F.leaky_relu(a, 0.1) + F.leaky_relu(b, 0.01))
        y = F.leaky_relu(self.conv(f"{name}.conv.0", x), 0.1)
        return x + F.leaky_relu(self.conv(f"{name}.conv.2", y), 0.1)

    def down(self, name, x):
        y = F.leaky_relu(self.conv(f"{name}.conv1", x, 2), 0.01)
        y = F.leaky_relu(self.conv(f"{name}.conv2", y), 0.1)
        return y + self.conv(f"{name}.downsample", x, 2)

    def shuffle(self, name, x):
        return F.pixel_shuffle(self.conv(name, x), 2)

    def enlarge(self, name, x):
        y = F.leaky_relu(self.shuffle(f"{name}.subpel_conv.0", x), 0.01)
        return F.leaky_relu(self.conv(f"{name}.conv", y), 0.1) + self.shuffle(f"{name}.upsample.0", x)

    # pWave++

    def lift_step(self, name, number, x):
        skip, net = f"{name}.conv_{number}", f"{name}.{number[0]}_{number[1]}"
        x = F.conv2d(F.pad(x, (0, 0, 1, 1), mode="reflect"), self.w[f"{skip}.weight"], self.w[f"{skip}.bias"])
        return x + 0.1 * 256 * self.tanh_net(net, x / 256)

    def lift(self, coder, x):
        name, (high, low) = f"{coder}.wavelet_transform.lift_h", SCALES
        e, o = x[:, :, 0::2], x[:, :, 1::2]
        for p, u in (("P1", "U1"), ("P2", "U2")):
            o = o + self.lift_step(name, p, e)
            e = e + self.lift_step(name, u, o)
        return e * low, o * high

    def unlift(self, coder, e, o):
        name, (high, low) = f"{coder}.wavelet_transform.lift_h", SCALES
        e, o = e / low, o / high
        for p, u in (("P2", "U2"), ("P1", "U1")):
            e = e - self.lift_step(name, u, o)
            o = o - self.lift_step(name, p, e)
        x = e.new_zeros(len(e), 1, 2 * e.shape[2], e.shape[3])
        x[:, :, 0::2], x[:, :, 1::2] = e, o
        return x

    def analyse(self, coder, x):
        low, high = self.lift(coder, x)
        (ll, lh), (hl, hh) = ((p.transpose(2, 3) for p in self.lift(coder, x.transpose(2, 3))) for x in (low, high))
        return ll, {"lh": lh, "hl": hl, "hh": hh}

    def synthesise(self, coder, ll, bands):
        pairs = ((ll, bands["lh"]), (bands["hl"], bands["hh"]))
        rows = (self.unlift(coder, a.transpose(2, 3), b.transpose(2, 3)).transpose(2, 3) for a, b in pairs)
        return self.unlift(coder, *rows)

    def masked(self, name, x, centre):
        mask = torch.tensor([1.0, 1, 1, 1, float(centre), 0, 0, 0, 0]).view(3, 3)
        return F.conv2d(x, self.w[f"{name}.weight"] * mask, self.w[f"{name}.bias"], padding=1)

    def ll_bits(self, coder, ll):
        name = f"{coder}.context_fusion.3.ll"
        first = x = self.masked(f"{name}.maskedConv1", ll, False)
        for n in range(2):
            y = F.leaky_relu(self.masked(f"{name}.residualBlocks.{n}.conv1", x, True), 0.2)
            x = x + self.masked(f"{name}.residualBlocks.{n}.conv2", y, True)
        x = self.masked(f"{name}.maskedConv2", x + first, True)
        for n in range(3):
            x = self.conv(f"{name}.convs.{n}", F.leaky_relu(x, 0.2))
        scale, mean = x.chunk(2, 1)
        return self.laplace_bits(ll - mean if self.official else (ll - mean).round(), scale)

    def laplace_bits(self, x, scale):
        law = torch.distributions.Laplace(0.0, scale.double().clamp(min=1e-5 if self.official else 0.01))
        x = -x.abs().double()
        return self.bits(law.cdf(x + 0.5) - law.cdf(x - 0.5))

    def bits(self, probability):
        if self.official:
            return (-(probability + 1e-5).log2()).clamp(min=0).sum()
        return -probability.clamp(min=1e-9).log2().sum()

    def cells(self, coder, x, states):
        after = []
        for n, (h, c) in enumerate(states, 1):
            name = f"{coder}.context_prediction.LSTM{n}"
            a = self.conv(f"{name}.conv_in", x) + self.conv(f"{name}.conv_hidden", h)
            c = torch.sigmoid(a) * c + torch.sigmoid(a) * torch.tanh(a)
            x = torch.sigmoid(a) * torch.tanh(c)
            after.append((x, c))
        return after

    def four_step(self, name, y, context, lower):
        known = [context]
        if lower is not None:
            known.append(self.conv(f"{name}.lower_level_subband.1", F.interpolate(lower, scale_factor=2.0)))
        known = self.conv(f"{name}.conv1_context", torch.cat(known, 1))
        for n in range(2):
            known = self.residual(f"{name}.y_hierarchical_prior_enc.{n}", known)
        decoded, bits = torch.zeros_like(y), 0
        for step, (row, column) in enumerate(QUARTERS):
            if step == 0:
                parameters = self.depth_block(f"{name}.y_hierarchical_prior_out", known)
            else:
                before = f"{name}.y_spatial_prior_{step}"
                x = known + self.residual(f"{before}.1", self.conv(f"{before}.0", decoded))
                for n in range(2):
                    x = self.residual(f"{before}_out.{n}", x)
                parameters = self.conv(f"{before}_out.2", x)
            scale, mean = parameters.chunk(2, 1)
            mask = torch.zeros_like(y)
            mask[:, :, row::2, column::2] = 1
            symbols = ((y - mean) * mask).round()
            decoded = decoded + symbols + mean * mask
            at = mask.bool()
            bits = bits + self.laplace_bits(symbols[at], scale[at])
        return decoded, bits

    def code_plane(self, coder, x, scale=1.0):
        """``(N, 1, H, W)`` planes, decoded, and their bits by orientation."""
        bands = []
        for _ in range(4):
            x, details = self.analyse(coder, x)
            bands.append(details)
        low_step, step = (self.factor(f"{coder}.{name}") * scale for name in ("QP_ll", "QP"))
        ll = (x * low_step).round()
        bits = {"ll": self.ll_bits(coder, ll), "lh": 0, "hl": 0, "hh": 0}
        widths = [len(self.w[f"{coder}.context_prediction.LSTM{n}.conv_in.bias"]) for n in (1, 2, 3)]
        states = [(ll.new_zeros(len(ll), n, *ll.shape[2:]),) * 2 for n in widths]
        states, decoded = self.cells(coder, ll, states), {}
        for level in (3, 2, 1, 0):
            for channel, name in enumerate(("lh", "hl", "hh")):
                context = states[2][0][:, channel : channel + 1]
                below = decoded.get((level + 1, name))
                fusion = f"{coder}.context_fusion.{level}.{name}"
                decoded[level, name], spent = self.four_step(fusion, bands[level][name] * step, context, below)
                bits[name] = bits[name] + spent
                states = self.cells(coder, decoded[level, name], states)
            if level:  # transitions are numbered by the level that they lead to
                prefix = f"{coder}.context_prediction.deconv"
                states = [
                    tuple(
                        self.conv(f"{prefix}_{kind}{n}.{level - 1}.conv", F.interpolate(s, scale_factor=2.0))
                        for kind, s in zip("hc", state, strict=True)
                    )
                    for n, state in enumerate(states, 1)
                ]
        x = ll / low_step
        for level in (3, 2, 1, 0):
            x = self.synthesise(coder, x, {name: decoded[level, name] / step for name in ("lh", "hl", "hh")})
        return self.post(f"{coder}.dequantModule", x / 256) * 256, bits

    def post(self, name, x):
        first = y = self.conv(f"{name}.conv1", x)
        for n in range(6):
            y = self.residual(f"{name}.resBlocks.{n}", y)
        return x + self.conv(f"{name}.conv3", self.conv(f"{name}.conv2", y) + first)

    # motion

    def flow(self, current, reference):
        pyramid = [(current, reference)]
        for _ in range(5):
            pyramid.append(tuple(F.avg_pool2d(p, 2) for p in pyramid[-1]))
        flow = torch.zeros_like(pyramid[-1][0][:, :2])
        for level, (target, source) in enumerate(reversed(pyramid)):
            if level:
                flow = F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False) * 2
            x = torch.cat([target, self.warp(source, flow), flow], 1)
            for k in range(1, 6):
                x = self.conv(f"optic_flow.moduleBasic.{level}.conv{k}", x)
                x = F.relu(x) if k < 5 else x
            flow = flow + x
        return flow

    def code_motion(self, level, flow, memory):
        """Decoded flow, bits of hyper latent and latent, and feature and latent for the next pair."""
        name = f"mv_encoder.{level}"
        x = self.depth_block(f"{name}.enc_1.1", self.down(f"{name}.enc_1.0", flow))
        x = self.down(f"{name}.enc_2", x * self.factor(f"mv_y_q_scale_enc.{level}"))
        kind, x = (0, x) if memory is None else (1, torch.cat([x, memory[0]], 1))
        x = self.depth_block(f"{name}.adaptor_{kind}", x)
        x = self.depth_block(f"{name}.enc_3.1", self.down(f"{name}.enc_3.0", x))
        y = self.conv(f"{name}.enc_3.2", x, 2)

        name = f"mv_hyper_prior_encoder.{level}"
        z = self.conv(f"{name}.1", self.depth_block(f"{name}.0", y), 2)
        z = self.conv(f"{name}.3", F.leaky_relu(z, 0.01), 2).round()
        name = f"mv_hyper_prior_decoder.{level}"
        prior = self.enlarge(f"{name}.1", self.enlarge(f"{name}.0", z))
        prior = self.depth_block(f"{name}.2", prior)
        prior = prior if memory is None else torch.cat([prior, memory[1]], 1)
        common = self.depth_block(f"mv_y_prior_fusion_adaptor_{kind}.{level}", prior)
        for n in range(2):
            common = self.depth_block(f"mv_y_prior_fusion.{level}.{n}", common)
        latent, bits = self.code_latent(level, y, common)

        name = f"mv_decoder.{level}"
        x = self.enlarge(f"{name}.dec_1.1", self.depth_block(f"{name}.dec_1.0", latent))
        x = self.enlarge(f"{name}.dec_1.3", self.depth_block(f"{name}.dec_1.2", x))
        feature = self.depth_block(f"{name}.dec_1.4", x)
        x = self.enlarge(f"{name}.dec_2", feature) * self.factor(f"mv_y_q_scale_dec.{level}")
        flow = self.shuffle(f"{name}.dec_3.1.0", self.depth_block(f"{name}.dec_3.0", x))
        return flow, (self.density_bits(f"mv_bit_est.{level}", z), bits), (feature, latent)

    def code_latent(self, level, y, common):
        step, scale, mean = common.chunk(3, 1)
        step = step.clamp(min=0.5)
        y, decoded, bits = y / step, torch.zeros_like(y), 0
        for number, order in enumerate(ORDER):
            if number:
                x = self.conv(f"mv_y_spatial_prior_adaptor_{number}.{level}", torch.cat([decoded, common], 1))
                for n in range(3):
                    x = self.depth_block(f"mv_y_spatial_prior.{level}.{n}", x)
                scale, mean = x.chunk(2, 1)
            mask = torch.zeros_like(y)
            for group, quarter in zip(mask.chunk(4, 1), order, strict=True):
                row, column = QUARTERS[quarter]
                group[:, :, row::2, column::2] = 1
            symbols = ((y - mean) * mask).round()
            decoded = decoded + symbols + mean * mask
            bits = bits + self.laplace_bits(symbols[mask.bool()], scale[mask.bool()])
        return decoded * step, bits

    def density_bits(self, name, z):
        def cdf(x):
            for n in range(1, 5):
                x = x * F.softplus(self.w[f"{name}.f{n}.h"]) + self.w[f"{name}.f{n}.b"]
                x = x + torch.tanh(x) * torch.tanh(self.w[f"{name}.f{n}.a"]) if n < 4 else x
            return torch.sigmoid(x.double())

        return self.bits(cdf(z + 0.5) - cdf(z - 0.5))

    # temporal transform; a frame is a list of planes: luma, and two of chroma as a batch at half the size

    def moved(self, planes, flow, level, kind, gain):
        out = []
        for n, x in enumerate(planes):
            own = F.interpolate(flow, scale_factor=0.5, mode="bilinear", align_corners=False) / 2 if n else flow
            x = self.warp(x, own.expand(len(x), -1, -1, -1))
            out.append(gain * (x + 0.1 * self.tanh_net(f"temporal_filtering.{level}.{kind}_t", x)))
        return out

    def predicted(self, planes, flow, level):
        return self.moved(planes, flow, level, "P", 0.5**0.5)

    def updates(self, planes, flow, level):
        return self.moved(planes, -flow, level, "U", 0.5)

    def __call__(self, frames):
        """Frames of a group, decoded, and per frame the bits of its streams."""
        frames, bits, flows = [list(f) for f in frames], [{} for _ in frames], {}
        levels = len(frames).bit_length() - 1
        for level in range(levels):
            memory = None
            for at in range(2**level, len(frames), 2 ** (level + 1)):
                band, low = frames[at], frames[at - 2**level]
                flow = self.flow(*(p[0].expand(-1, 3, -1, -1) / 255 for p in (band, low)))
                flow, (hyper, latent), memory = self.code_motion(level, flow, memory)
                flows[at], bits[at] = flow, {"motion_hyper": hyper, "motion": latent}
                band[:] = [x - p for x, p in zip(band, self.predicted(low, flow, level), strict=True)]
                low[:] = [x + u for x, u in zip(low, self.updates(band, flow, level), strict=True)]
        for at, planes in enumerate(frames):
            coder, scale = ("hp_coder", self.factor(f"hp_q_scale.{level_of(at)}")) if at else ("lp_coder", 1.0)
            coded = [self.code_plane(coder, x, scale) for x in planes]
            frames[at], spent = [x for x, _ in coded], sum(sum(b.values()) for _, b in coded)
            bits[at]["highpass" if at else "lowpass"] = spent
        for level in reversed(range(levels)):
            for at in range(2**level, len(frames), 2 ** (level + 1)):
                band, low, flow = frames[at], frames[at - 2**level], flows[at]
                low[:] = [x - u for x, u in zip(low, self.updates(band, flow, level), strict=True)]
                band[:] = [x + p for x, p in zip(band, self.predicted(low, flow, level), strict=True)]
        return frames, bits, flows


def level_of(at):
    """Temporal level of a high-pass frame's place."""
    return (at & -at).bit_length() - 1
