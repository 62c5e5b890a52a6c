"""What every group of settings has in common: nothing in it is misspelt unnoticed, and nothing changes it."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Settings that belong together; an unknown name among them is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
