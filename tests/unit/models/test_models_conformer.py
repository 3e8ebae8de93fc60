"""The conformer's attention equals its formula and does not see padding."""

import pytest
import torch

from merit_cli.models import conformer
from merit_cli.models.conformer import ConformerBlock, RelativeAttention


def block(**changes: int) -> ConformerBlock:
    torch.manual_seed(0)
    settings = {"num_heads": 2, "kernel": 5, "max_distance": 3, **changes}
    return ConformerBlock(8, dropout=0.0, **settings).double()


def test_attention_equals_the_formula_of_shaw() -> None:
    torch.manual_seed(0)
    attention = RelativeAttention(8, num_heads=2, max_distance=3, dropout=0.0).double()
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    normed = attention.norm(x)[0]
    query = attention.query(normed)
    key, value = attention.key_value(normed).chunk(2, dim=-1)
    mixed = torch.zeros_like(value)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for i in range(6):
            distances = [attention.distance.weight[min(max(i - j, -3), 3) + 3] for j in range(6)]
            scores = torch.stack([query[i, part] @ (key[j, part] + distances[j]) for j in range(6)]) / 2.0
            mixed[i, part] = scores.softmax(0) @ value[:, part]
    torch.testing.assert_close(attention(x, None)[0], attention.output(mixed))


def test_a_padded_sequence_gives_what_it_gives_alone() -> None:
    model = block().eval()
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    valid = torch.arange(9) < torch.tensor([[9], [5]])
    torch.testing.assert_close(model(x, valid)[1:, :5], model(x[1:, :5]))


def test_slices_of_sequences_give_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = block().eval()
    x = torch.randn(5, 9, 8, dtype=torch.float64)
    valid = torch.arange(9) < torch.tensor([[9], [5], [1], [9], [2]])
    whole = model(x, valid)
    monkeypatch.setattr(conformer, "SCORES_AT_ONCE", 2 * 2 * 9 * 9)
    with torch.no_grad():
        torch.testing.assert_close(model(x, valid), whole)


def test_every_parameter_gets_a_gradient() -> None:
    model = block(max_distance=6)
    model(torch.randn(3, 7, 8, dtype=torch.float64)).pow(3).sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0] == []
