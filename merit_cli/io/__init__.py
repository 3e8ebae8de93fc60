"""Files: audio, JSON lines, atomic writes, ledgers, run folders, checkpoints, weights."""
