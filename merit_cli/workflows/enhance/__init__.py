"""``merit enhance``: an enhancer over a noisy corpus, one file, a pipe, or a signal as it comes."""

from merit_cli.workflows.enhance.live import LiveReport, enhance_live
from merit_cli.workflows.enhance.recipe import EnhanceRecipe
from merit_cli.workflows.enhance.run import EnhanceSummary, default_input, find_inputs, run_enhance
from merit_cli.workflows.enhance.single import enhance_file, enhance_stream

__all__ = [
    "EnhanceRecipe",
    "EnhanceSummary",
    "LiveReport",
    "default_input",
    "enhance_file",
    "enhance_live",
    "enhance_stream",
    "find_inputs",
    "run_enhance",
]
