import pytest
import torch
from compressai.models import JointAutoregressiveHierarchicalPriors
from torch.nn import functional as F

from lvc.entropy.autoregressive import code_autoregressive
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import Estimate, SymbolStream

CHANNELS, HEIGHT, WIDTH = 6, 5, 7


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    theirs = JointAutoregressiveHierarchicalPriors(N=4, M=CHANNELS).eval()
    with torch.no_grad():
        theirs.entropy_parameters[-1].bias[:CHANNELS] = 2
        theirs.context_prediction.weight.mul_(3)
    return theirs.context_prediction, theirs.entropy_parameters


def material():
    torch.manual_seed(1)
    return 4 * torch.randn(1, CHANNELS, HEIGHT, WIDTH), torch.randn(1, 2 * CHANNELS, HEIGHT, WIDTH)


def test_decoded_values_are_those_of_coding_in_raster_order(networks):
    """Minnen et al., Sec. 2: each position's scales and means follow from what is decoded before it."""
    context, parameters = networks
    y, prior = material()
    padded = torch.zeros(1, CHANNELS, HEIGHT + 4, WIDTH + 4)
    with torch.no_grad():
        for row in range(HEIGHT):
            for column in range(WIDTH):
                known = F.conv2d(padded[..., row : row + 5, column : column + 5], context.weight * context.mask)
                known = known + context.bias[:, None, None]
                own = prior[..., row : row + 1, column : column + 1]
                mean = parameters(torch.cat([own, known], 1))[:, CHANNELS:, 0, 0]
                padded[:, :, row + 2, column + 2] = (y[:, :, row, column] - mean).round() + mean
        decoded, _ = code_autoregressive("y", y, prior, context, parameters, ScaleLaw("gaussian"), Estimate(False))
    assert torch.allclose(decoded, padded[:, :, 2:-2, 2:-2], atol=1e-4)


def test_training_takes_one_evaluation(networks):
    class Counting(Estimate):
        calls = 0

        def code(self, name, y, prior):
            self.calls += 1
            return super().code(name, y, prior)

    y, prior = material()
    for training, calls in ((True, 1), (False, WIDTH + 3 * (HEIGHT - 1))):
        stream = Counting(training=training)
        code_autoregressive("y", y.requires_grad_(training), prior, *networks, ScaleLaw("gaussian"), stream)
        assert stream.calls == calls
        y = y.detach()


def test_streams_that_code_do_not_train():
    assert not SymbolStream.training
    assert Estimate(training=True).training and not Estimate(training=False).training
