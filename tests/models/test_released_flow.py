"""The classic flow weights in the forms they are passed around in, good and wrong."""

import struct

import numpy as np
import pytest
import torch

from lvc.errors import UserError
from lvc.importers.released_flow import LAYERS, MEAN, STD, fold_normalisation, read_spynet, swap_colours
from lvc.motion.spynet import SpyNet
from tests.commands import assert_refused, lvc

WIDTHS = (4, 4, 4, 2)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SpyNet(2, WIDTHS)


def layers(network):
    """(level from 1, layer from 1, weight, bias)."""
    for level, net in enumerate(network.levels, 1):
        for layer, module in enumerate(net[::2], 1):
            yield level, layer, module.weight.detach(), module.bias.detach()


def as_npy(network, folder):
    folder.mkdir(exist_ok=True)
    for level, layer, weight, bias in layers(network):
        np.save(folder / f"modelL{level}_F-{layer}-weight.npy", weight.numpy())
        np.save(folder / f"modelL{level}_F-{layer}-bias.npy", bias.numpy())
    return [folder]


class Torch7Writer:
    """Writes what Torch7 would, as far as a network needs it."""

    def __init__(self):
        self.data, self.count = b"", 0

    def number(self, form, *values):
        self.data += struct.pack(form, *values)

    def text(self, text):
        self.number("<i", len(text))
        self.data += text.encode()

    def head(self, kind, name=None):
        self.count += 1
        self.number("<ii", kind, self.count)
        if name:
            self.text("V 1")
            self.text(name)

    def value(self, value):
        if isinstance(value, str):
            self.number("<i", 2)
            self.text(value)
        elif isinstance(value, int | float):
            self.number("<id", 1, value)
        elif isinstance(value, torch.Tensor):
            self.tensor(value)
        elif "class" in value:
            self.head(4, value["class"])
            self.value({k: v for k, v in value.items() if k != "class"})
        else:
            self.head(3)
            self.number("<i", len(value))
            for key, inner in value.items():
                self.value(key)
                self.value(inner)

    def tensor(self, tensor):
        self.head(4, "torch.FloatTensor")
        self.number("<i", tensor.dim())
        self.number(f"<{tensor.dim()}q", *tensor.shape)
        self.number(f"<{tensor.dim()}q", *tensor.stride())
        self.number("<q", 1)
        self.head(4, "torch.FloatStorage")
        self.number("<q", tensor.numel())
        self.data += tensor.contiguous().numpy().astype("<f4").tobytes()


def as_t7(network, folder):
    paths = []
    for level in {level for level, *_ in layers(network)}:
        modules = {}
        for number, layer, weight, bias in layers(network):
            if number == level:
                kind = "cudnn.SpatialConvolution" if layer % 2 else "nn.SpatialConvolution"
                modules[2.0 * layer - 1] = {"class": kind, "weight": weight, "bias": bias, "kW": 7}
                modules[2.0 * layer] = {"class": "nn.ReLU", "threshold": 0}
        writer = Torch7Writer()
        writer.value({"class": "nn.Sequential", "modules": modules, "train": "no"})
        paths.append(folder / f"modelL{level}_F.t7")
        paths[-1].write_bytes(writer.data)
    return paths


def as_pth(network, folder, name="moduleBasic.{level}.moduleBasic.{index}"):
    tensors = {}
    for level, layer, weight, bias in layers(network):
        full = name.format(level=level - 1, index=2 * layer - 2, layer=layer)
        tensors |= {f"{full}.weight": weight, f"{full}.bias": bias}
    torch.save(tensors, folder / "network.pth")
    return [folder / "network.pth"]


