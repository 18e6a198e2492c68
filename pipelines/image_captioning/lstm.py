"""CNN + LSTM with soft attention: Show, Attend and Tell (Xu et al. 2015), section 3.

B captions, T tokens, N cells, D width, H hidden size.
"""

import torch
from torch import Tensor, nn

from pipelines.image_captioning.model import Captioner, CaptionerConfig, DecodingState

HIDDEN_SCALE = 2  # the LSTM is that much wider than the words


class LSTMCaptioner(Captioner):
    def __init__(self, config: CaptionerConfig):
        super().__init__(config)
        width, hidden = config.width, HIDDEN_SCALE * config.width
        self.start = nn.Linear(width, 2 * hidden)       # f_init,h and f_init,c, from the mean of the cells
        self.attend_cells = nn.Linear(width, width)
        self.attend_hidden = nn.Linear(hidden, width)
        self.attend = nn.Linear(width, 1)
        self.gate = nn.Linear(hidden, width)            # β, section 4.2.1
        self.lstm = nn.LSTMCell(2 * width, hidden)
        self.output = nn.Linear(hidden + 2 * width, width)  # L_h h + L_z z + E y, the deep output
        self.post_init()

    def decode(
        self, ids: Tensor, memory: Tensor, state: DecodingState | None, explain: bool = False
    ) -> tuple[Tensor, Tensor, DecodingState]:
        words = self.dropout(self.embed(ids))                                              # (B, T, D)
        if state is None:
            captions = len(ids) // len(memory)
            h, c = torch.tanh(self.start(memory.mean(1))).repeat_interleave(captions, 0).chunk(2, 1)  # (B, H) each
            cells = self.attend_cells(memory).repeat_interleave(captions, 0)               # (B, N, D)
            state = DecodingState([h, c, cells, memory.repeat_interleave(captions, 0)])
        h, c, cells, memory = state.tensors
        hidden, attention = [], []
        for word in words.unbind(1):                                                       # (B, D)
            energy = self.attend(torch.tanh(cells + self.attend_hidden(h)[:, None]))       # (B, N, 1)
            alpha = energy.float().softmax(1)                                              # (B, N, 1)
            context = (torch.sigmoid(self.gate(h)) * (alpha * memory).sum(1)).to(word.dtype)  # (B, D)
            h, c = self.lstm(torch.cat([word, context], 1), (h.to(word.dtype), c.to(word.dtype)))
            hidden.append(torch.cat([self.dropout(h), context, word], 1))                  # (B, H + 2D)
            attention.append(alpha[..., 0])
        state = DecodingState([h, c, cells, memory], state.length + ids.shape[1])
        return self.output(torch.stack(hidden, 1)), torch.stack(attention, 1), state       # (B, T, D), (B, T, N)
