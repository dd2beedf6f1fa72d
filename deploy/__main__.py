"""`python -m deploy`: the `talentline` command by another name, for processes that start processes."""

from deploy.cli import main

main()