FORMS = {
    "npy": as_npy,
    "t7": as_t7,
    "pth": as_pth,
    "pth of DCVC": lambda n, f: as_pth(n, f, "optic_flow.moduleBasic.{level}.conv{layer}"),
    "pth of OpenMMLab": lambda n, f: as_pth(n, f, "basic_module.{level}.basic_module.{layer}.conv"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_tensor_by_tensor(network, tmp_path, form):
    found = read_spynet(FORMS[form](network, tmp_path))
    own = network.state_dict()
    assert found.keys() == own.keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in found.items())


def test_normalisation_moves_into_the_weights(network):
    frame, reference = torch.rand(2, 1, 3, 64, 64)
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    expected = network.levels[0](torch.cat([(frame - mean) / std, (reference - mean) / std, 0 * frame[:, :2]], 1))
    folded = SpyNet(2, WIDTHS)
    folded.load_state_dict(fold_normalisation(network.state_dict()))
    found = folded.levels[0](torch.cat([frame, reference, 0 * frame[:, :2]], 1))
    inner = (..., slice(16, -16), slice(16, -16))  # zero padding stands for another colour
    assert torch.allclose(found[inner], expected[inner], atol=1e-3)


def test_colours_are_put_in_order(network):
    swapped = SpyNet(2, WIDTHS)
    swapped.load_state_dict(swap_colours(network.state_dict()))
    frame, reference = torch.rand(2, 1, 3, 32, 32)
    assert torch.allclose(swapped(frame, reference), network(frame.flip(1), reference.flip(1)), atol=1e-4)


def damaged(network, folder, how):
    if how == "a file missing":
        paths = as_npy(network, folder)
        (folder / "modelL1_F-3-bias.npy").unlink()
    elif how == "a level missing":
        paths = as_t7(SpyNet(3, WIDTHS), folder)
        del paths[1]
    elif how == "transposed":
        paths = as_npy(network, folder)
        np.save(folder / "modelL2_F-1-weight.npy", np.zeros((7, 7, 8, 4), np.float32))
    elif how == "no array":
        paths = as_npy(network, folder)
        (folder / "modelL1_F-1-weight.npy").write_bytes(b"text")
    elif how == "another name":
        paths = [folder / "flow.npy"]
        np.save(paths[0], np.zeros(3))
    elif how == "cut short":
        paths = as_t7(network, folder)
        paths[0].write_bytes(paths[0].read_bytes()[:500])
    elif how == "no torch7":
        paths = [folder / "modelL1_F.t7"]
        paths[0].write_bytes(b"\x09" * 64)
    elif how == "another checkpoint":
        paths = [folder / "other.pth"]
        torch.save({"backbone.weight": torch.zeros(3)}, paths[0])
    else:
        paths = [folder / "nowhere.pth"]
    return paths


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("a file missing", "level 1 has no bias of convolution 3"),
        ("a level missing", "one is missing"),
        ("transposed", "level 2, convolution 1: shapes (7, 7, 8, 4)"),
        ("no array", "modelL1_F-1-weight.npy: no NumPy array"),
        ("another name", "flow.npy: is not named like 'modelL1_F-1-weight.npy'"),
        ("cut short", "modelL1_F.t7: no Torch7 network: has its end too early"),
        ("no torch7", "modelL1_F.t7: no Torch7 network: has an object of type"),
        ("another checkpoint", "other.pth: 'backbone.weight' is no tensor of SpyNet"),
        ("no file", "nowhere.pth: no such file"),
    ],
)
def test_what_is_wrong_is_named(network, tmp_path, how, message):
    with pytest.raises(UserError) as refused:
        read_spynet(damaged(network, tmp_path, how))
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_the_command_imports_and_a_codec_starts_from_it(network, tmp_path):
    from lvc.export import load_export

    as_npy(SpyNet(6, WIDTHS), tmp_path / "npy")
    done = lvc(
        "import", "spynet", "npy", "--out", "flow.safetensors", "--normalised", "no", "--levels", "4", cwd=tmp_path
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == "flow.safetensors: 4 levels with widths 4, 4, 4, 2 imported\n"
    export = load_export(tmp_path / "flow.safetensors", codec_only=False)
    first = np.load(tmp_path / "npy" / "modelL1_F-1-weight.npy")
    assert np.array_equal(export.codec.flow.levels[0][0].weight.numpy(), first)
    assert export.info["provenance"]["imported_from"] == ["npy"] and LAYERS == 5
    assert_refused(lvc("import", "spynet", "npy", cwd=tmp_path), "npy: give FILE and then OUT")
    seven = lvc("import", "spynet", "npy", "--out", "no.safetensors", "--levels", "7", cwd=tmp_path)
    assert_refused(seven, "--levels: 7, and there are 6")
    wanted = lvc("encode", "a.mkv", "b.lvc", "--model", "flow.safetensors", cwd=tmp_path)
    assert wanted.code == 2 and wanted.err.count("\n") == 1
