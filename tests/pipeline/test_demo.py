"""`talentline demo`, as a newcomer types it."""

import os
import re
import subprocess
import sys
from pathlib import Path


def demo(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy", "demo", "--data-dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, env={**os.environ, "COLUMNS": "200"})


def test_the_demo_keeps_its_promises_and_its_page_leads_everywhere(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (folder / "index.html").read_text(encoding="utf-8")
    links = set(re.findall(r'(?:href|src)="([^"#]+)"', page))
    assert len([link for link in links if link.endswith(".pdf")]) == 8
    assert [link for link in links if not (folder / link).exists()] == []
    assert 'class="broken"' not in page


def test_the_demo_empties_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "--data-dir" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"
