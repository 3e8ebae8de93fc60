"""The bundled sample: three speaking styles, made by rule from real prompts, and real noise clips.

Emotion labels with a licence that lets them be passed on are not to be had, so the labels are the
styles below. What sets them apart are pitch, pitch range, rate and spectral tilt, changed relative
to the voice's own; the directions are those of high and low arousal (K. Scherer 2003, "Vocal
communication of emotion", table 2), the amounts ours. Rate and level move little, and each utterance
deviates at random, so that duration and level alone do not give the style away.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merit_cli.assets import bundled
from merit_cli.audio.levels import active_level
from merit_cli.audio.pitch import PitchMarks, pitch_marks
from merit_cli.audio.prosody import change_level, change_prosody, change_tilt, changed_length
from merit_cli.config.load import read_yaml
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.synthetic_noise import synthetic_clips
from merit_cli.errors import MeritError, NoInput
from merit_cli.io.audio_file import audio_info, read_audio, write_audio
from merit_cli.manifests.read_write import CARD_NAME, Card, read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.units import power_to_db

SAMPLE_FOLDER = "data_manifests/sample"
SEED = 0
HEADROOM_DB = -12.0
"""Added to every level, so that no style reaches full scale."""
NUM_SYNTHETIC_NOISES = 60
PITCH_SPREAD, RATE_SPREAD, LEVEL_SPREAD_DB = 0.5, 0.05, 3.0
"""Each utterance's own pitch (semitones), rate (share) and level lie uniformly within these of the style's."""


RATING_SCALE = (1.0, 7.0)


@dataclass(frozen=True)
class Style:
    """How a style differs from the prompt as recorded.

    Args:
        semitones: On the pitch.
        pitch_range: Factor on its distance from the median.
        rate: Factor on the speaking rate.
        tilt: Of the spectrum, in dB per octave.
        level_db: On the active level.
    """

    semitones: float = 0.0
    pitch_range: float = 1.0
    rate: float = 1.0
    tilt: float = 0.0
    level_db: float = 0.0


STYLES = {
    "style-lively": Style(semitones=5.0, pitch_range=1.5, rate=1.1, tilt=3.0, level_db=1.0),
    "style-plain": Style(),
    "style-subdued": Style(semitones=-5.0, pitch_range=0.5, rate=0.9, tilt=-3.0, level_db=-1.0),
}


def prepare_sample(raw: Path | None, output: Path) -> PreparedCorpus:
    """Every bundled prompt in the three styles, below ``output/speech``.

    Args:
        raw: A folder to take instead of the bundled one, laid out alike; commonly None.
        output: Where the rendered files go; files that are there with the right length are kept.

    Raises:
        NoInput: This installation does not carry the sample.
        Unavailable: The output cannot be written.
    """
    folder = raw or bundled(SAMPLE_FOLDER)
    utterances = []
    for prompt in read_manifest(folder / "speech.jsonl"):
        targets = {name: _styled_line(prompt, name, output) for name in STYLES}
        missing = [name for name, (line, _) in targets.items() if not _is_rendered(line)]
        if missing:
            samples = read_audio(prompt.audio).samples
            marks = pitch_marks(samples, prompt.sample_rate)
            for name in missing:
                line, style = targets[name]
                write_audio(line.audio, render_style(samples, prompt.sample_rate, marks, style), prompt.sample_rate)
        utterances += [line for line, _ in targets.values()]
    return PreparedCorpus(utterances, _card(folder))


def prepare_sample_noise(raw: Path | None, output: Path) -> PreparedCorpus:
    """The bundled noise clips where they lie, and beside them clips made by rule for training.

    Ten recordings are few to learn from what noise is; `corpora.synthetic_noise` adds to them in the
    train split only. Dev and test are recordings.

    Raises:
        NoInput: This installation does not carry the sample.
        Unavailable: The output cannot be written.
    """
    folder = raw or bundled(SAMPLE_FOLDER)
    words = _card(folder)
    notes = tuple(str(note) for note in read_yaml(folder / CARD_NAME).get("noise_notes", ()))
    card = words.model_copy(
        update={"name": "sample-noise", "synthetic": False, "notes": notes, "attribute_scale": None}
    )
    clips = synthetic_clips(output, NUM_SYNTHETIC_NOISES)
    return PreparedCorpus([*read_manifest(folder / "noise.jsonl"), *clips], card)


def style_of(prompt_id: str, name: str) -> Style:
    """The style as this prompt gets it: the rule with the utterance's own small deviation."""
    rule = STYLES[name]
    pitch, rate, level = _generator(SEED, "style", prompt_id, name).uniform(-1.0, 1.0, 3)
    return Style(
        semitones=round(rule.semitones + PITCH_SPREAD * pitch, 2),
        pitch_range=rule.pitch_range,
        rate=round(rule.rate * (1.0 + RATE_SPREAD * rate), 3),
        tilt=rule.tilt,
        level_db=round(rule.level_db + LEVEL_SPREAD_DB * level, 2),
    )


