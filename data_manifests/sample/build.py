"""Rebuild this folder from Debian packages. For maintainers; users never need it.

    mkdir /tmp/debs && cd /tmp/debs && apt-get download \
        asterisk-core-sounds-{en,fr,it,ru}-g722=1.6.1-1 openttd-opensfx=1.0.3-2 sonic-pi-samples=3.2.2~repack-8
    python data_manifests/sample/build.py /tmp/debs

Needs ``dpkg-deb`` and the extra ``dev`` (G722). The packages are checked by sha256, so the same
libsndfile writes the same bytes. What is selected stands below; what is done to it, in the card.
"""

import io
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import yaml
from G722 import G722

from merit_cli.io.audio_file import audio_info, write_audio
from merit_cli.io.hashing import sha256_of_file
from merit_cli.manifests.read_write import write_manifest
from merit_cli.manifests.utterance import Utterance, id_of_path

HERE = Path(__file__).resolve().parent
RATE = 16000
Signal = npt.NDArray[np.float64]

PACKAGES = {
    "asterisk-core-sounds-en-g722_1.6.1-1_all.deb": "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806",
    "asterisk-core-sounds-fr-g722_1.6.1-1_all.deb": "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0",
    "asterisk-core-sounds-it-g722_1.6.1-1_all.deb": "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016",
    "asterisk-core-sounds-ru-g722_1.6.1-1_all.deb": "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b",
    "openttd-opensfx_1.0.3-2_all.deb": "2898b4677a3caccc4abc08fb4cf83319047b5a04729291deb5c77a8cd713c006",
    "sonic-pi-samples_3.2.2~repack-8_all.deb": "25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d",
}


class Voice(NamedTuple):
    """One speaker of the Asterisk prompts. Licence and author as in the package's copyright file."""

    speaker: str
    language: str
    split: str
    licence: str
    author: str
    prompts: str


# The train voices have the lowest (it, male) and the highest (ru) pitch, so that dev and test lie between them.
VOICES = {
    "it_IT_m_Carlo": Voice(
        "carlo", "it", "train", "CC-BY-3.0", "Carlo Flora (http://www.carloflora.com)",
        """call-fwd-unconditional conf-unlockednow conf-waitforleader confbridge-inc-list-vol-in confbridge-invalid
        confbridge-removed pbx-parkingfailed please-try-again priv-callpending privacy-to-blacklist-last-caller
        queue-thankyou simul-call-limit-reached to-call-this-number transfer vm-calldiffnum vm-login vm-marked-urgent
        vm-msgforwarded vm-repeat vm-savemessage vm-sorry vm-then-pound""",
    ),
    "ru_RU_f_IvrvoiceRU": Voice(
        "ivrvoice", "ru", "train", "CC-BY-3.0", "Maxim Topal (http://www.ivrvoice.ru)",
        """agent-loginok agent-newlocation call-forwarding call-waiting conf-getchannel conf-leaderhasleft conf-thereare
        conf-unmuted confbridge-dec-list-vol-in confbridge-has-joined confbridge-inc-talk-vol-in
        confbridge-inc-talk-vol-out confbridge-only-one dir-nomore dir-pls-enter from-unknown-caller invalid
        speed-dial-empty to-rerecord-it vm-deleted vm-newpassword vm-reenterpassword""",
    ),
    "fr_CA_f_June": Voice(
        "june", "fr", "dev", "CC-BY-SA-3.0", "June Wallack (http://www.junewallack.com)",
        """check-number-dial-again conf-errormenu conf-hasjoin conf-muted conf-placeintoconf confbridge-conf-end
        demo-echodone demo-moreinfo feature-not-avail-line priv-recordintro queue-thereare telephone-number vm-advopts
        vm-duration vm-enter-num-to-call vm-nobodyavail vm-nonumber vm-onefor vm-star-cancel vm-tocancel
        vm-toenternumber vm-toreply""",
    ),
    "en_US_f_Allison": Voice(
        "allison", "en", "test", "CC-BY-SA-3.0", "Allison Smith (http://www.theivrvoice.com)",
        """all-circuits-busy-now cannot-complete-as-dialed conf-hasleft conf-locked conf-nonextended conf-userswilljoin
        conf-userwilljoin confbridge-conf-begin dir-first dir-firstlast pls-hold-while-try queue-quantity1
        vm-from-phonenumber vm-prev vm-reachoper vm-review-urgent vm-tempgreeting vm-tocancelmsg vm-tohearenv
        vm-tooshort vm-undelete vm-undeleted""",
    ),
}  # fmt: skip


class Clip(NamedTuple):
    """One noise clip: index in OpenSFX's container, or name in sonic-pi-samples."""

    noise_class: str
    name: str
    split: str
    stationary: str
    source: int | str
    licence: str
    author: str


