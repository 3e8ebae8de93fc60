"""Whether a device can be used."""

import torch

from merit_cli.errors import Unavailable


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        Unavailable: It is not.
    """
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise Unavailable(f"the device {device!r} is not available", place="--device", hint="use cpu") from None
