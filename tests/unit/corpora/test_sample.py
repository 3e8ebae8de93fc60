from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merit_cli.assets import bundled
from merit_cli.audio.levels import active_level
from merit_cli.audio.pitch import pitch_marks, pitch_track
from merit_cli.config.load import read_yaml
from merit_cli.corpora import CORPORA
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.sample import (
    HEADROOM_DB,
    LEVEL_SPREAD_DB,
    PITCH_SPREAD,
    RATE_SPREAD,
    RATING_SCALE,
    SAMPLE_FOLDER,
    STYLES,
    Style,
    prepare_sample,
    prepare_sample_noise,
    ratings_of,
    render_style,
    style_of,
)
from merit_cli.errors import NoInput
from merit_cli.io.audio_file import audio_info, read_audio
from merit_cli.io.hashing import sha256_of_file
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.units import power_to_db

SPLITS = {"train", "dev", "test"}
LICENCES = {"CC0-1.0", "CC-BY-3.0", "CC-BY-SA-3.0"}


@pytest.fixture(scope="module")
def folder() -> Path:
    return bundled(SAMPLE_FOLDER)


@pytest.fixture(scope="module")
def speech(folder: Path) -> list[Utterance]:
    return read_manifest(folder / "speech.jsonl")


@pytest.fixture(scope="module")
def noise(folder: Path) -> list[Utterance]:
    return read_manifest(folder / "noise.jsonl")


