"""What every event has in common. Events carry ids and figures, never names, addresses or comments."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A value inside an event. Unknown fields are kept out, so that an old worker can read a newer optional field."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Event(Part):
    """Something that happened. `name` is its wire name and ends in its version."""

    name: ClassVar[str]
