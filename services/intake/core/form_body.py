"""Form bodies from strangers, URL-encoded (WHATWG) or multipart (RFC 7578), as texts that are safe to store."""

from collections.abc import Iterator
from email.message import Message
from functools import lru_cache
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.intake.core.submission import RawRequest
from services.intake.core.text import plain

MOST_FIELDS = 1000


def fields_of(request: RawRequest) -> dict[str, str]:
    """The fields of a form; of several with one name the last. Empty for what is no form. Never raises.

    >>> fields_of(RawRequest(b"a=1+2&b=%C3%A9&a=3"))
    {'a': '3', 'b': 'é'}
    """
    return dict(_pairs(request.body, next(iter(request.header("content-type")), "")))


@lru_cache(maxsize=1)  # the door asks twice of the same request: whether it is signed, and its id
def _pairs(body: bytes, content_type: str) -> tuple[tuple[str, str], ...]:
    try:
        kind, options = parse_options_header(content_type)
        if kind == b"multipart/form-data":
            pairs = list(_parts(body, options.get(b"boundary", b"")))
        else:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (FormParserError, ValueError, AssertionError):
        return ()
    return tuple((plain(name), plain(value)) for name, value in pairs)


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each part that is no file."""
    parts: list[_Part] = []
    header = bytearray(), bytearray()

    def begun() -> None:
        if len(parts) >= MOST_FIELDS:
            raise ValueError("too many parts")
        parts.append(_Part())

    def header_ended() -> None:
        parts[-1].headers[_text(header[0])] = _text(header[1])
        header[0].clear()
        header[1].clear()

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": begun,
            "on_header_field": lambda chunk, start, end: header[0].extend(chunk[start:end]),
            "on_header_value": lambda chunk, start, end: header[1].extend(chunk[start:end]),
            "on_header_end": header_ended,
            "on_part_data": lambda chunk, start, end: parts[-1].value.extend(chunk[start:end]),
        },
    )
    parser.write(body)
    parser.finalize()
    for part in parts:
        name = part.headers.get_param("name", header="content-disposition")
        is_file = part.headers.get_param("filename", header="content-disposition") is not None
        if isinstance(name, str) and not is_file:
            yield name, _text(part.value)


class _Part:
    def __init__(self) -> None:
        self.headers = Message()
        self.value = bytearray()


def _text(raw: bytes | bytearray) -> str:
    return bytes(raw).decode("utf-8", "replace")
