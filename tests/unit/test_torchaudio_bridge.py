"""Each case runs in a fresh interpreter, because the bridge acts on the first import."""

import subprocess
import sys
from pathlib import Path

FILTER = """
import torch
wave = torch.sin(torch.arange(800) * 0.1).requires_grad_()
out = F.lfilter(wave[None], torch.tensor([1.0, -1.5, 0.7]), torch.tensor([0.2, 0.1, 0.05]), clamp=False)
from scipy.signal import lfilter
import numpy as np
expected = lfilter([0.2, 0.1, 0.05], [1.0, -1.5, 0.7], wave.detach().numpy())
assert np.abs(out.detach().numpy()[0] - expected).max() < 1e-5
out.sum().backward()
assert wave.grad.abs().sum() > 0
"""

FAKE_EXTENSION = """
import sys
from pathlib import Path
package = Path(sys.argv[1]) / "torchaudio"
(package / "_extension").mkdir(parents=True)
(package / "functional").mkdir()
(package / "__init__.py").write_text("from . import _extension\\nfrom .functional import filtering\\n")
(package / "functional" / "__init__.py").write_text("")
(package / "functional" / "filtering.py").write_text(
    "from torchaudio._extension import _IS_TORCHAUDIO_EXT_AVAILABLE\\n_lfilter_core_loop = 'compiled'\\n")
(package / "_extension" / "__init__.py").write_text("_IS_TORCHAUDIO_EXT_AVAILABLE = _IS_ALIGN_AVAILABLE = True\\n")
sys.path.insert(0, sys.argv[1])
"""


def run(code: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_torchaudio_filters_and_resamples_whether_or_not_its_compiled_part_loads() -> None:
    run("import merit_cli.torchaudio_bridge\nimport torchaudio.functional as F\n" + FILTER)


def test_without_the_compiled_part_it_says_why_and_alignment_refuses() -> None:
    run(
        "import ctypes, torch\n"
        "def refuse(*a, **k): raise OSError('libcudart.so.13: cannot open shared object file')\n"
        "torch.ops.load_library = ctypes.CDLL = refuse\n"
        "import merit_cli.torchaudio_bridge as bridge\n"
        "assert 'libcudart' in bridge.load_error(), bridge.load_error()\n"
        "import torchaudio.functional as F\n"
        "try:\n    F.forced_align(torch.zeros(1, 2, 3), torch.zeros(1, 1, dtype=torch.int32))\n"
        "except RuntimeError as error:\n    assert 'compiled part' in str(error)\n"
        "else:\n    raise AssertionError('alignment ran without the compiled part')\n" + FILTER
    )


def test_a_compiled_part_that_loads_is_left_alone(tmp_path: Path) -> None:
    run(
        FAKE_EXTENSION + "import merit_cli.torchaudio_bridge as bridge\n"
        "assert bridge.load_error() is None\n"
        "from torchaudio.functional import filtering\n"
        "assert filtering._lfilter_core_loop == 'compiled'\n",
        str(tmp_path),
    )


def test_installing_twice_leaves_one_hook() -> None:
    run(
        "import sys, merit_cli.torchaudio_bridge as bridge\nbridge.install()\n"
        "assert sum(isinstance(f, bridge._Finder) for f in sys.meta_path) == 1"
    )
