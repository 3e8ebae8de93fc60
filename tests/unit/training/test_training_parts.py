"""Selection, schedule, gradients, routing statistics, remixing and states: each against a naive or known answer."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from merit_cli.carriers import Routing, SpeechBatch
from merit_cli.errors import CheckFailed
from merit_cli.models.sparse_merit import SparseMeritConfig
from merit_cli.training.average import WeightAverage
from merit_cli.training.epoch_record import EpochRecord, rounded
from merit_cli.training.gradients import check_finite, gradient_norm, routers_of
from merit_cli.training.optim import OptimiserConfig, make_optimiser, rate_factor, set_rate
from merit_cli.training.remix import NUM_KNOTS, RemixConfig, _coloured, remix
from merit_cli.training.resume import keep_first_lines, load_state, random_states, restore_random_states, save_state
from merit_cli.training.selection import EpochScore, best_epoch, epochs_to_keep


def scores(*rows: tuple[float, float]) -> list[EpochScore]:
    return [EpochScore(epoch, {"f1": f1, "sdr": sdr}) for epoch, (f1, sdr) in enumerate(rows, start=1)]


def test_the_best_epoch_has_the_largest_mean_z_score() -> None:
    rows = [(0.2, 1.0), (0.5, 2.0), (0.4, 4.0), (0.1, 4.1)]
    table = np.array(rows)
    expected = ((table - table.mean(0)) / table.std(0)).mean(1)
    best = best_epoch(scores(*rows))
    assert best.epoch == 1 + int(np.argmax(expected))
    assert best.score == pytest.approx(expected.max())


def test_of_equal_epochs_the_first_is_taken() -> None:
    assert best_epoch(scores((0.5, 1.0), (0.5, 1.0))).epoch == 1


def test_the_best_epoch_is_always_among_those_kept() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        history = scores(*[tuple(row) for row in generator.integers(0, 4, (6, 2)).astype(float)])  # type: ignore[arg-type]
        kept: set[int] = set()
        for length in range(1, 7):  # as in a run: what was dropped once does not come back
            kept = epochs_to_keep(history[:length]) & (kept | {length})
        assert best_epoch(history).epoch in kept


def test_warm_up_rises_and_the_cosine_ends_at_zero() -> None:
    config = OptimiserConfig(warmup_steps=5, schedule="cosine")
    factors = [rate_factor(step, num_steps=25, config=config) for step in range(26)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[15] == pytest.approx(0.5)
    assert factors[25] == pytest.approx(0.0)
    assert rate_factor(99, num_steps=100, config=OptimiserConfig()) == 1.0


def test_backbone_and_model_have_their_own_rates_and_vectors_do_not_decay() -> None:
    frozen = nn.Linear(3, 3).requires_grad_(False)
    backbone, model = nn.Sequential(nn.Linear(2, 3), frozen), nn.Linear(3, 1)
    optimiser = make_optimiser(
        nn.ModuleDict({"backbone": backbone, "model": model}),
        OptimiserConfig(learning_rate=0.1, backbone_learning_rate=0.01),
    )
    set_rate(optimiser, 0.5)
    found = [
        (group["lr"], group["weight_decay"], [tuple(p.shape) for p in group["params"]])
        for group in optimiser.param_groups
    ]
    assert found == [
        (0.05, 0.01, [(1, 3)]),
        (0.05, 0.0, [(1,)]),
        (0.005, 0.01, [(3, 2)]),
        (0.005, 0.0, [(3,)]),
    ]


def test_the_gradient_norm_spans_all_parameters() -> None:
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(3)]
    weights[0].grad, weights[1].grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert gradient_norm(weights) == 5.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_refused_with_a_hint(value: float) -> None:
    with pytest.raises(CheckFailed, match="step 7") as caught:
        check_finite(value, "loss", where="step 7", run=Path("run"))
    assert "learning_rate" in caught.value.hint


def test_every_router_of_the_model_is_found_by_its_task() -> None:
    from merit_cli.backbones.log_mel import LogMelConfig

    model = SparseMeritConfig(trunk_width=16, expert_hidden=16, expert_dim=16).build(LogMelConfig().build().shape, 2)
    assert sorted(routers_of(model)) == ["emotion", "enhancement"]


def routing(chosen: list[list[int]], valid: list[bool]) -> Routing:
    chosen_BTK = torch.tensor(chosen)[None, :, None] if isinstance(chosen[0], int) else torch.tensor(chosen)[None]
    probabilities = torch.full((1, len(valid), 3), 1.0 / 3.0)
    return Routing(probabilities.log(), probabilities, chosen_BTK, torch.tensor([valid]))


def test_a_record_survives_a_checkpoint(tmp_path: Path) -> None:
    record = EpochRecord(epoch=3, lines_written=9, history=[(1, {"f1": 0.1}), (2, {"f1": 1.0 / 3.0})])
    record.add_terms(dict.fromkeys(record.terms, 1.0 / 7.0))
    record.routing.add({"a": routing([[0], [1]], [True, True])}, torch.tensor([3.0]))
    record.group_cosines, record.router_reach = {"trunk": [0.25, 2.0]}, {"emotion": 0.5}
    save_state(record.to_state(), tmp_path / "state")
    assert EpochRecord.from_state(load_state(tmp_path / "state")) == record


def test_random_states_come_back(tmp_path: Path) -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    np.random.standard_normal()  # leaves a cached second value
    save_state(random_states(), tmp_path / "random")
    first = draw()
    restore_random_states(load_state(tmp_path / "random"))
    assert draw() == first


def test_a_state_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("ran",))

    torch.save({"x": Evil()}, tmp_path / "state")
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        load_state(tmp_path / "state")


def test_lines_after_the_checkpoint_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"a":1}\n{"a":2}\n{"a":3}\n{"a":', encoding="utf-8")
    keep_first_lines(path, 2)
    assert path.read_text(encoding="utf-8") == '{"a":1}\n{"a":2}\n'


def test_floats_are_rounded_to_seven_digits_everywhere() -> None:
    assert rounded({"a": [1.0 / 3.0, 2], "b": {"c": 12345678.9}}) == {"a": [0.3333333, 2], "b": {"c": 12345680.0}}


def remixed(seed: int, colour_db: float = 0.0, clean_colour_db: float = 0.0) -> tuple[SpeechBatch, SpeechBatch]:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([800, 1000, 600])
    mask = torch.arange(1000) < lengths[:, None]
    clean = torch.randn(3, 1000, generator=generator) * mask
    noise = torch.randn(3, 1000, generator=generator) * mask * torch.tensor([[0.5], [1.0], [2.0]])
    batch = SpeechBatch(("a", "b", "c"), clean + noise, lengths, clean)
    torch.manual_seed(seed)
    config = RemixConfig(snr_db=(-3.0, -3.0), colour_db=colour_db, clean_colour_db=clean_colour_db)
    return batch, remix(batch, config)


@pytest.mark.parametrize(("colour_db", "clean_colour_db"), [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)])
def test_remixed_utterances_have_the_wanted_ratio_and_the_old_level(colour_db: float, clean_colour_db: float) -> None:
    before, after = remixed(seed=1, colour_db=colour_db, clean_colour_db=clean_colour_db)
    assert before.clean_BN is not None
    assert after.clean_BN is not None
    for row, length in enumerate(before.lengths_B.tolist()):
        clean = after.clean_BN[row, :length].double()
        noise = after.noisy_BN[row, :length].double() - clean
        assert 10 * torch.log10(clean.square().sum() / noise.square().sum()) == pytest.approx(-3.0, abs=1e-3)
        level = after.noisy_BN[row].square().sum() / before.noisy_BN[row].square().sum()
        assert level == pytest.approx(1.0, rel=1e-5)
        assert after.noisy_BN[row, length:].abs().sum() == 0


def test_remixing_gives_the_clean_speech_another_noise() -> None:
    before, after = remixed(seed=1)
    again = remixed(seed=1)[1]
    assert torch.equal(after.noisy_BN, again.noisy_BN)
    assert not torch.equal(after.noisy_BN, remixed(seed=2)[1].noisy_BN)
    assert before.clean_BN is not None
    assert after.clean_BN is not None
    scale = (after.clean_BN[0] * before.clean_BN[0]).sum() / before.clean_BN[0].square().sum()
    torch.testing.assert_close(after.clean_BN[0], before.clean_BN[0] * scale)


def test_a_coloured_clean_signal_has_another_spectrum_and_is_still_the_target() -> None:
    before, plain = remixed(seed=1)
    _, coloured = remixed(seed=1, clean_colour_db=10.0)
    assert before.clean_BN is not None
    assert plain.clean_BN is not None
    assert coloured.clean_BN is not None
    shares = [
        torch.nn.functional.cosine_similarity(before.clean_BN, after, dim=1)
        for after in (plain.clean_BN, coloured.clean_BN)
    ]
    assert shares[0].min() > 0.999
    assert shares[1].max() < 0.98
    assert (coloured.clean_BN[2, 600:] == 0.0).all()


def test_a_coloured_noise_has_its_random_gains_at_the_knots() -> None:
    impulse = torch.zeros(1, 16_000)
    impulse[0, 0] = 1.0
    gain_db = torch.linspace(-9.0, 9.0, NUM_KNOTS)[None]
    found_db = 20.0 * torch.fft.rfft(_coloured(impulse, gain_db)).abs().log10()[0]
    mel = np.linspace(0.0, np.log1p(8000.0 / 700.0), NUM_KNOTS)
    for hertz, wanted in zip(700.0 * np.expm1(mel), gain_db[0].tolist(), strict=True):
        assert float(found_db[round(hertz)]) == pytest.approx(wanted, abs=0.1)


def test_the_average_starts_as_the_plain_mean_and_is_there_between_two_swaps_only() -> None:
    module = nn.Linear(1, 1, bias=False)
    average = WeightAverage(module, decay=0.75)
    expected = 0.0
    for step, value in enumerate([4.0, 2.0, 6.0, 0.0, 8.0], start=1):
        with torch.no_grad():
            module.weight.fill_(value)
        average.update(step)
        weight = max(0.25, 1.0 / step)
        expected += weight * (value - expected)
        if step == 3:
            assert expected == pytest.approx(4.0)  # the mean of the first three
    average.swap()
    assert module.weight.item() == pytest.approx(expected)
    average.swap()
    assert module.weight.item() == 8.0


def test_no_average_leaves_the_weights() -> None:
    module = nn.Linear(1, 1)
    average = WeightAverage(module, decay=0.0)
    before = module.weight.item()
    average.update(1)
    average.swap()
    assert module.weight.item() == before
    assert average.state() == {}


def test_gaussian_noise_replaces_the_wanted_share() -> None:
    lengths = torch.full((400,), 64)
    clean = torch.randn(400, 64, generator=torch.Generator().manual_seed(0))
    noise = torch.zeros(400, 64)
    noise[:, ::16] = 1.0  # clicks: nothing a Gaussian draw would give
    torch.manual_seed(0)
    batch = SpeechBatch(tuple(map(str, range(400))), clean + noise, lengths, clean)
    after = remix(batch, RemixConfig(snr_db=(0.0, 0.0), gaussian_share=0.25))
    assert after.clean_BN is not None
    left = after.noisy_BN - after.clean_BN
    is_click = (left.abs() > 0.1 * left.abs().amax(1, keepdim=True)).sum(1) <= 8
    assert 0.65 < float(is_click.float().mean()) < 0.85