BY, CC0 = "CC-BY-3.0", "CC0-1.0"
# No source recording (the originals named in OpenSFX's own comments) is used in two splits.
NOISES = (
    Clip("jet", "early_jet", "train", "yes", 9, BY, "digifishmusic (freesound 54965), edited by Wuzzy"),
    Clip("engine", "old_bus", "train", "yes", 28, BY, "roscoetoon (freesound 26814), edited by Janis Lukss"),
    Clip("saw", "sawmill", "train", "yes", 40, BY, "Benboncan (freesound 60178), edited by Wuzzy"),
    Clip("propeller", "cessna", "train", "yes", 8, BY, "Cheeseheadburger (freesound 141519), edited by Wuzzy"),
    Clip("sparks", "jacobs_ladder", "train", "yes", 12, BY, "Halleck (freesound 19483), edited by Janis Lukss"),
    Clip("hiss", "vinyl_hiss", "train", "yes", "vinyl_hiss", CC0, "veezay (freesound 130393)"),
    Clip("rumble", "drum_roll", "train", "yes", "drum_roll", CC0, "Heigh-hoo (freesound 19433)"),
    Clip("traffic", "truck", "train", "no", 25, CC0, "saphix (freesound 36794), edited by Wuzzy"),
    Clip("bell", "level_crossing", "train", "no", 14, CC0, "Mark_Ian (freesound 240639), edited by Wuzzy"),
    Clip("bubbles", "plastic_mine", "train", "no", 51, BY,
         "Goldy-sama (freesound 4239) and suonho (freesound 17783), edited by Richard Wheeler"),
    Clip("jet", "modern_jet", "dev", "yes", 61, CC0, "ibisradio (freesound 328446), edited by Wuzzy"),
    Clip("applause", "audience", "dev", "yes", 29, BY, "lonemonk (freesound 31169), edited by Wuzzy"),
    Clip("jackhammer", "air_hammer", "dev", "yes", 33, BY, "Bluesy1905 (freesound 344934), edited by Wuzzy"),
    Clip("tree", "falling_tree", "dev", "no", 55, CC0, "fkurz (freesound 169127), edited by Wuzzy"),
    Clip("jet", "mach_jet", "test", "yes", 59, BY, "bigpickle51 (freesound 219469), edited by Wuzzy"),
    Clip("saw", "chainsaw", "test", "yes", 56, BY, "JFBSAUVE (freesound 19898), edited by Janis Lukss"),
    Clip("machine", "printer_3d", "test", "yes", "loop_3d_printer", CC0, "hullum (freesound 415571)"),
    Clip("steam", "sauna", "test", "yes", "ambi_sauna", CC0, "hullum (freesound 415551)"),
    Clip("wind", "wind", "test", "yes", 52, BY, "Anton (freesound 2690), edited by Janis Lukss"),
    Clip("hammering", "bridge", "test", "no", 39, BY, "l0calh05t (freesound 19027), edited by Wuzzy"),
    Clip("birds", "tropical_bird", "test", "no", 72, CC0, "SpaceJoe (freesound 507254), edited by Wuzzy"),
)  # fmt: skip
LICENCE_WORDS = {
    BY: b"License: Creative Commons Attribution 3.0 Unported.",
    CC0: b"License: Creative Commons Zero 1.0.",
}

SPEECH_RANGE_DB, SPEECH_MARGIN = 40.0, 0.05
NOISE_RANGE_DB, NOISE_MAX_SECONDS, NOISE_RMS_DB, NOISE_PEAK = 12.0, 6.0, -30.0, 0.95
STATIONARY_LEVEL_DB, STATIONARY_SPECTRUM_DB = 4.5, 8.0


