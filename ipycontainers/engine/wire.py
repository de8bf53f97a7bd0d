"""Docker's wire: frames, heads, times, filters, events, as dockerd 20.10 writes them.

    frame(STDOUT, b"hi\\n")      one write of a program, as attach and logs send it
    upgraded(True)              the head with which a request becomes a raw stream

A frame is eight bytes and the data:

    1 | 2   0   0   0   length, 4 bytes, big-endian   data …

Knows: the Docker Engine API 1.41 (https://docs.docker.com/engine/api/v1.41). Does not
know: sockets, files, how anything is done. Everything here is a pure function.
"""

from __future__ import annotations

import base64
import json
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ipycontainers.errors import Invalid

Json = dict[str, Any]

API_VERSION = "1.41"
OLDEST_API = "1.24"  # docker-py's own oldest
STDIN, STDOUT, STDERR = 0, 1, 2
RAW = "application/vnd.docker.raw-stream"
ZERO_TIME = "0001-01-01T00:00:00Z"  # Go's zero time: it has not happened
GO_FOLDER, GO_LINK, GO_PIPE, GO_SOCKET, GO_DEVICE = 1 << 31, 1 << 27, 1 << 25, 1 << 24, 1 << 26
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):?(\d\d))?")
GO_SETUID, GO_SETGID, GO_CHAR, GO_STICKY = 1 << 23, 1 << 22, 1 << 21, 1 << 20


# --- streams -------------------------------------------------------------------------------------


def frame(stream: int, data: bytes) -> bytes:
    """
    >>> frame(STDOUT, b"hi")
    b'\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x02hi'
    """
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def upgraded(upgrade: bool) -> bytes:
    """The head of an answer that takes the connection over; nothing may follow it at once.

    docker-py reads beneath the buffer that its HTTP library read the head into, so what
    is there when it reads the head is lost (docker-py#3332): wait until it has read it.
    """
    if upgrade:
        head = f"101 UPGRADED\r\nContent-Type: {RAW}\r\nConnection: Upgrade\r\nUpgrade: tcp"
    else:
        head = f"200 OK\r\nContent-Type: {RAW}"
    return f"HTTP/1.1 {head}\r\n\r\n".encode()


def line(message: Mapping[str, object]) -> bytes:
    """One object of a stream of progress or events."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\r\n"


def failed_line(message: str) -> bytes:
    """The last object of a stream whose status was 200 before the failure was known."""
    return line({"errorDetail": {"message": message}, "error": message})


def progress_line(status: str, id: str, current: int | None, total: int | None) -> bytes:  # noqa: A002
    """One object of a pull or push about a layer; the text in it is for who prints it as it is.

    >>> progress_line("Downloading", "ab", 3679, 10240)[82:131]
    b'[=================>                              '
    """
    told: Json = {"status": status, "progressDetail": {}}
    if current is not None:
        told["progressDetail"] = {"current": current}
        told["progress"] = f"{size_text(current):>8}"
        if total:
            told["progressDetail"]["total"] = total
            done = min(current * 100 // total // 2, 50)
            told["progress"] = f"[{'=' * done}>{' ' * (50 - done)}] {size_text(current):>8}"
            if current <= total:
                told["progress"] += f"/{size_text(total)}"
    return line({**told, "id": id})


def spelled(given: Mapping[str, Any], known: Iterable[str]) -> Json:
    """An object with the keys that Go would find in it: it does not tell case.

    >>> spelled({"detachKeys": "ctrl-x", "Other": 1}, ["DetachKeys"])
    {'DetachKeys': 'ctrl-x', 'Other': 1}
    """
    names = {name.lower(): name for name in known}
    return {names.get(key.lower(), key): value for key, value in given.items()}


# --- small values --------------------------------------------------------------------------------


def flag(text: str) -> bool:
    """A truth value in a query, by the rules of dockerd's BoolValue."""
    return text.strip().lower() not in ("", "0", "no", "false", "none")


