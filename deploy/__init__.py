"""The only place where the services meet: the composition root, the `talentline` command, the embedded supervisor."""