def main(debs: Path) -> None:
    """Write speech/, noise/, both manifests and the card."""
    for folder in ("speech", "noise"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = unpack(debs, Path(temporary))
        speech, speech_files = write_speech(root)
        noise, noise_files = write_noise(root)
    write_manifest(HERE / "speech.jsonl", sorted(speech, key=lambda u: u.id))
    write_manifest(HERE / "noise.jsonl", sorted(noise, key=lambda u: u.id))
    write_card(sorted([*speech_files, *noise_files], key=lambda entry: entry["path"]))


def unpack(debs: Path, root: Path) -> Path:
    """The contents of all packages, checked first."""
    for name, sha256 in PACKAGES.items():
        found = sha256_of_file(debs / name)
        if found != sha256:
            raise SystemExit(f"{name} has sha256 {found}, expected {sha256}")
        subprocess.run(["dpkg-deb", "-x", str(debs / name), str(root)], check=True)
    return root


def write_speech(root: Path) -> tuple[list[Utterance], list[dict[str, str]]]:
    """Prompts cut to speech, otherwise as recorded."""
    utterances, files = [], []
    for folder, voice in VOICES.items():
        for prompt in voice.prompts.split():
            raw = (root / "usr/share/asterisk/sounds" / folder / f"{prompt}.g722").read_bytes()
            samples = np.asarray(G722(RATE, 64000).decode(raw), np.int16) / 32768.0
            path = HERE / "speech" / voice.speaker / f"{prompt}.flac"
            write_audio(path, trim(samples, SPEECH_RANGE_DB, frame=RATE // 100, margin=SPEECH_MARGIN), RATE)
            info = {"prompt": prompt, "language": voice.language}
            utterances.append(utterance(path, HERE / "speech", speaker=voice.speaker, split=voice.split, info=info))
            package = f"asterisk-core-sounds-{voice.language}-g722 1.6.1-1"
            files.append(file_entry(path, voice.licence, package, f"{folder}/{prompt}.g722", voice.author))
    return utterances, files


def write_noise(root: Path) -> tuple[list[Utterance], list[dict[str, str]]]:
    """Clips at 16 kHz, cut to their loud part and to -30 dBFS."""
    utterances, files = [], []
    container = (root / "usr/share/games/openttd/baseset/opensfx/opensfx.cat").read_bytes()
    for clip in NOISES:
        if isinstance(clip.source, int):
            comment, encoded = opensfx_clip(container, clip.source)
            assert LICENCE_WORDS[clip.licence] in comment, f"{clip.name}: {comment!r}"
            package, original = (
                "openttd-opensfx 1.0.3-2",
                f"opensfx.cat, clip {clip.source} (osfx_{clip.source:02d}.wav)",
            )
        else:
            encoded = (root / f"usr/share/sonic-pi/samples/{clip.source}.flac").read_bytes()
            package, original = "sonic-pi-samples 3.2.2~repack-8", f"{clip.source}.flac"
        stereo, rate = soundfile.read(io.BytesIO(encoded), always_2d=True)
        loud = trim(soxr.resample(stereo.mean(axis=1), rate, RATE, quality="HQ"), NOISE_RANGE_DB, frame=RATE // 10)
        loud = loud[: round(NOISE_MAX_SECONDS * RATE)]
        loud *= min(10.0 ** (NOISE_RMS_DB / 20.0) / np.sqrt(np.mean(loud**2)), NOISE_PEAK / np.max(np.abs(loud)))
        assert is_stationary(loud) == (clip.stationary == "yes"), clip.name
        path = HERE / "noise" / clip.noise_class / f"{clip.name}.flac"
        write_audio(path, loud, RATE)
        info = {"noise_class": clip.noise_class, "stationary": clip.stationary}
        utterances.append(utterance(path, HERE / "noise", split=clip.split, info=info))
        files.append(file_entry(path, clip.licence, package, original, clip.author))
    return utterances, files


def opensfx_clip(container: bytes, index: int) -> tuple[bytes, bytes]:
    """Comment and WAV bytes of a clip in OpenTTD's .cat container: a table of offsets and sizes, then name and body."""
    offset, size = struct.unpack_from("<II", container, 8 * index)
    offset &= 0x7FFFFFFF  # the top bit marks the new kind of container
    length = container[offset]
    body = offset + 1 + length
    return container[offset + 1 : body], container[body : body + size]


def trim(samples: Signal, range_db: float, *, frame: int, margin: float = 0.0) -> Signal:
    """From the first to the last frame within ``range_db`` of the loud ones (90th percentile), with a margin in s."""
    powers = np.mean(samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    loud = np.flatnonzero(powers >= np.quantile(powers, 0.9) * 10.0 ** (-range_db / 10.0))
    pad = round(margin * RATE)
    return samples[max(0, loud[0] * frame - pad) : (loud[-1] + 1) * frame + pad].copy()


def is_stationary(samples: Signal) -> bool:
    """Steady level (100 ms) and steady spectrum (32 ms): mean distance of a frame's spectrum from the average, in dB.

    White noise has a distance of about 5.6 dB by the exponential distribution of its periodogram.
    """
    blocks = samples[: len(samples) // 1600 * 1600].reshape(-1, 1600)
    frames = samples[: len(samples) // 512 * 512].reshape(-1, 512) * np.hanning(512)
    powers = np.abs(np.fft.rfft(frames))[:, 4:224] ** 2 + 1e-9
    level_db = float(np.std(10.0 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)))
    spectrum_db = float(np.mean(np.abs(10.0 * np.log10(powers / powers.mean(axis=0)))))
    print(f"level {level_db:.1f} dB, spectrum {spectrum_db:.1f} dB, {len(samples) / RATE:.1f} s", file=sys.stderr)
    return level_db <= STATIONARY_LEVEL_DB and spectrum_db <= STATIONARY_SPECTRUM_DB


def utterance(path: Path, root: Path, *, split: str, info: dict[str, str], speaker: str = "") -> Utterance:
    """The manifest line of a file just written."""
    written = audio_info(path)
    return Utterance(
        id=id_of_path(path, root), audio=path, sample_rate=RATE, num_samples=written.num_samples,
        speaker=speaker, split=split, info=info,
    )  # fmt: skip


def file_entry(path: Path, licence: str, package: str, original: str, author: str) -> dict[str, str]:
    """What the card says of a file."""
    return {
        "path": path.relative_to(HERE).as_posix(), "sha256": sha256_of_file(path), "licence": licence,
        "package": package, "original": original, "author": author,
    }  # fmt: skip


def write_card(files: list[dict[str, str]]) -> None:
    """Put the list of files under the words of the card, which are written by hand."""
    path = HERE / "card.yaml"
    words = path.read_text(encoding="utf-8").split("\nfiles:\n")[0].rstrip("\n")
    listing = yaml.safe_dump(files, sort_keys=False, allow_unicode=True, width=200)
    path.write_text(f"{words}\nfiles:\n{listing}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
