"""The `talentline` command: what a coordinator and an operator do, one module a group of commands."""

from deploy.cli.main import app, main

__all__ = ["app", "main"]
