"""Miniatures of corpora in their official layouts, as noise of a few samples."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile


def sound(path: Path, *, sample_rate: int = 16000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(0).standard_normal((160, channels))
    soundfile.write(path, noise, sample_rate)
    return path


def text(path: Path, content: str, *, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))
    return path


def iemocap(root: Path) -> Path:
    for session in range(1, 6):
        base, dialog = root / f"Session{session}", f"Ses0{session}F_impro01"
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        words = []
        for number, (sex, code) in enumerate((("F", "ang"), ("M", "exc"), ("F", "xxx"), ("M", "fru"))):
            turn = f"{dialog}_{sex}{number:03d}"
            sound(base / "sentences" / "wav" / dialog / f"{turn}.wav")
            lines += [
                f"[{number}.2901 - {number}.9357]\t{turn}\t{code}\t[2.5000, 3.5000, 1.5000]",
                "C-E2:\tNeutral;\t()",
            ]
            words.append(f"{turn} [00{number}.2901-00{number}.9357]: Words {number}.")
        text(base / "dialog" / "EmoEvaluation" / f"{dialog}.txt", "\n".join(lines))
        text(base / "dialog" / "EmoEvaluation" / "Categorical" / f"{dialog}_e2_cat.txt", "Ses :Anger; ()")
        text(base / "dialog" / "EmoEvaluation" / f"._{dialog}.txt", "\x00")
        text(base / "dialog" / "transcriptions" / f"{dialog}.txt", "\n".join(words))
        sound(base / "dialog" / "wav" / f"{dialog}.wav")
    return root


MSP_HEAD = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
MSP_ROWS = (
    "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,{train}",
    "MSP-PODCAST_0001_0009.wav,A,6.0,1.5,5.5,30,Male,{train}",
    "MSP-PODCAST_0002_0001.wav,X,3.0,4.0,4.0,Unknown,Unknown,{train}",
    "MSP-PODCAST_0003_0001.wav,H,5.0,6.0,4.5,77,Female,{dev}",
    "MSP-PODCAST_0004_0001.wav,S,2.0,2.0,3.0,91,Female,Test1",
    "MSP-PODCAST_0005_0001.wav,O,4.0,4.0,4.0,92,Male,Test2",
    "MSP-PODCAST_0006_0001.wav,C,4.0,3.0,5.0,93,Male,Test2",
)


def msp_podcast(root: Path, *, release: str) -> Path:
    """A release with its quirks: 1.8 misspells the table and says Validation; 2.0 nests its folders."""
    nested = release == "2.0"
    name = "labels_concensus.csv" if release == "1.8" else "labels_consensus.csv"
    dev = "Validation" if release == "1.8" else "Development"
    rows = [row.format(train="Train", dev=dev) for row in MSP_ROWS]
    labels = root / "Labels" / ("Labels" if nested else "")
    audio = root / "Audios" / ("Audios" if nested else "")
    text(labels / name, "\n".join([MSP_HEAD, *rows]))
    for row in rows:
        stem = row.split(".wav")[0]
        if stem != "MSP-PODCAST_0006_0001":  # missing, as here and there
            sound(audio / f"{stem}.wav", sample_rate=44100 if stem.endswith("0009") else 16000, channels=1)
        text(root / "Transcripts" / f"{stem}.txt", f"words of {stem}\n")
    sound(audio / "MSP-PODCAST_test3_0001.wav", channels=2)
    return root


def crema_d(root: Path, *, actors: int = 6) -> Path:
    emotions: Mapping[str, str] = {"ANG": "LO", "HAP": "XX"}
    votes = ['"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"']
    people = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for actor in range(1001, 1001 + actors):
        people.append(f'{actor},{actor - 980},"{"Male" if actor % 2 else "Female"}","Caucasian","Not Hispanic"')
        for code, level in emotions.items():
            stem = f"{actor}_IEO_{code}_{level}"
            sound(root / "AudioWAV" / f"{stem}.wav")
            text(root / "AudioMP3" / f"{stem}.mp3", "version https://git-lfs.github.com/spec/v1")
            vote = "A:N" if stem == "1001_IEO_HAP_XX" else code[0] if code == "ANG" else "N"
            votes.append(f'"1","{stem}","{vote}","55","{code[0]}","60","{code[0]}","70"')
    text(root / "VideoDemographics.csv", "\n".join(people))
    text(root / "processedResults" / "summaryTable.csv", "\n".join(votes))
    return root


MELD_HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
MELD_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def meld(root: Path) -> Path:
    """Three splits with the same numbers, and one clip without sound."""
    for split, folder in MELD_FOLDERS.items():
        rows = [
            '1,"Oh my God, he\u2019s lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"',
            f'2,What?,{split.title()} Guest,surprise,negative,0,1,4,7,"00:21:01,927","00:21:03,261"',
            '3,Hey!,All,joy,positive,0,2,4,7,"00:21:01,927","00:21:03,261"',
        ]
        encoding = "cp1252" if split == "test" else "utf-8"
        text(root / f"{split}_sent_emo.csv", "\n".join([MELD_HEAD, *rows]), encoding=encoding)
        for number in range(3):
            if (split, number) != ("dev", 1):
                sound(root / folder / f"dia0_utt{number}.wav")
        sound(root / folder / "final_videos_testdia0_utt0.wav")
    return root


def esd(root: Path, *, with_parts: bool) -> Path:
    for speaker, encoding in (("0001", "gb18030"), ("0004", "utf-16"), ("0011", "utf-8"), ("0015", "utf-8")):
        lines = []
        for number, emotion in ((351, "Angry"), (701, "Happy")):
            stem = f"{speaker}_{number:06d}"
            part = "evaluation" if with_parts else ""
            sound(root / speaker / emotion / part / f"{stem}.wav")
            words = "打远一看" if int(speaker) < 11 else "The nine the eggs, I keep."
            lines.append(f"{stem}\t{words}\t{'生气' if int(speaker) < 11 else emotion}")
        text(root / speaker / f"{speaker}.txt", "\n".join(lines), encoding=encoding)
    return root
