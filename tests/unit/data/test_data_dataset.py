from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.backbones.normalisation import TRAINING_RMS, Normalisation
from merit_cli.carriers import ATTRIBUTES, NO_LABEL
from merit_cli.data.dataset import SpeechDataset, measure_normalisation, scaled_attributes, unscaled
from merit_cli.errors import BadData
from merit_cli.manifests.utterance import Utterance
from merit_cli.units import Seconds

CLASSES = ("high", "low")


def dataset(utterances: list[Utterance], normalisation: Normalisation, seconds: float = 12.0) -> SpeechDataset:
    return SpeechDataset(utterances, classes=CLASSES, normalisation=normalisation, max_duration=Seconds(seconds))


def test_the_training_set_has_mean_0_and_deviation_1_in_model_scale(noisy_utterances: list[Utterance]) -> None:
    found = measure_normalisation(noisy_utterances, level=Normalisation(), max_duration=Seconds(12.0))
    items = dataset(noisy_utterances, found)
    samples = np.concatenate([items[index].noisy_N for index in range(len(items))]).astype(np.float64)
    assert samples.mean() == pytest.approx(0.0, abs=1e-6)
    assert samples.std() == pytest.approx(1.0, abs=1e-5)


def test_a_normalised_mixture_has_the_training_level_and_its_clean_part_the_same_gain(
    noisy_utterances: list[Utterance],
) -> None:
    item = dataset(noisy_utterances[:1], Normalisation(level="normalised"))[0]
    noisy, _ = soundfile.read(noisy_utterances[0].audio)
    clean, _ = soundfile.read(noisy_utterances[0].clean)
    assert item.clean_N is not None
    assert np.sqrt(np.mean(item.noisy_N.astype(np.float64) ** 2)) == pytest.approx(TRAINING_RMS, rel=1e-5)
    np.testing.assert_allclose(item.noisy_N - item.clean_N, (noisy - clean) * item.noisy_N[5] / noisy[5], atol=1e-6)


def test_a_natural_mixture_keeps_its_samples(noisy_utterances: list[Utterance]) -> None:
    item = dataset(noisy_utterances[:1], Normalisation(level="natural"))[0]
    noisy, _ = soundfile.read(noisy_utterances[0].audio, dtype="float32")
    np.testing.assert_array_equal(item.noisy_N, noisy)


def test_only_the_first_seconds_are_used(noisy_utterances: list[Utterance]) -> None:
    items = dataset(noisy_utterances, Normalisation(), seconds=0.25)
    assert items[0].noisy_N.size == items.num_samples(0) == 4000


def test_labels_are_places_in_the_list_of_classes(noisy_utterances: list[Utterance]) -> None:
    bare = replace(noisy_utterances[0], labels={})
    items = dataset([noisy_utterances[0], noisy_utterances[1], bare], Normalisation())
    assert [items.emotion(index) for index in range(3)] == [CLASSES.index("low"), CLASSES.index("high"), NO_LABEL]


def test_a_pair_of_different_lengths_is_refused(noisy_utterances: list[Utterance], tmp_path: Path) -> None:
    short = tmp_path / "short.wav"
    soundfile.write(short, np.full(100, 0.1), 16_000)
    with pytest.raises(BadData, match="100 samples"):
        dataset([replace(noisy_utterances[0], clean=short)], Normalisation())[0]


def test_silent_training_data_are_refused(noisy_utterances: list[Utterance], tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(8000), 16_000)
    with pytest.raises(BadData, match="silent"):
        measure_normalisation(
            [replace(noisy_utterances[0], audio=path, clean=None, num_samples=8000)],
            level=Normalisation(),
            max_duration=Seconds(12.0),
        )


def test_labels_of_annotators_and_ratings_reach_the_item_on_the_models_scale(
    noisy_utterances: list[Utterance],
) -> None:
    labels = {"emotion": "low", "p_low": 3.0, "p_high": 1.0, "arousal": 4.0, "valence": 7.0}
    one = replace(noisy_utterances[0], labels=labels)
    items = SpeechDataset(
        [one], classes=CLASSES, normalisation=Normalisation(), max_duration=Seconds(12.0), attribute_scale=(1.0, 7.0)
    )
    assert items[0].emotion_share_C is not None
    assert items[0].attributes_A is not None
    assert items[0].emotion_share_C.tolist() == [0.25, 0.75]
    np.testing.assert_array_equal(items[0].attributes_A, np.array([0.5, 1.0, np.nan], dtype=np.float32))


@pytest.mark.parametrize("scale", [(1.0, 7.0), (1.0, 5.0), (-1.0, 1.0)])
def test_scaled_ratings_go_back_to_their_scale(scale: tuple[float, float]) -> None:
    ratings = dict(zip(ATTRIBUTES, np.linspace(*scale, 3).tolist(), strict=True))
    one = Utterance("a", Path("a"), 1, 1, labels=ratings)
    np.testing.assert_allclose(unscaled(scaled_attributes(one, scale), scale), list(ratings.values()), atol=1e-6)