def ratings_of(style: Style) -> dict[str, float]:
    """Arousal, valence and dominance of a style on 1 to 7, by a rule of ours; nobody gave them.

    4 for the prompt as recorded. Arousal rises with pitch and rate, valence with pitch range and a little with
    pitch, dominance with spectral tilt and level: three different mixtures of what is to be heard, so that three
    columns can be told apart. What people would say of these signals is not known.

    >>> ratings_of(Style())
    {'arousal': 4.0, 'valence': 4.0, 'dominance': 4.0}
    >>> ratings_of(STYLES["style-lively"])
    {'arousal': 6.4, 'valence': 5.88, 'dominance': 5.75}
    """
    ratings = {
        "arousal": round(4.0 + 0.4 * style.semitones + 4.0 * (style.rate - 1.0), 3),
        "valence": round(4.0 + 1.5 * math.log2(style.pitch_range) + 0.2 * style.semitones, 2),
        "dominance": round(4.0 + 0.5 * style.tilt + 0.25 * style.level_db, 3),
    }
    return {name: float(value) for name, value in ratings.items()}


def render_style(
    samples: npt.NDArray[np.floating], sample_rate: int, marks: PitchMarks, style: Style
) -> npt.NDArray[np.float64]:
    """A prompt (N,) in a style; its active level is the prompt's, plus the style's and `HEADROOM_DB`."""
    spoken = change_prosody(samples, marks, semitones=style.semitones, pitch_range=style.pitch_range, rate=style.rate)
    tilted = change_tilt(spoken, sample_rate, db_per_octave=style.tilt)
    before, after = (power_to_db(active_level(signal, sample_rate).power) for signal in (samples, tilted))
    return change_level(tilted, level_db=before - after + style.level_db + HEADROOM_DB)


def _styled_line(prompt: Utterance, name: str, output: Path) -> tuple[Utterance, Style]:
    """The manifest line of a prompt in a style, whether rendered or not, and the style."""
    style = style_of(prompt.id, name)
    short = name.removeprefix("style-")
    rule = (
        f"{style.semitones:+.2f} semitones, range x{style.pitch_range}, rate x{style.rate}, "
        f"tilt {style.tilt:+.1f} dB/octave, level {style.level_db + HEADROOM_DB:+.2f} dB"
    )
    line = Utterance(
        id=f"{prompt.id}__{short}",
        audio=output / "speech" / prompt.speaker / f"{prompt.audio.stem}__{short}.flac",
        sample_rate=prompt.sample_rate,
        num_samples=changed_length(prompt.num_samples, style.rate),
        speaker=prompt.speaker,
        split=prompt.split,
        labels={"emotion": name, **ratings_of(style)},
        info={**prompt.info, "style_rule": rule},
    )
    return line, style


def _is_rendered(line: Utterance) -> bool:
    """Whether the file is there whole; files appear by rename."""
    try:
        return audio_info(line.audio).num_samples == line.num_samples
    except MeritError:
        return False


def _card(folder: Path) -> Card:
    card = read_card(folder / "speech.jsonl")
    if card is None:
        raise NoInput(
            "the sample has no card", place=str(folder), hint="give the folder of the bundled sample, or none"
        )
    return card


def _generator(seed: int, *keys: str | int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments."""
    text = "\0".join(str(key) for key in (seed, *keys))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))
