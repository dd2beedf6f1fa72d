"""What is committed names no place of one machine or one network, and what the documents point to exists."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Put together from halves, so that this file does not name them either.
REGISTRIES = [
    left + right
    for left, right in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("registry", ".npmjs.org"),
        ("registry", ".yarnpkg.com"),
        ("deb", ".debian.org"),
        ("archive", ".ubuntu.com"),
        ("proxy", ".golang.org"),
        ("docker", ".io"),
        ("ghcr", ".io"),
        ("quay", ".io"),
        ("gcr", ".io"),
        ("anaconda", ".org"),
    )
]
DEVELOPERS_PATHS = [
    re.compile(rf"(?<![\w.:/-])/{place}/[\w.-]+") for place in ("home", "Users", "root", "work", "workspace", "mnt")
] + [re.compile(r"\b[A-Z]:\\Users\\")]
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
IMAGE = re.compile(r"""<(?:img|source|a)\b[^>]*?\b(?:src|srcset|href)=["']([^"']+)["']""")


def committed() -> list[Path]:
    """Every file that is or is about to be committed."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every committed text file."""
    for path in committed():
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(ROOT)), content.decode("utf-8", errors="replace")


def places_of_one_network(text: str) -> list[str]:
    """The registries' hosts that a text names."""
    return [host for host in REGISTRIES if re.search(rf"(?<![\w-]){re.escape(host)}\b", text)]


def places_of_one_machine(text: str) -> list[str]:
    """The absolute paths that a text names and only its author has."""
    return [found for pattern in DEVELOPERS_PATHS for found in pattern.findall(text)]


def dead_links(path: Path, text: str) -> list[str]:
    """The relative links of a document that lead nowhere: no such file, or no such heading in it."""
    dead = []
    for target in (*LINK.findall(text), *IMAGE.findall(text)):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        in_file = anchor and file.suffix == ".md" and file.is_file()
        if not file.exists() or (in_file and anchor not in anchors(text if file == path else file.read_text())):
            dead.append(target)
    return dead


def anchors(text: str) -> set[str]:
    """The names of a document's headings, as forges make them.

    >>> sorted(anchors("# One, two & three"))
    ['one-two--three']
    """
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, flags=re.MULTILINE)
    words = (re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower() for heading in headings)
    return {re.sub(r"\s", "-", word) for word in words}


def test_no_file_names_a_package_registry() -> None:
    found = {name: places_of_one_network(text) for name, text in texts()}
    assert not {name: hosts for name, hosts in found.items() if hosts}


def test_no_file_names_a_path_of_one_machine() -> None:
    found = {name: places_of_one_machine(text) for name, text in texts()}
    assert not {name: paths for name, paths in found.items() if paths}


def test_every_relative_link_of_a_document_leads_somewhere() -> None:
    documents = [path for path in committed() if path.suffix == ".md"]
    found = {str(path.relative_to(ROOT)): dead_links(path, path.read_text()) for path in documents}
    assert not {name: links for name, links in found.items() if links}


def test_nothing_that_a_run_writes_is_committed() -> None:
    written = ("var", ".venv", "build", "dist")
    assert not [path for path in committed() if path.relative_to(ROOT).parts[0] in written]


def test_the_checks_see_what_they_look_for(tmp_path: Path) -> None:
    assert places_of_one_network(f"index-url = https://{REGISTRIES[0]}/simple") == [REGISTRIES[0]]
    assert places_of_one_network("FROM python:3.12-slim") == []
    assert places_of_one_machine("see /" + "home/ann/src and /" + "root/x, not https://example.org/home/x")
    assert places_of_one_machine("https://example.org/home/x, work/x, /var/lib/talentline") == []
    (tmp_path / "there.md").write_text("# A heading\n")
    text = "[a](there.md) [b](there.md#a-heading) [c](gone.md) [d](there.md#no) [e](https://example.org/x) ![f](no.png)"
    assert dead_links(tmp_path / "here.md", text) == ["gone.md", "there.md#no", "no.png"]
