"""The base of every recipe and component config."""

from pydantic import BaseModel, ConfigDict


class FrozenConfig(BaseModel):
    """Immutable settings that refuse unknown keys and non-finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)
