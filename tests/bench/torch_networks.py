"""The networks of Harmonia's systems in PyTorch, as users of PyTorch write them:
for timing beside the program, not for results."""
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm


def make_norm(kind, channels):
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=False)


class UnetLevel(nn.Module):
    """One level of the attention U-Net; `inner` is the next, None innermost."""

    def __init__(self, outer, inner_channels, inner, norm, gate, dropout):
        super().__init__()
        bias = norm == "instance"
        self.inner = inner
        self.down = nn.Conv2d(outer, inner_channels, 4, 2, 1, bias=bias)
        self.down_norm = None if inner is None else make_norm(norm, inner_channels)
        self.activation = nn.LeakyReLU(0.2, True)
        up_channels = inner_channels * (1 if inner is None else 2)
        self.up = nn.ConvTranspose2d(up_channels, outer, 4, 2, 1, bias=bias)
        self.up_norm = make_norm(norm, outer)
        self.dropout = nn.Dropout(0.5) if dropout else None
        self.gate = nn.Conv2d(2 * outer, 2 * outer, 1) if gate else None

    def forward(self, x):
        x = self.activation(x)
        y = self.down(x)
        if self.inner is not None:
            y = self.inner(self.down_norm(y))
        y = self.up_norm(self.up(F.relu(y, True)))
        if self.dropout is not None:
            y = self.dropout(y)
        r = torch.cat([x, y], 1)
        return r if self.gate is None else torch.sigmoid(self.gate(r)) * r


class Unet(nn.Module):
    """s2ad: eight halvings at 256 pixels."""

    def __init__(self, size, inputs=4, ngf=64, norm="instance", style=False):
        super().__init__()
        levels = size.bit_length() - 1
        channels = [ngf * (1 << k if k < 3 else 8) for k in range(levels)]
        level = None
        for k in range(levels - 1, 0, -1):
            innermost = level is None
            level = UnetLevel(channels[k - 1], channels[k], level, norm,
                              gate=k <= 3 and not innermost,
                              dropout=k > 3 and not innermost)
        self.first = nn.Conv2d(inputs, ngf, 4, 2, 1, bias=norm == "instance")
        self.level = level
        self.last = nn.ConvTranspose2d(2 * ngf, 3, 4, 2, 1)
        if style:
            self.weight = nn.Parameter(torch.tensor([0.1]))

    def forward(self, x):
        y = F.relu(self.level(self.first(x)), True)
        return torch.tanh(self.last(y))


class PartialConv(nn.Conv2d):
    """A mask of None stands for ones, where it is a plain convolution."""

    def forward(self, x, mask=None):
        if mask is None:
            return super().forward(x), None
        with torch.no_grad():
            ones = mask.new_ones(1, 1, *self.kernel_size)
            count = F.conv2d(mask, ones, None, self.stride, self.padding)
            update = count.clamp(0, 1)
            ratio = ones.numel() / (count + 1e-8) * update
        y = F.conv2d(x * mask, self.weight, None, self.stride, self.padding)
        y = y * ratio
        if self.bias is not None:
            y = (y + self.bias.view(1, -1, 1, 1)) * update
        return y, update


class Trunk(nn.Module):
    """3x3 stride-2 partial convolutions to 3x3 pixels, then one of stride 1."""

    def __init__(self, size, ndf, norm):
        super().__init__()
        widths = []
        while size > 3:
            size = (size - 3) // 2 + 1
            widths.append(ndf * (1 << len(widths) if len(widths) < 3 else 8))
        widths.append(8 * ndf)
        convs, norms, before = [], [], 3
        for i, width in enumerate(widths):
            stride = 1 if i == len(widths) - 1 else 2
            bias = i == 0 or norm == "instance"
            convs.append(spectral_norm(
                PartialConv(before, width, 3, stride, bias=bias)))
            inside = 0 < i < len(widths) - 1
            norms.append(make_norm(norm, width) if inside else nn.Identity())
            before = width
        self.convs, self.norms = nn.ModuleList(convs), nn.ModuleList(norms)

    def forward(self, x, mask=None):
        for conv, norm in zip(self.convs[:-1], self.norms):
            x, mask = conv(x, mask)
            x = F.leaky_relu(norm(x), 0.2, True)
        return self.convs[-1](x, mask)[0]


class Discriminator(nn.Module):
    """DoveNet's: a global score and one of the foreground beside the background."""

    def __init__(self, size, ndf=64, norm="instance"):
        super().__init__()
        self.whole, self.part = Trunk(size, ndf, norm), Trunk(size, ndf, norm)
        self.global_head = nn.Conv2d(8 * ndf, 1, 1)
        self.local1 = spectral_norm(nn.Conv2d(8 * ndf, 8 * ndf, 1))
        self.local2 = spectral_norm(nn.Conv2d(8 * ndf, 8 * ndf, 1))
        self.local3 = nn.Conv2d(8 * ndf, 1, 1)

    def forward(self, x, mask):
        whole = self.whole(x)
        y = self.part(x, mask) * self.part(x, 1 - mask)
        y = F.leaky_relu(self.local1(y), 0.2, True)
        y = F.leaky_relu(self.local2(y), 0.2, True)
        return self.global_head(whole), self.local3(y)


