"""The same metrics by other libraries, each imported when it is asked for."""

import importlib
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
RATE = 16_000


@dataclass(frozen=True)
class Library:
    """One library.

    Args:
        name: As it is installed.
        module: As it is imported.
        metrics: Our name of a signal metric, to the library's value of (clean, noisy) at 16 kHz.
    """

    name: str
    module: str
    metrics: dict[str, Callable[[Array, Array], float]]

    @property
    def version(self) -> str | None:
        """Its version; None where it is not installed."""
        if importlib.util.find_spec(self.module) is None:
            return None
        try:
            return importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return str(getattr(importlib.import_module(self.module), "__version__", "unknown"))


def _torchmetrics(function: str, **options: object) -> Callable[[Array, Array], float]:
    def value(clean: Array, noisy: Array) -> float:
        import torch

        audio = importlib.import_module("torchmetrics.functional.audio")
        return float(getattr(audio, function)(torch.tensor(noisy), torch.tensor(clean), **options))

    return value


def _stoi(extended: bool) -> Callable[[Array, Array], float]:  # noqa: FBT001
    return lambda clean, noisy: float(_call("pystoi", "stoi", clean, noisy, RATE, extended=extended))


def _speechbrain_stoi(clean: Array, noisy: Array) -> float:
    import torch

    batch = (torch.tensor(one, dtype=torch.float32)[None] for one in (noisy, clean))
    return -float(_call("speechbrain.nnet.loss.stoi_loss", "stoi_loss", *batch, torch.ones(1)))


def _speechbrain_si_snr(clean: Array, noisy: Array) -> float:
    import torch

    source, estimate = (torch.tensor(one)[:, None, None] for one in (clean, noisy))
    return -float(_call("speechbrain.nnet.losses", "cal_si_snr", source, estimate))


def _mir_eval_sdr(clean: Array, noisy: Array) -> float:
    return float(_call("mir_eval.separation", "bss_eval_sources", clean[None], noisy[None])[0][0])


def _fast_bss_eval_sdr(clean: Array, noisy: Array) -> float:
    return float(_call("fast_bss_eval", "sdr", clean[None], noisy[None])[0])


def _pysepm(function: str, place: int | None = None) -> Callable[[Array, Array], float]:
    def value(clean: Array, noisy: Array) -> float:
        found = _call("pysepm.qualityMeasures", function, clean, noisy, RATE)
        return float(found if place is None else found[place])

    return value


def _pysepm_llr(clean: Array, noisy: Array) -> float:
    return float(_call("pysepm.qualityMeasures", "llr", clean, noisy, RATE, used_for_composite=True))


def _dnsmos(rating: str) -> Callable[[Array, Array], float]:
    return lambda _, noisy: float(_call("speechmos.dnsmos", "run", noisy, RATE)[rating])


def _pyin_error(clean: Array, noisy: Array) -> float:
    tracks = []
    for one in (clean, noisy):
        pitch, voiced, _ = _call("librosa", "pyin", one, fmin=80.0, fmax=450.0, sr=RATE, hop_length=160)
        tracks.append(np.where(voiced, pitch, 0.0))
    both = (tracks[0] > 0) & (tracks[1] > 0)
    return float(np.sqrt(np.mean((1200 * np.log2(tracks[1][both] / tracks[0][both])) ** 2)))


def _call(module: str, function: str, *arguments: Any, **options: Any) -> Any:  # the libraries have no types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(importlib.import_module(module), function)(*arguments, **options)


SIGNAL_LIBRARIES = (
    Library(
        "torchmetrics",
        "torchmetrics",
        {
            "snr_db": _torchmetrics("signal_noise_ratio"),
            "si_sdr_db": _torchmetrics("scale_invariant_signal_distortion_ratio", zero_mean=True),
            "sdr_db": _torchmetrics("signal_distortion_ratio"),
        },
    ),
    Library("mir_eval", "mir_eval", {"sdr_db": _mir_eval_sdr}),
    Library("fast_bss_eval", "fast_bss_eval", {"sdr_db": _fast_bss_eval_sdr}),
    Library(
        "pesq",
        "pesq",
        {
            "pesq_wb": lambda clean, noisy: float(_call("pesq", "pesq", RATE, clean, noisy, "wb")),
            "pesq_nb": lambda clean, noisy: float(_call("pesq", "pesq", RATE, clean, noisy, "nb")),
        },
    ),
    Library("pystoi", "pystoi", {"stoi": _stoi(extended=False), "estoi": _stoi(extended=True)}),
    Library("speechbrain", "speechbrain", {"si_sdr_db": _speechbrain_si_snr, "stoi": _speechbrain_stoi}),
    Library(
        "pysepm",
        "pysepm",
        {
            "ssnr_db": _pysepm("SNRseg"),
            "fwssnr_db": _pysepm("fwSNRseg"),
            "wss": _pysepm("wss"),
            "llr": _pysepm_llr,
            "csig": _pysepm("composite", 0),
            "cbak": _pysepm("composite", 1),
            "covl": _pysepm("composite", 2),
        },
    ),
    Library(
        "speechmos",
        "speechmos",
        {
            "dnsmos_ovrl": _dnsmos("ovrl_mos"),
            "dnsmos_sig": _dnsmos("sig_mos"),
            "dnsmos_bak": _dnsmos("bak_mos"),
        },
    ),
    Library("librosa", "librosa", {"f0_rmse_cents": _pyin_error}),
)
