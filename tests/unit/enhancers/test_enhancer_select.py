from pathlib import Path

import numpy as np
import pytest

from merit_cli.enhancers import ENHANCERS
from merit_cli.enhancers.catalogue import list_enhancers
from merit_cli.enhancers.mmse_lsa import MmseLsaConfig
from merit_cli.enhancers.select import enhancer_config, enhancer_tree
from merit_cli.errors import NoInput, Unavailable, UsageError


def test_a_name_gives_the_config_with_its_defaults() -> None:
    assert enhancer_config("mmse-lsa") == MmseLsaConfig()


def test_a_config_is_passed_through() -> None:
    config = MmseLsaConfig(min_gain_db=-10.0)
    assert enhancer_config(config) is config


def test_parameters_without_a_name_belong_to_the_default_enhancer() -> None:
    assert enhancer_config({"min_gain_db": -10}) == MmseLsaConfig(min_gain_db=-10.0)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'mmse-lsa'"):
        enhancer_config("mmse-lsb")


def test_an_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'min_gain_db'"):
        enhancer_config({"name": "mmse-lsa", "min_gan_db": -10})


def test_a_parameter_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="min_gain_db"):
        enhancer_config({"name": "mmse-lsa", "min_gain_db": 3})


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no trained run"):
        enhancer_config(str(tmp_path / "gone"))


def test_a_flag_leaves_room_for_overrides_of_its_parameters() -> None:
    assert enhancer_tree("gtcrn") == {"name": "gtcrn"}
    assert enhancer_tree(None) is None


def test_a_component_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENHANCERS.table, "odd", "merit_cli.units:db_to_amplitude")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is not an EnhancerConfig"):
        enhancer_config("odd")


def test_the_list_has_a_row_for_every_name_with_a_measured_speed() -> None:
    rows = {row.name: row for row in list_enhancers()}
    assert sorted(rows) == ENHANCERS.names()
    for name in ("identity", "spectral-gate", "mmse-lsa"):
        assert rows[name].ready
        assert rows[name].real_time_factor is not None
        assert 0 <= rows[name].real_time_factor < 1


def test_the_list_says_how_to_get_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path))
    row = next(row for row in list_enhancers() if row.name == "gtcrn")
    assert not row.ready
    assert row.how_to_get == "merit prepare weights gtcrn"
    assert row.real_time_factor is None
    assert row.license == "MIT"


def test_missing_weights_name_the_command_that_fetches_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path))
    with pytest.raises(Unavailable, match="merit prepare weights gtcrn"):
        enhancer_config("gtcrn").build()


def test_mix_back_leaves_a_share_of_the_noisy_signal() -> None:
    noisy = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    alone = enhancer_config("mmse-lsa").build()(noisy, 16000)
    mixed = enhancer_config({"name": "mmse-lsa", "mix_back": 0.25}).build()(noisy, 16000)
    np.testing.assert_allclose(mixed, 0.75 * alone + 0.25 * noisy, atol=1e-7)


def test_an_attenuation_limit_is_the_share_that_stays() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(64000).astype(np.float32)
    config = enhancer_config({"name": "mmse-lsa", "attenuation_limit": 6.0})
    assert config.noisy_share == pytest.approx(10 ** (-6 / 20))
    made = config.build()(noise, 16000)
    assert 20 * np.log10(np.sqrt(np.mean(made**2) / np.mean(noise**2))) >= -6.0


def test_the_two_ways_to_leave_noise_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="give one"):
        enhancer_config({"name": "mmse-lsa", "mix_back": 0.25, "attenuation_limit": 6.0})