def size_text(size: float) -> str:
    """
    >>> size_text(3679), size_text(10240), size_text(36450), size_text(12)
    ('3.679kB', '10.24kB', '36.45kB', '12B')
    """
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.4g}{unit}"


def time_text(seconds: float | None) -> str:
    """
    >>> time_text(1.5)
    '1970-01-01T00:00:01.500000000Z'
    """
    return time_text_of(round(seconds * 1e9)) if seconds else ZERO_TIME


def time_text_of(nanoseconds: int) -> str:
    """Of nanoseconds since 1970, which a number of seconds would round."""
    whole, rest = divmod(nanoseconds, 10**9)
    moment = datetime.fromtimestamp(whole, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def seconds_of(text: str) -> int:
    """A time of RFC 3339 as seconds since 1970; 0 for one that is none.

    >>> seconds_of("2025-01-01T00:00:00Z"), seconds_of(ZERO_TIME)
    (1735689600, -62135596800)
    """
    return moment_of(text)[0]


def moment_of(text: str) -> tuple[int, int]:
    """The same, and the nanoseconds of that second.

    >>> moment_of("2025-01-01T02:00:00.25+02:00")
    (1735689600, 250000000)
    """
    match = _TIME.fullmatch(text)
    if not match:
        return 0, 0
    try:
        moment = datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007  # next line
    except ValueError:
        return 0, 0
    seconds = int(moment.replace(tzinfo=timezone.utc).timestamp())
    if match[3]:
        ahead = 3600 * int(match[4]) + 60 * int(match[5])
        seconds -= ahead if match[3] == "+" else -ahead
    return seconds, int((match[2] or "").ljust(9, "0")[:9])


def moment_text(text: str, now: float) -> float:
    """Seconds since 1970 of a filter ``until``: a number, a time, or how long ago. Raises Invalid.

    >>> moment_text("1h30m", 10_000)
    4600.0
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|m|s)", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return now - sum(float(number) * {"h": 3600, "m": 60, "s": 1}[u] for number, u in parts)
    whole = text if "T" in text else f"{text}T00:00:00"
    if not _TIME.fullmatch(whole):
        raise Invalid(f"failed to parse value as time or duration: {text!r}")
    return float(seconds_of(whole))


def nanoseconds(text: str) -> int:
    """Since 1970, of seconds with or without a fraction, or of a time of RFC 3339.

    Raises ValueError.

    >>> nanoseconds("1.000000001"), nanoseconds("1970-01-01T01:00:01.5+01:00")
    (1000000001, 1500000000)
    """
    whole, _, fraction = text.partition(".")
    if whole.removeprefix("-").isdigit() and (not fraction or fraction.isdigit()):
        return int(whole) * 10**9 + int(f"{fraction:0<9}"[:9])
    clock, zone = r"T\d\d:\d\d(?::\d\d)?", r"Z|[+-]\d\d:\d\d"
    found = re.fullmatch(rf"(\d{{4}}-\d\d-\d\d)({clock})?(\.\d+)?({zone})?", text)
    if not found:
        raise ValueError(f"{text!r} is no time")
    day, clock, fraction, zone = (part or "" for part in found.groups())
    moment = datetime.fromisoformat(f"{day}{clock}{zone.replace('Z', '+00:00') if clock else ''}")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return int(aware.timestamp()) * 10**9 + int(f"{fraction[1:]:0<9}"[:9])


def byte_count(text: str) -> int:
    """ "10m", "1.5 GB", "64KiB": each unit is 1024 of the one before. Raises ValueError.

    >>> byte_count("1.5k"), byte_count("2GiB")
    (1536, 2147483648)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([kmgtp])?(?:i?b)?)", text.lower())
    if not found:
        raise ValueError(f"invalid size: '{text}'")
    return int(float(found[1]) * 1024 ** " kmgtp".index(found[2] or " "))


