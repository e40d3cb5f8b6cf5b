"""Range coding of one 1080p latent (96 x 68 x 120) under its own scales, against CompressAI's GaussianConditional."""

import torch
from common import arguments, interleaved, report

from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import Read, Write


def main() -> None:
    options = arguments(__doc__).parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    from compressai.entropy_models import GaussianConditional
    from compressai.models.google import get_scale_table

    torch.manual_seed(0)
    shape = (1, 96, 68, 120)
    scales, means = torch.exp(torch.randn(shape) * 1.5 - 1.5), torch.randn(shape)
    latent = means + torch.randn(shape) * scales

    law = ScaleLaw("gaussian").eval()
    prior = law(scales, means)
    theirs = GaussianConditional(None)
    theirs.update_scale_table(get_scale_table())
    payload: dict[str, bytes] = {}

    def encode():
        stream = Write()
        stream.code("y", latent, prior)
        payload["lvc"] = stream.payload()

    def encode_theirs():
        payload["compressai"] = theirs.compress(latent, theirs.build_indexes(scales), means)[0]

    encode(), encode_theirs()
    cases = {
        "lvc encode": encode,
        "compressai encode": encode_theirs,
        "lvc decode": lambda: Read(payload["lvc"]).code("y", None, prior),
        "compressai decode": lambda: theirs.decompress(
            [payload["compressai"]], theirs.build_indexes(scales), torch.float, means
        ),
    }
    rows = interleaved(cases, options.repeats)
    for name, row in rows.items():
        row["million_symbols_per_second"] = latent.numel() / row["seconds"] / 1e6
        row["bytes"] = len(payload[name.split()[0]])
    ratios = {
        f"{side}: times faster": rows[f"compressai {side}"]["seconds"] / rows[f"lvc {side}"]["seconds"]
        for side in ("encode", "decode")
    }
    report("range_coding", rows, ratios, options)


if __name__ == "__main__":
    main()
