"""The network: causal convolutions and two GRUs at 50 Hz, one call for each 20 ms.

A hop brings two log-mel frames. The output of hop n holds, for every delay d in
DELAYS (frames of 10 ms), the viseme posteriors of the two frames that ended d
frames before the end of the hop. One training gives the whole curve of delay
against accuracy, and the heads with less delay describe what comes next.
"""

import torch
from torch import nn
from torch.nn import functional as F

BANDS, VISEMES = 40, 15
DELAYS = [0, 2, 4, 6, 8]


class Network(nn.Module):
    def __init__(self, conv=128, middle=192, first=224, second=160, dropout=0.1):
        super().__init__()
        self.sizes = dict(conv=conv, middle=middle, first=first, second=second)
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("scale", torch.ones(BANDS))
        self.conv1 = nn.Conv1d(BANDS, conv, 5)
        self.norm1 = nn.BatchNorm1d(conv)
        self.conv2 = nn.Conv1d(conv, conv, 5, stride=2)
        self.norm2 = nn.BatchNorm1d(conv)
        self.conv3 = nn.Conv1d(conv, middle, 3)
        self.norm3 = nn.BatchNorm1d(middle)
        self.gru1 = nn.GRU(middle, first, batch_first=True)
        self.gru2 = nn.GRU(first, second, batch_first=True)
        self.out = nn.Linear(first + second, len(DELAYS) * 2 * VISEMES)
        self.dropout = nn.Dropout(dropout)
        # What a stream carries from call to call, in one flat vector.
        self.parts = [BANDS * 4, conv * 3, conv * 2, first, second]

    @property
    def state_size(self):
        return sum(self.parts)

    def forward(self, mel, state):
        """mel [b, n, BANDS] with n even, state [b, S] -> logits [b, n/2, delays, 2, VISEMES], state."""
        logits, state = self.flat(mel, state)
        return logits.reshape(mel.shape[0], -1, len(DELAYS), 2, VISEMES), state

    def flat(self, mel, state):
        """The same with logits [b, n/2, delays * 2 * VISEMES]: no shape is computed at run time."""
        c1, c2, c3, h1, h2 = torch.split(state, self.parts, dim=1)
        x = ((mel - self.mean) * self.scale).transpose(1, 2)
        x = torch.cat([c1.reshape(-1, BANDS, 4), x], 2)
        c1 = x[:, :, -4:]
        x = F.relu(self.norm1(self.conv1(x)))
        x = torch.cat([c2.reshape(-1, self.conv1.out_channels, 3), x], 2)
        c2 = x[:, :, -3:]
        x = F.relu(self.norm2(self.conv2(x)))
        x = torch.cat([c3.reshape(-1, self.conv2.out_channels, 2), x], 2)
        c3 = x[:, :, -2:]
        x = F.relu(self.norm3(self.conv3(x))).transpose(1, 2)
        y, h1 = self.gru1(self.dropout(x), h1.unsqueeze(0).contiguous())
        z, h2 = self.gru2(self.dropout(y), h2.unsqueeze(0).contiguous())
        logits = self.out(self.dropout(torch.cat([y, z], 2)))
        tails = [c.reshape(-1, size) for c, size in zip((c1, c2, c3, h1, h2), self.parts)]
        state = torch.cat(tails, 1)
        return logits, state

    def rest(self, batch):
        """The state before the first sound."""
        return torch.zeros(batch, self.state_size)




def load(path):
    """(network, checkpoint) from a file of train.py; the averaged weights."""
    checkpoint = torch.load(path, map_location="cpu")
    network = Network(**checkpoint["sizes"])
    network.load_state_dict(checkpoint["average"])
    return network.eval(), checkpoint
