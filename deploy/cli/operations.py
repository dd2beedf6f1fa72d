"""`talentline up | web | worker | migrate | check | demo`: running the installation."""

import os
from pathlib import Path
from typing import Annotated

import typer

from deploy import checks, supervisor
from deploy.cli.access import able, installation
from deploy.cli.output import AsJson, complain, say, show
from shared import migrations
from shared.words import Service

YIELD = 5
"""Niceness of workers: where they share processors with a web door, it answers first."""


def up(
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Run everything on this machine: queue server, web door, workers. Ctrl-C ends it cleanly."""
    found = installation("supervisor")
    stopping = supervisor.signalled()
    with supervisor.supervised(found, workers=workers):
        say("talentline is up.")
        say(f"  web door   {found.settings.address}\n  webhooks   {found.settings.address}/webhooks/CONNECTION")
        say(f"  database   {found.settings.database_shown}\n  mail       {found.reporting.mail_shown}")
        if not found.intake.api_token:
            say("  uploads over HTTP are off: set TALENTLINE_API_TOKEN to allow them")
        say("Ctrl-C ends it.")
        stopping.wait()
        say("Ending: what is in hand is being finished.")
    say("Ended.")


def serve() -> None:
    """The web door alone."""
    from deploy import web  # noqa: PLC0415  (only this role needs the web framework)
    from deploy.telemetry import watched  # noqa: PLC0415

    found = able("web")
    with watched(found, "web"):
        web.serve(found)


def work(
    services: Annotated[list[Service] | None, typer.Argument(metavar="[intake|scoring|reporting]")] = None,
) -> None:
    """A worker for one service, or for all of them."""
    from deploy import worker  # noqa: PLC0415  (only this role needs the handlers)
    from deploy.telemetry import watched  # noqa: PLC0415

    os.nice(YIELD)
    found, services = able("worker"), services or list(Service)
    with watched(found, "worker", services):
        worker.work(found, services)


def migrate(
    post_deploy: Annotated[
        bool, typer.Option("--post-deploy", help="Also what takes away: when no older worker runs any more.")
    ] = False,
) -> None:
    """Bring the database's tables up to date."""
    url = installation().settings.database
    applied = migrations.migrate(url, post_deploy=post_deploy)
    say(f"Applied: {', '.join(applied)}." if applied else "The tables were up to date.")
    if waiting := migrations.postponed(url):
        say(f"Left for after the rollout: {', '.join(waiting)}. When no worker of an older release runs any more:")
        say("  talentline migrate --post-deploy")


def check(as_json: AsJson = False) -> None:
    """Check settings and connections; each problem comes with its cure."""
    findings = checks.findings(installation())
    if as_json:
        show({"findings": [{"what": f.what, "fine": f.fine, "words": f.words} for f in findings]})
    else:
        for finding in findings:
            (say if finding.fine else complain)(
                f"{'ok     ' if finding.fine else 'PROBLEM'}  {finding.what}: {finding.words}"
            )
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


def demo(
    data_dir: Annotated[Path | None, typer.Option(help="Where it writes; default DATA_DIR/demo.")] = None,
) -> None:
    """The pilot cohort, end to end: seven leaders, three organisations, seven plans."""
    from deploy.demo.story import tell  # noqa: PLC0415  (only the demo needs its page, its charts and the sender)

    if not tell(data_dir):
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Put the commands of this module on the command's root."""
    app.command("demo")(demo)
    app.command("up")(up)
    app.command("web")(serve)
    app.command("worker")(work)
    app.command("migrate")(migrate)
    app.command("check")(check)