class Encoder(nn.Module):
    """BargainNet's domain code extractor."""

    def __init__(self, nef=64):
        super().__init__()
        widths = [nef, 2 * nef, 4 * nef, 8 * nef, 8 * nef]
        convs = [PartialConv(a, b, 3, 2, bias=a == 3)
                 for a, b in zip([3] + widths, widths)]
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths[1:4])
        self.code = nn.Conv2d(widths[-1], 16, 1)

    def forward(self, x, mask):
        for i, conv in enumerate(self.convs):
            x, mask = conv(x, mask)
            if 0 < i < 4:
                x = self.norms[i - 1](x)
            if i < 4:
                x = F.relu(x, True)
        return self.code(x.mean((2, 3), keepdim=True)).flatten(1)


def block(before, width):
    return nn.Sequential(nn.Conv2d(before, width, 3, 1, 1),
                         nn.BatchNorm2d(width), nn.ReLU(True))


class Unet3Plus(nn.Module):
    """Every decoder stage sees every scale. outputs=3 for images; the published
    count of parameters is that of 3 channels in and 1 out."""

    def __init__(self, inputs=4, outputs=3, width=64, cat=64):
        super().__init__()
        widths = [width << i for i in range(5)]
        self.encoder = nn.ModuleList(
            nn.Sequential(block(a, b), block(b, b))
            for a, b in zip([inputs] + widths, widths))
        self.branches, self.joins = nn.ModuleList(), nn.ModuleList()
        for d in range(4):
            self.branches.append(nn.ModuleList(
                block(widths[i] if i <= d or i == 4 else 5 * cat, cat)
                for i in range(5)))
            self.joins.append(block(5 * cat, 5 * cat))
        self.head = nn.Conv2d(5 * cat, outputs, 3, 1, 1)

    def forward(self, x):
        scales = []
        for i, stage in enumerate(self.encoder):
            x = stage(x if i == 0 else F.max_pool2d(x, 2))
            scales.append(x)
        decoded = {4: scales[4]}
        for d in (3, 2, 1, 0):
            parts = []
            for i, branch in enumerate(self.branches[d]):
                if i < d:
                    y = F.max_pool2d(scales[i], 1 << (d - i), ceil_mode=True)
                elif i == d:
                    y = scales[i]
                else:
                    y = F.interpolate(decoded[i], scale_factor=1 << (i - d),
                                      mode="bilinear", align_corners=False)
                parts.append(branch(y))
            decoded[d] = self.joins[d](torch.cat(parts, 1))
        return torch.tanh(self.head(decoded[0]))


class Vgg(nn.Module):
    """VGG16 to relu4_3 by partial convolutions over a region; fixed weights."""

    BLOCKS = (2, 2, 3, 3)

    def __init__(self):
        super().__init__()
        before, convs = 3, []
        for b, count in enumerate(self.BLOCKS):
            for _ in range(count):
                convs.append(nn.Conv2d(before, 64 << b, 3, 1, 1))
                before = 64 << b
        self.convs = nn.ModuleList(convs)
        for p in self.parameters():
            p.requires_grad_(False)

    def regions(self, mask):
        """(mask, ratio) of each block."""
        out = []
        for b in range(len(self.BLOCKS)):
            mask = mask if b == 0 else F.max_pool2d(mask, 2)
            count = F.conv2d(mask, mask.new_ones(1, 1, 3, 3), None, 1, 1)
            out.append((mask, 9 / (count + 1e-8) * count.clamp(0, 1)))
        return out

    def forward(self, x, regions):
        features, i = [], 0
        for b, count in enumerate(self.BLOCKS):
            x = x if b == 0 else F.max_pool2d(x, 2)
            mask, ratio = regions[b]
            for conv in self.convs[i:i + count]:
                y = F.conv2d(x * mask, conv.weight, None, 1, 1) * ratio
                x = F.relu((y + conv.bias.view(1, -1, 1, 1)) * mask, True)
            i += count
            features.append(x)
        return features


def hue_saturation(rgb):
    """(S cos H, S sin H, S) of colours in [-1,1], scaled to [-1,1]."""
    x = rgb * 0.5 + 0.5
    value, which = x.max(1, keepdim=True)
    chroma = value - x.min(1, keepdim=True)[0]
    r, g, b = x[:, 0:1], x[:, 1:2], x[:, 2:3]
    steps = torch.cat([g - b, b - r, r - g], 1).gather(1, which)
    hue = steps / chroma.clamp(min=1 / 1024) + 2 * which
    angle = hue * 1.0471975511965976
    coloured = (chroma > 1 / 1024).to(x.dtype)
    saturation = chroma * coloured / value.clamp(min=1 / 16)
    return torch.cat([saturation * torch.cos(angle),
                      saturation * torch.sin(angle), 2 * saturation - 1], 1)
