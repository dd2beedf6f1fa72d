"""Settings by environment, prefix `TALENTLINE_`. A service adds its own in its `settings.py`."""

from pathlib import Path

import sqlalchemy as sa
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every role needs. An unset address means the embedded default in DATA_DIR."""

    model_config = SettingsConfigDict(env_prefix="TALENTLINE_", extra="ignore", env_ignore_empty=True)

    data_dir: Path = Field(default=Path("var"), description="where everything that is written goes")
    database_url: str | None = Field(default=None, description="SQLite or PostgreSQL; default a file in DATA_DIR")
    redis_url: str | None = Field(
        default=None, description="Redis or Valkey; none: workers find their work by sweeping"
    )
    base_url: str | None = Field(default=None, description="how the world reaches the web door; default from HTTP_PORT")
    http_host: str = Field(default="127.0.0.1", description="address that the web door listens on")
    http_port: int = Field(default=8360, ge=0, le=65535, description="port of the web door")
    lease_seconds: float = Field(
        default=30.0, ge=1, description="how long a worker may be silent before its work passes to others"
    )
    pulse_file: Path | None = Field(
        default=None, description="a worker touches it every 5 seconds while all is well, for health checks"
    )
    metrics_host: str = Field(default="127.0.0.1", description="address that each process shows its metrics on")
    metrics_port: int = Field(
        default=9180,
        ge=0,
        le=65535,
        description="port of a process's metrics page, /metrics; with `up` the workers take those after it; 0: none",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @property
    def database(self) -> str:
        """The database's URL, the embedded default included."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'talentline.db'}"

    @property
    def address(self) -> str:
        """The web door's own address, without a slash at the end."""
        return (self.base_url or f"http://127.0.0.1:{self.http_port}").rstrip("/")

    @property
    def database_shown(self) -> str:
        """The database's URL without its password."""
        return sa.make_url(self.database).render_as_string(hide_password=True)
