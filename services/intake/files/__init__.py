"""The bytes of an uploaded file as grids of cells. PURE: no disk, no network. What a file is, its content says."""

from services.intake.core.grid import Grid
from services.intake.files.delimited import grid_of_text
from services.intake.files.errors import NotATable
from services.intake.files.workbook import grids_of_workbook

__all__ = ["NotATable", "grids_of"]

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def grids_of(content: bytes, *, unpacked_limit: int) -> list[Grid]:
    """The sheets of an XLSX workbook, or a CSV file as one sheet without a name.

    `unpacked_limit`: bytes that a workbook may take when unpacked.

    Raises:
        NotATable: it is neither, or it can't be opened; the message says what to do.
    """
    if not content.strip():
        raise NotATable("is empty; fill it in")
    if content.startswith(_OLD_OFFICE):
        if _ENCRYPTED in content:
            raise NotATable("is protected by a password; save it without one (File, Info, Protect Workbook)")
        raise NotATable("is a workbook of the old kind (.xls); save it as .xlsx")
    if content.startswith(b"PK"):
        return grids_of_workbook(content, unpacked_limit=unpacked_limit)
    if content.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"{\\rtf")):
        raise NotATable("is no table; send the XLSX workbook or a CSV file")
    return [grid_of_text(content)]
