"""The demo as a page, `index.html`: the summary with the plans, the mails and the charts to look at."""

from pathlib import Path

import jinja2

from deploy.demo.told import Told

_HERE = Path(__file__).parent


def written(told: Told) -> Path:
    """Write the page into the demo's folder; gives its path. It links to files beside it and loads nothing else."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = told.folder / "index.html"
    page.write_text(
        environment.get_template("page.html.j2").render(told=told, definition=told.opened.definition), encoding="utf-8"
    )
    return page
