"""Inception-v3 as FID uses it: TensorFlow's of 2015-12-05, with its two oddities kept.

Szegedy et al. (2016); Heusel et al. (2017). Parameters bear the names of the published PyTorch conversion, whose file
loads as it is. Against the network in torchvision: average pooling does not count the padding, and the last block pools
by maximum.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

Kernel = int | tuple[int, int]
Step = tuple[str, int, Kernel]
"""Name of the layer, channels that it gives, kernel."""
Pool = Literal["average", "maximum", "halving"]


class Unit(nn.Module):
    """Convolution, batch normalisation (ε 0.001), ReLU."""

    def __init__(self, channels: int, wanted: int, kernel: Kernel, stride: int = 1, same: bool = False) -> None:
        super().__init__()
        tall, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (tall // 2, wide // 2) if same else 0
        self.conv = nn.Conv2d(channels, wanted, (tall, wide), stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(wanted, eps=0.001)

    def forward(self, pictures: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(pictures)), inplace=True)

    def fuse(self) -> None:
        """Normalisation into the weights of the convolution: the same sums in fewer passes."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.bn)
            self.bn = nn.Identity()


class Mixed(nn.Module):
    """Branches side by side, and one that pools. A pair of layers named …a and …b are both fed by the one before."""

    def __init__(self, channels: int, branches: list[list[Step]], pool: Pool, pooled: int = 0) -> None:
        super().__init__()
        self.pool, self.branches = pool, branches
        for branch in branches:
            given = channels
            for place, (name, wanted, kernel) in enumerate(branch):
                last = pool == "halving" and place == len(branch) - 1
                self.add_module(name, Unit(given, wanted, kernel, 2 if last else 1, same=not last))
                given = given if name.endswith("a") else wanted
        self.branch_pool = Unit(channels, pooled, 1) if pooled else nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        found = []
        for branch in self.branches:
            here = pictures
            for name, _, _ in branch:
                given = self.get_submodule(name)(here)
                if name.endswith(("a", "b")):
                    found.append(given)
                else:
                    here = given
            if not branch[-1][0].endswith("b"):
                found.append(here)
        if self.pool == "average":
            rest = F.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
        elif self.pool == "maximum":
            rest = F.max_pool2d(pictures, 3, 1, 1)
        else:
            rest = F.max_pool2d(pictures, 3, 2)
        return torch.cat([*found, self.branch_pool(rest)], 1)


def _a(channels: int, pooled: int) -> Mixed:
    double: list[Step] = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return Mixed(
        channels,
        [[("branch1x1", 64, 1)], [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)], double],
        "average",
        pooled,
    )


def _b(channels: int) -> Mixed:
    double: list[Step] = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return Mixed(channels, [[("branch3x3", 384, 3)], double], "halving")


def _c(width: int) -> Mixed:
    single: list[Step] = [("branch7x7_1", width, 1), ("branch7x7_2", width, (1, 7)), ("branch7x7_3", 192, (7, 1))]
    double: list[Step] = [
        ("branch7x7dbl_1", width, 1),
        ("branch7x7dbl_2", width, (7, 1)),
        ("branch7x7dbl_3", width, (1, 7)),
        ("branch7x7dbl_4", width, (7, 1)),
        ("branch7x7dbl_5", 192, (1, 7)),
    ]
    return Mixed(768, [[("branch1x1", 192, 1)], single, double], "average", 192)


def _d(channels: int) -> Mixed:
    long: list[Step] = [("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1))]
    return Mixed(
        channels, [[("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3)], [*long, ("branch7x7x3_4", 192, 3)]], "halving"
    )


def _e(channels: int, pool: Pool) -> Mixed:
    single: list[Step] = [("branch3x3_1", 384, 1), ("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1))]
    double: list[Step] = [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3)]
    forks: list[Step] = [("branch3x3dbl_3a", 384, (1, 3)), ("branch3x3dbl_3b", 384, (3, 1))]
    return Mixed(channels, [[("branch1x1", 320, 1)], single, [*double, *forks]], pool, 192)


class Inception(nn.Module):
    """Pictures (N, 3, 299, 299), scaled to about −1..1, → (N, 2048): the last pooling layer, "pool3"."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, same=True)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _a(192, 32), _a(256, 64), _a(288, 64)
        self.Mixed_6a = _b(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = _c(128), _c(160), _c(160), _c(192)
        self.Mixed_7a = _d(768)
        self.Mixed_7b, self.Mixed_7c = _e(1280, "average"), _e(2048, "maximum")
        self.fc = nn.Linear(2048, 1008)

    def forward(self, pictures: Tensor) -> Tensor:
        for layer in (self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3):
            pictures = layer(pictures)
        pictures = F.max_pool2d(pictures, 3, 2)
        pictures = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(pictures)), 3, 2)
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                pictures = block(pictures)
        return pictures.mean((2, 3))

    def logits(self, pooled: Tensor) -> Tensor:
        """Of rows (N, 2048): (N, 1008) without the bias, as the Inception Score has them (Salimans et al., 2016)."""
        return pooled @ self.fc.weight.T

    def ready(self) -> Inception:
        """For use and not for training: normalisation folded in, memory laid out for convolutions."""
        for module in self.eval().requires_grad_(False).modules():
            if isinstance(module, Unit):
                module.fuse()
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class PooledAndLogits(nn.Module):
    """Pictures → (N, 3056): 2048 of pool3, then 1008 logits without bias."""

    def __init__(self, inception: Inception) -> None:
        super().__init__()
        self.inception = inception.ready()

    def forward(self, pictures: Tensor) -> Tensor:
        pooled = self.inception(pictures.contiguous(memory_format=torch.channels_last))
        return torch.cat([pooled, self.inception.logits(pooled)], 1)


def load(files: Mapping[str, Path]) -> PooledAndLogits:
    """The published weights, from the file that find() found."""
    (path,) = files.values()
    inception = Inception()
    inception.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return PooledAndLogits(inception)
