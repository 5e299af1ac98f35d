"""Training steps of Harmonia's systems in PyTorch: losses and order as the
published sources have them."""
import torch
from torch.nn import functional as F

from torch_networks import (Discriminator, Encoder, Unet, Unet3Plus, Vgg,
                            hue_saturation)


def count(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


class System:
    """One network trained by an L1 loss; the others add to it."""

    lr, betas, l1 = 2e-4, (0.5, 0.999), 100

    def __init__(self, size, batch, adam=True):
        torch.manual_seed(1)
        self.real = torch.rand(batch, 3, size, size) * 2 - 1
        self.composite = torch.rand(batch, 3, size, size) * 2 - 1
        self.mask = torch.zeros(batch, 1, size, size)
        self.mask[:, :, :size // 2, :size // 2] = 1
        self.generator = self.make_generator(size).train()
        self.adam = adam
        self.optimizer = self.optimize(self.generator)

    def make_generator(self, size):
        return Unet(size)

    def optimize(self, *modules):
        parameters = [p for m in modules for p in m.parameters()]
        return torch.optim.Adam(parameters, lr=self.lr, betas=self.betas)

    def counts(self):
        return {"G": count(self.generator), "D": 0, "E": 0}

    def generate(self):
        return self.generator(torch.cat([self.composite, self.mask], 1))

    def learn(self, loss, optimizer):
        optimizer.zero_grad()
        loss.backward()
        if self.adam:
            optimizer.step()

    def step(self):
        self.learn(self.l1 * F.l1_loss(self.generate(), self.real),
                   self.optimizer)

    def forward(self):
        with torch.no_grad():
            self.generate()


class Unet3PlusSystem(System):
    def make_generator(self, size):
        return Unet3Plus()


class DoveNet(System):
    def __init__(self, size, batch, adam=True):
        super().__init__(size, batch, adam)
        self.judge = Discriminator(size).train()
        self.judge_optimizer = self.optimize(self.judge)

    def counts(self):
        return {"G": count(self.generator), "D": count(self.judge), "E": 0}

    def penalty(self, fake):
        alpha = torch.rand(fake.shape[0], 1, 1, 1)
        between = (alpha * self.real + (1 - alpha) * fake).requires_grad_(True)
        a, b = self.judge(between, self.mask)
        combined = (a + b) * 0.5
        slope, = torch.autograd.grad(combined, between,
                                     torch.ones_like(combined),
                                     create_graph=True)
        norm = (slope.flatten(1) + 1e-16).norm(2, dim=1)
        return 10 * ((norm - 1) ** 2).mean()

    def train_judge(self, fake):
        loss = sum(F.relu(1 + s).mean() for s in self.judge(fake, self.mask))
        loss = loss + sum(F.relu(1 - s).mean()
                          for s in self.judge(self.real, self.mask))
        self.learn(loss + self.penalty(fake), self.judge_optimizer)

    def more(self, output):
        return 0

    def step(self):
        output = self.generate()
        for p in self.judge.parameters():
            p.requires_grad_(True)
        self.train_judge(output.detach())
        for p in self.judge.parameters():
            p.requires_grad_(False)
        a, b = self.judge(output, self.mask)
        with torch.no_grad():
            self.judge(self.real, self.mask)  # moves the spectral norms on
        loss = self.l1 * F.l1_loss(output, self.real) - a.mean() - b.mean()
        self.learn(loss + self.more(output), self.optimizer)


class StyleHsv(DoveNet):
    def __init__(self, size, batch, adam=True):
        super().__init__(size, batch, adam)
        self.vgg = Vgg()

    def more(self, output):
        with torch.no_grad():
            regions = self.vgg.regions(self.mask)
            wanted = self.vgg(hue_saturation(self.real), regions)
        features = self.vgg(hue_saturation(output), regions)
        loss = 0
        for f, w, (mask, _) in zip(features, wanted, regions):
            size = f.shape[1] * mask.sum((1, 2, 3)).clamp(min=1)
            loss = loss + (((f - w).abs() * mask).sum((1, 2, 3)) / size).mean()
        return loss


class BargainNet(System):
    lr, betas, l1 = 1e-4, (0.9, 0.999), 1

    def __init__(self, size, batch, adam=True):
        super().__init__(size, batch, adam)
        self.encoder = Encoder().train()
        self.optimizer = self.optimize(self.generator, self.encoder)

    def make_generator(self, size):
        return Unet(size, inputs=20, norm="batch", style=True)

    def counts(self):
        return {"G": count(self.generator), "D": 0, "E": count(self.encoder)}

    def generate_with(self, code):
        scaled = code * self.generator.weight.clamp(min=0.001)
        spread = scaled[:, :, None, None].expand(-1, -1, *self.mask.shape[2:])
        return self.generator(torch.cat([self.composite, self.mask, spread], 1))

    def step(self):
        background = self.encoder(self.real, 1 - self.mask)
        real = self.encoder(self.real, self.mask)
        output = self.generate_with(background)
        harmonised = self.encoder(output, self.mask)
        composite = self.encoder(self.composite, self.mask)
        triplet = (F.triplet_margin_loss(real, harmonised, composite, 0.1) +
                   F.triplet_margin_loss(harmonised, background, composite, 0.1))
        self.learn(F.l1_loss(output, self.real) + 0.01 * triplet,
                   self.optimizer)


SYSTEMS = {"unet": System, "dovenet": DoveNet, "bargainnet": BargainNet,
           "unet3plus": Unet3PlusSystem, "style-hsv": StyleHsv}