@pytest.fixture(scope="module")
def small_folder(folder: Path, speech: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One prompt of each voice, laid out like the bundled folder."""
    small = tmp_path_factory.mktemp("small")
    first = {utterance.speaker: utterance for utterance in reversed(speech)}
    write_manifest(small / "speech.jsonl", first.values())
    (small / "card.yaml").write_bytes((folder / "card.yaml").read_bytes())
    return small


@pytest.fixture(scope="module")
def prepared(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return prepare_sample(small_folder, tmp_path_factory.mktemp("prepared"))


def splits_of(pairs: list[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for value, split in pairs:
        found[value].add(split)
    return found


def test_card_lists_every_file_with_its_hash_licence_and_author(folder: Path) -> None:
    entries = {entry["path"]: entry for entry in read_yaml(folder / "card.yaml")["files"]}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*.flac")}
    assert set(entries) == present
    assert len(present) > 100
    for path, entry in entries.items():
        assert entry["sha256"] == sha256_of_file(folder / path), path
        assert entry["licence"] in LICENCES, path
        assert all(entry[key].strip() for key in ("author", "package", "original")), path


def test_manifests_name_every_file_and_tell_its_length(
    folder: Path, speech: list[Utterance], noise: list[Utterance]
) -> None:
    assert {u.audio for u in [*speech, *noise]} == {path.resolve() for path in folder.rglob("*.flac")}
    for utterance in [*speech, *noise]:
        info = audio_info(utterance.audio)
        assert (info.sample_rate, info.num_channels, info.subtype) == (16000, 1, "PCM_16")
        assert info.num_samples == utterance.num_samples


def test_the_folder_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 10_000_000


def test_splits_share_no_voice_and_no_prompt(speech: list[Utterance]) -> None:
    assert {u.split for u in speech} == SPLITS
    for values in (
        splits_of([(u.speaker, u.split) for u in speech]),
        splits_of([(u.info["prompt"], u.split) for u in speech]),
    ):
        assert all(len(where) == 1 for where in values.values())
    assert check_leaks(speech) == []


def test_splits_share_no_noise_file_and_no_source_recording(folder: Path, noise: list[Utterance]) -> None:
    assert {u.split for u in noise} == SPLITS
    entries = {entry["path"]: entry for entry in read_yaml(folder / "card.yaml")["files"]}
    recordings = splits_of(
        [(entries[u.audio.relative_to(folder.resolve()).as_posix()]["author"].split(",")[0], u.split) for u in noise]
    )
    assert all(len(where) == 1 for where in recordings.values())


def test_test_noise_has_stationary_classes_that_are_unseen_and_some_that_are_matched(noise: list[Utterance]) -> None:
    stationary = splits_of([(u.info["noise_class"], u.split) for u in noise if u.info["stationary"] == "yes"])
    train = {name for name, where in stationary.items() if "train" in where}
    test = {name for name, where in stationary.items() if "test" in where}
    elsewhere = {u.info["noise_class"] for u in noise if u.split != "test"}
    assert len(train) >= 5
    assert len(test - elsewhere) >= 2
    assert len(test & train) >= 1
    assert {u.info["stationary"] for u in noise} == {"yes", "no"}


def test_noise_stays_inside_full_scale_at_a_sane_level(noise: list[Utterance]) -> None:
    for utterance in noise:
        samples = read_audio(utterance.audio).samples
        assert np.abs(samples).max() <= 0.96
        assert -31.0 < power_to_db(float(np.mean(samples.astype(np.float64) ** 2))) < -29.0


def test_every_prompt_comes_in_every_style_with_its_split_and_speaker(
    small_folder: Path, prepared: PreparedCorpus
) -> None:
    assert len(prepared.utterances) == 4 * len(STYLES)
    assert {u.labels["emotion"] for u in prepared.utterances} == set(STYLES)
    sources = {u.id: u for u in read_manifest(small_folder / "speech.jsonl")}
    for utterance in prepared.utterances:
        source = sources[utterance.id.rpartition("__")[0]]
        assert (utterance.speaker, utterance.split) == (source.speaker, source.split)
        assert audio_info(utterance.audio).num_samples == utterance.num_samples
        assert np.abs(read_audio(utterance.audio).samples).max() < 0.99


def test_preparing_again_gives_the_same_bytes(small_folder: Path, prepared: PreparedCorpus, tmp_path: Path) -> None:
    again = prepare_sample(small_folder, tmp_path)
    assert [u.audio.read_bytes() for u in again.utterances] == [u.audio.read_bytes() for u in prepared.utterances]


def test_finished_files_are_kept_and_missing_ones_made(small_folder: Path, tmp_path: Path) -> None:
    first = prepare_sample(small_folder, tmp_path).utterances
    kept, lost = first[0].audio, first[1].audio
    stamp, contents = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    prepare_sample(small_folder, tmp_path)
    assert kept.stat().st_mtime_ns == stamp
    assert lost.read_bytes() == contents


def test_styles_differ_in_pitch_in_the_stated_order(prepared: PreparedCorpus) -> None:
    medians: dict[str, dict[str, float]] = defaultdict(dict)
    for utterance in prepared.utterances:
        track = pitch_track(read_audio(utterance.audio).samples, 16000)
        medians[utterance.speaker][str(utterance.labels["emotion"])] = float(np.median(track[track > 0.0]))
    for voice in medians.values():
        assert voice["style-lively"] > 1.15 * voice["style-plain"] > 1.15**2 * voice["style-subdued"]


def test_level_of_a_style_is_the_prompts_with_the_stated_change(speech: list[Utterance]) -> None:
    samples = read_audio(speech[0].audio).samples
    styled = render_style(samples, 16000, pitch_marks(samples, 16000), Style(semitones=3.0, tilt=2.0, level_db=1.0))
    change = active_level(styled, 16000).power / active_level(samples, 16000).power
    assert power_to_db(change) == pytest.approx(1.0 + HEADROOM_DB, abs=0.01)


def test_an_utterances_own_deviation_is_fixed_and_stays_near_the_rule() -> None:
    styles = [style_of(f"prompt{i}", "style-lively") for i in range(50)]
    assert styles == [style_of(f"prompt{i}", "style-lively") for i in range(50)]
    assert len({style.level_db for style in styles}) > 40
    rule = STYLES["style-lively"]
    assert all(abs(style.semitones - rule.semitones) <= 0.5 for style in styles)
    assert all(abs(style.rate / rule.rate - 1.0) <= 0.051 for style in styles)


def test_ratings_follow_the_rule_within_the_scale_that_the_card_names(prepared: PreparedCorpus) -> None:
    assert prepared.card.attribute_scale == RATING_SCALE
    assert any("Ratings of arousal" in note and "rule" in note for note in prepared.card.notes)
    for name in ("arousal", "valence", "dominance"):
        rated = [float(one.labels[name]) for one in prepared.utterances]
        assert all(RATING_SCALE[0] <= value <= RATING_SCALE[1] for value in rated)
        lively, subdued = (
            [v for v, u in zip(rated, prepared.utterances, strict=True) if u.labels["emotion"] == style]
            for style in ("style-lively", "style-subdued")
        )
        assert min(lively) > 4.0 > max(subdued)


def test_ratings_of_the_most_extreme_deviations_stay_within_the_scale() -> None:
    rules = [STYLES[f"style-{name}"] for name in ("lively", "subdued")]
    for rule, sign in zip(rules, (1.0, -1.0), strict=True):
        extreme = replace(
            rule,
            semitones=rule.semitones + sign * PITCH_SPREAD,
            rate=rule.rate * (1.0 + sign * RATE_SPREAD),
            level_db=rule.level_db + sign * LEVEL_SPREAD_DB,
        )
        assert all(RATING_SCALE[0] < value < RATING_SCALE[1] for value in ratings_of(extreme).values())


def test_card_says_that_labels_are_made_by_rule(prepared: PreparedCorpus) -> None:
    assert prepared.card.synthetic
    assert any("made by documented prosody rules" in note for note in prepared.card.notes)


def test_recorded_noise_is_used_where_it_lies_and_noise_made_by_rule_is_for_training_alone(
    tmp_path: Path, noise: list[Utterance]
) -> None:
    corpus = prepare_sample_noise(None, tmp_path)
    recorded, made = corpus.utterances[: len(noise)], corpus.utterances[len(noise) :]
    assert recorded == noise
    assert {(one.split, one.info["noise_class"]) for one in made} == {("train", "synthetic")}
    num_training = sum(one.split == "train" for one in corpus.utterances)
    assert any(f"{len(made)} of the {num_training} noises" in note for note in corpus.card.notes)


@pytest.mark.parametrize("name", ["sample", "sample-noise"])
def test_both_corpora_are_registered(name: str) -> None:
    assert CORPORA.load(name) in (prepare_sample, prepare_sample_noise)


def test_a_sample_folder_without_a_card_is_refused(small_folder: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / "speech.jsonl", read_manifest(small_folder / "speech.jsonl")[:1])
    with pytest.raises(NoInput, match="no card") as caught:
        prepare_sample(tmp_path, tmp_path / "out")
    assert caught.value.hint