def signal_number(text: str) -> int:
    """ "KILL", "SIGKILL", "RTMIN+1" or "9". Raises Invalid, in dockerd's words.

    >>> signal_number("SIGTERM"), signal_number("9"), signal_number("RTMAX-1")
    (15, 9, 63)
    """
    name = text.upper().removeprefix("SIG")
    if text.isascii() and text.isdigit():
        number = int(text[:9])
    elif steps := re.fullmatch(r"RTM(?:IN\+|AX-)([1-9]|1[0-5])", name, re.ASCII):
        up = name.startswith("RTMIN")
        number = signal.SIGRTMIN + int(steps[1]) if up else signal.SIGRTMAX - int(steps[1])
    else:
        number = int(signal.Signals.__members__.get(f"SIG{name}", 0))
    if not 0 < number <= signal.SIGRTMAX:
        raise Invalid(f"Invalid signal: {text}")
    return number


def parsed(text: str | bytes) -> object:
    """A client's JSON. ValueError also for what is nested too deeply."""
    try:
        found: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return found


def filters(text: str) -> dict[str, list[str]]:
    """The query parameter ``filters``: {"label": ["a=b"]} or {"label": {"a=b": true}}.

    Raises ValueError for what is neither.
    """
    found = parsed(text) if text else {}
    if not isinstance(found, dict):
        raise ValueError("filters is no object")  # noqa: TRY004  # the caller's answer is 400
    return {str(name): _values(name, values) for name, values in found.items()}


def _values(name: str, values: object) -> list[str]:
    if isinstance(values, dict):
        return [str(value) for value, wanted in values.items() if wanted]
    if not isinstance(values, list):
        raise ValueError(f"the filter {name} is no list")  # noqa: TRY004
    return [str(value) for value in values]


def has_labels(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Whether each of ``wanted``, "name" or "name=value", is there."""
    for text in wanted:
        name, has_value, value = text.partition("=")
        if name not in labels or (has_value and labels[name] != value):
            return False
    return True


def go_mode(mode: int) -> int:
    """A file mode of POSIX in the bits of Go's fs.FileMode."""
    import stat

    kinds = {
        stat.S_IFDIR: GO_FOLDER,
        stat.S_IFLNK: GO_LINK,
        stat.S_IFIFO: GO_PIPE,
        stat.S_IFSOCK: GO_SOCKET,
        stat.S_IFBLK: GO_DEVICE,
        stat.S_IFCHR: GO_DEVICE | GO_CHAR,
    }
    special = {stat.S_ISUID: GO_SETUID, stat.S_ISGID: GO_SETGID, stat.S_ISVTX: GO_STICKY}
    extra = sum(bit for posix, bit in special.items() if mode & posix)
    return (mode & 0o777) | kinds.get(stat.S_IFMT(mode), 0) | extra


def path_status(name: str, size: int, mode: int, modified: float, target: str) -> str:
    """The value of the header X-Docker-Container-Path-Stat. ``mode`` is POSIX's."""
    status = {
        "name": name,
        "size": size,
        "mode": go_mode(mode),
        "mtime": time_text(modified or 1e-9),  # 1970 is a time, unlike Go's zero
        "linkTarget": target,
    }
    return base64.b64encode(json.dumps(status).encode()).decode()


# --- events --------------------------------------------------------------------------------------


def event(kind: str, action: str, subject: str, attributes: Mapping[str, str], now: float) -> Json:
    """``kind`` is container, image or volume; the top level repeats the first two's for older
    clients."""
    old = {"status": action, "id": subject} if kind in ("container", "image") else {}
    if kind == "container":
        old["from"] = attributes.get("image", "")
    return {
        **{key: value for key, value in old.items() if value},
        "Type": kind,
        "Action": action,
        "Actor": {"ID": subject, "Attributes": dict(attributes)},
        "scope": "local",
        "time": int(now),
        "timeNano": int(now * 1e9),
    }
