"""What starting costs: each case in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "scipy", "librosa", "speechbrain", "torchaudio", "matplotlib", "onnxruntime", "transformers")
PROBE = """
import json, resource, sys
sys.argv = ["merit", *json.loads(sys.argv[1])]
from merit_cli.cli.app import main
try:
    main()
except SystemExit as stop:
    code = stop.code
used = resource.getrusage(resource.RUSAGE_SELF)
facts = {"code": code, "seconds": used.ru_utime + used.ru_stime, "modules": sorted(sys.modules)}
print(json.dumps(facts), file=sys.stderr)
"""


def probe(*arguments: str) -> tuple[str, dict[str, object]]:
    command = [sys.executable, "-c", PROBE, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("arguments", [["--help"], ["mix", "--help"], ["classify-breath", "train", "--help"]])
def test_help_takes_under_half_a_second_and_imports_nothing_heavy(arguments: list[str]) -> None:
    text, used = probe(*arguments)
    assert used["code"] == 0
    assert "Example" in text
    assert not set(HEAVY) & set(used["modules"])  # type: ignore[call-overload]
    assert min(probe(*arguments)[1]["seconds"] for _ in range(3)) < 0.5  # type: ignore[type-var]


def test_a_mix_runs_without_torch(tmp_path: object, speech_folder: object, noise_folder: object) -> None:
    _, used = probe("mix", str(speech_folder), str(noise_folder), "--snr", "-5", "-o", f"{tmp_path}/o")
    assert used["code"] == 0
    assert not {"torch", "librosa", "speechbrain"} & set(used["modules"])  # type: ignore[call-overload]


def test_the_version_is_printed() -> None:
    from merit_cli import __version__

    assert probe("--version")[0].strip() == f"merit {__version__}"
