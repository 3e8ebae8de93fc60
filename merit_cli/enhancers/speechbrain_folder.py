"""SpeechBrain's pretrained enhancement networks, from a folder with ``hyperparams.yaml``, or from a hub when asked.

A folder is run as the class that its keys fit: `SpectralMaskEnhancement` (such as MetricGAN+), `WaveformEnhancement`
(such as MTL-MIMIC) or `SepformerSeparation`, of whose sources one is taken. The network sees a whole signal; long
signals come in chunks.

Such a file is a program: it names the Python objects that are made when it is read. Only networks, layers
and transforms are let through (`speechbrain_trust`), unless ``trust`` says that the folder may run what it
likes. No file is looked for outside the folder.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from merit_cli import torchaudio_bridge
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray, Kind
from merit_cli.enhancers.speechbrain_hub import HUB_TIME_LIMIT_S, fetch_from_hub
from merit_cli.enhancers.speechbrain_trust import HYPERPARAMS, check_hyperparams
from merit_cli.errors import BadData, MeritError, NoInput, Unavailable
from merit_cli.io.hashing import sha256_of_file

Interface = Literal["spectral-mask", "waveform", "separation"]
_SHORTEST_S = 0.1


def load_interface(folder: Path) -> tuple[Interface, Any]:  # Any: the package has no types
    """The model in a folder, and what it is.

    Raises:
        BadData: Its files do not fit together, or are of no class that enhances.
        NoInput: A file of parameters is missing.
    """
    torchaudio_bridge.install()  # speechbrain imports torchaudio
    from hyperpyyaml import load_hyperpyyaml  # type: ignore[import-untyped]
    from speechbrain.inference.enhancement import SpectralMaskEnhancement, WaveformEnhancement
    from speechbrain.inference.separation import SepformerSeparation

    kind: Interface
    try:
        with (folder / HYPERPARAMS).open(encoding="utf-8") as text:
            hparams = load_hyperpyyaml(text)
        modules = hparams["modules"]
        if {"encoder", "masknet", "decoder"} <= {*modules}:
            kind, interface = "separation", SepformerSeparation
        elif "enhance_model" in modules:
            is_mask = {"compute_stft", "spectral_magnitude", "resynth"} <= {*hparams}
            kind, interface = (
                ("spectral-mask", SpectralMaskEnhancement) if is_mask else ("waveform", WaveformEnhancement)
            )
        else:
            raise BadData(f"the model's parts {sorted(modules)} are of no class that enhances", place=str(folder))
        if "pretrainer" in hparams:
            _load_parameters(hparams["pretrainer"], folder)
        return kind, interface(modules=modules, hparams=hparams)
    except MeritError:
        raise
    except Exception as error:  # whatever the objects that the file names raise
        words = (str(error).splitlines() or [""])[0]
        raise BadData(f"the model cannot be made: {type(error).__name__}: {words}", place=str(folder)) from error


def _load_parameters(pretrainer: Any, folder: Path) -> None:
    """Load each part from the folder, by the name its path ends in, wherever that path leads."""
    for name in pretrainer.loadables:
        if not pretrainer.is_loadable(name):
            continue
        path = folder / Path(str(pretrainer.paths.get(name, f"{name}.ckpt"))).name
        if not path.is_file():
            raise NoInput(f"the folder holds no parameters of {name!r}", place=str(path))
        pretrainer.paths[name] = str(path)
        pretrainer.is_local.append(name)
    pretrainer.load_collected()


class SpeechBrainEngine:
    """Runs a model on the CPU.

    Args:
        folder: Holds it.
        source: Which source of a separation, from 0.
    """

    delay = 0
    streams = False

    def __init__(self, folder: Path, *, source: int = 0) -> None:
        self.kind, self.model = load_interface(folder)
        self.model.eval()
        hparams = self.model.hparams
        stft = getattr(hparams, "compute_stft", None)
        rate = getattr(hparams, "sample_rate", None) or getattr(stft, "sample_rate", None) or 16000
        self.sample_rate: int | None = int(rate)
        self._source, self._folder = source, folder

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """As many samples as went in.

        Raises:
            BadData: The model fails, or gives another length.
        """
        import torch

        assert sample_rate == self.sample_rate, f"the model takes {self.sample_rate} Hz, got {sample_rate}"
        padded = np.pad(noisy_N, (0, max(0, round(_SHORTEST_S * sample_rate) - len(noisy_N))))
        try:
            with torch.inference_mode():
                made = self._run(torch.from_numpy(padded)[None]).reshape(-1).numpy()
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            words = (str(error).splitlines() or [""])[0]
            raise BadData(f"the model fails: {words}", place=str(self._folder)) from error
        if abs(len(made) - len(padded)) > sample_rate // 10:
            raise BadData(f"the model turned {len(padded)} samples into {len(made)}", place=str(self._folder))
        fitted: FloatArray = np.pad(made, (0, max(0, len(padded) - len(made))))[: len(noisy_N)].astype(np.float32)
        return fitted

    def _run(self, noisy: Any) -> Any:
        import torch

        if self.kind == "separation":
            return self.model.separate_batch(noisy)[..., self._source]
        lengths = torch.ones(1) if self.kind == "spectral-mask" else None
        return self.model.enhance_batch(noisy, lengths=lengths)


class SpeechBrainConfig(EnhancerConfig):
    """A SpeechBrain model.

    Attributes:
        model: Its folder; with ``hub`` its name on the hub, such as ``speechbrain/metricgan-plus-voicebank``.
        hub: Whether to fetch it from the hub into the hub's own cache; the network is touched for nothing else.
        trust: Whether its ``hyperparams.yaml`` may run any Python.
        source: Which source of a separation, from 0.
    """

    name: Literal["speechbrain"] = "speechbrain"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "as its folder says"
    model: str = ""
    hub: bool = False
    trust: bool = False
    source: int = 0

    def folder(self) -> Path:
        """The folder of the model, fetched where the hub is asked for.

        Raises:
            Unavailable: No model is given, or the hub cannot be reached in time.
            NoInput: There is no such folder.
        """
        if not self.model:
            hint = "--set enhancer.model=FOLDER, which holds hyperparams.yaml; or a hub's name and enhancer.hub=true"
            raise Unavailable("the enhancer speechbrain needs a model", hint=hint)
        if self.hub:
            return fetch_from_hub(self.model, time_limit=HUB_TIME_LIMIT_S)
        if not Path(self.model).is_dir():
            hint = "give a folder; a hub is asked only with --set enhancer.hub=true"
            raise NoInput("there is no such folder", place=self.model, hint=hint)
        return Path(self.model)

    def engine(self) -> Engine:
        """The engine on the model.

        Raises:
            Unavailable: No model is given, or the hub cannot be reached in time.
            NoInput: The folder or a file in it is missing.
            BadData: The model would run what is not trusted, or does not fit together.
        """
        folder = self.folder()
        if not self.trust:
            check_hyperparams(folder / HYPERPARAMS)
        return SpeechBrainEngine(folder, source=self.source)

    def content(self) -> str:
        """The sha256 of every file in the folder."""
        return "+".join(sha256_of_file(path) for path in sorted(self.folder().iterdir()) if path.is_file())

    def num_parameters(self) -> int | None:
        """Of all its parts."""
        engine = self.engine()
        assert isinstance(engine, SpeechBrainEngine), "engine() makes one"
        return int(sum(parameter.numel() for parameter in engine.model.parameters()))
