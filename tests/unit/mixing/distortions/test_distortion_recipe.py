from typing import Any

import numpy as np
import pytest
from distortion_links import LINKS, Chain

from merit_cli.config.load import load_recipe, resolved
from merit_cli.errors import BadData, UsageError
from merit_cli.mixing.distortions.chain import apply, draw_chain
from merit_cli.mixing.distortions.contract import Drawn
from merit_cli.mixing.draws import Draws


def load(*links: Any) -> Chain:
    return load_recipe(Chain, flags={"distortions": list(links)})


def test_a_chain_survives_being_written_out() -> None:
    chain = load(*({**link, "files": "rirs"} if link["name"] == "reverb" else link for link in LINKS), "stethoscope")
    assert Chain.model_validate(resolved(chain)) == chain
    assert len(chain.distortions) == len(LINKS) + 1


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("reverbb", "did you mean 'reverb'"),
        ({"name": "packetloss"}, "did you mean 'packet_loss'"),
        ({"loss": 0.1}, "unknown distortion"),
        ({"name": ["clip"]}, "did you mean 'clip'"),
        ({"name": "packet_loss", "los": 0.1}, "did you mean 'distortions.0.packet_loss.loss'"),
        ({"name": "codec", "codecs": ["opuss"]}, "did you mean 'opus'"),
        ({"name": "clip", "peak_share": 0.5, "level_dbfs": -3}, "not both"),
        ({"name": "clip", "peak_share": [0.9, 0.5]}, "runs downwards"),
        ({"name": "clip", "peak_share": [0.1, 0.2, 0.3]}, "needs a number or [low, high]"),
        ({"name": "clip", "level_dbfs": 3}, "between -80 and 0 dBFS"),
        ({"name": "band_limit"}, "give low_hz, high_hz or both"),
        ({"name": "band_limit", "low_hz": 3000, "high_hz": [2000, 4000]}, "low_hz must lie below high_hz"),
        ({"name": "gain", "where": "noise"}, "speech"),
        ({"name": "reverb", "files": "x", "where": "noisy"}, "speech"),
        ({"name": "reverb"}, "files"),
        ({"name": "room", "distance_m": 15}, "no room of this size"),
        ({"name": "gain", "probability": 1.5}, "probability"),
        ({"name": "packet_loss", "loss": True}, "needs a number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_and_a_hint(link: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(link)
    assert words in str(caught.value)
    assert "distortions.0" in str(caught.value)


def test_links_happen_as_often_as_asked_and_in_order() -> None:
    chain = load({"name": "gain", "probability": 0.25}, {"name": "clip", "peak_share": 0.5})
    draws = Draws(0, "often")
    drawn = [[one.name for one in draw_chain(chain.distortions, draws.uniform)] for _ in range(2000)]
    assert all(names in (["gain", "clip"], ["clip"]) for names in drawn)
    assert np.mean([len(names) == 2 for names in drawn]) == pytest.approx(0.25, abs=0.03)  # three deviations


def test_a_link_draws_the_same_whether_the_one_before_it_is_fixed_or_not() -> None:
    fixed = load({"name": "gain", "gain_db": -3}, {"name": "clip", "peak_share": [0.2, 0.8]})
    free = load({"name": "gain", "gain_db": [-9, 3]}, {"name": "clip", "peak_share": [0.2, 0.8]})
    first, second = (draw_chain(chain.distortions, Draws(4, "same").uniform) for chain in (fixed, free))
    assert first[1] == second[1]
    assert first[0] != second[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"name": "gain", "where": "noisy"}, "gain_db"),
        ({"name": "gain", "where": "noisy", "gain_db": 1.0, "loud": 1}, "loud"),
        ({"name": "reverb", "where": "speech", "file": "a.wav"}, "sha256"),
    ],
)
def test_a_record_with_other_parameters_is_refused(line: dict[str, Any], words: str) -> None:
    with pytest.raises(BadData, match=words):
        apply(Drawn.from_line(line), np.ones(10), 16000)


def test_a_record_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'gain'"):
        apply(Drawn("gian", "noisy", {}), np.ones(10), 16000)


def test_a_record_without_its_place_is_refused() -> None:
    with pytest.raises(BadData, match="'where'"):
        Drawn.from_line({"name": "gain", "gain_db": 1.0})
