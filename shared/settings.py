"""Settings by environment, prefix `TALENTLINE_`. A service adds its own in its `settings.py`."""

from pathlib import Path

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
    http_port: int = Field(default=8360, ge=0, le=65535, description="port of the web door")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @property
    def database(self) -> str:
        """The database's URL, the embedded default included."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'talentline.db'}"

    @property
    def address(self) -> str:
        """The web door's own address, without a slash at the end."""
        return (self.base_url or f"http://127.0.0.1:{self.http_port}").rstrip("/")
