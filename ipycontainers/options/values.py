"""Readers: the text of one option's value → what the Docker API wants.

Each function takes the text and returns JSON, or raises ValueError with a reason in
plain words; ``parse`` adds the option's name and an example. The meaning is that of
Docker's own command line (docker/cli, go-units), down to what it refuses. Ports are
read here and not by docker-py, whose parser knows neither protocols in ranges nor the
long form published=…,target=….

Knows: the syntax of values. Does not know: files, folders, engines.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

# Patterns are compiled when first used, since this module is on the path of %load_ext.
_SIZE = r"(?ai)(\d+(?:\.\d*)?|\.\d+) ?([kmgtp]?)(?:(?<=[kmgtp])i(?=b))?b?"
_CPUS = r"(?a)(\d{0,9})(?:\.(\d*))?"
_DOMAIN = (
    r"([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)\.?"
)
_LONG_NETWORK = r"\w+=\w+(,\w+=\w+)*"
_ULIMITS = """core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio
              rttime sigpending stack"""
_SYSCTLS = """kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall
              kernel.shmmax kernel.shmmni kernel.shm_rmid_forced"""
_MAX_INT = 2**63 - 1
_MOST_PIECES = 200  # between commas of one expression, each of which is tried

Json = object  # what json.dumps takes; mypy has no better name


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    """Go's spellings, the ones `docker run --init=…` takes."""
    if value in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if value in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise ValueError("neither true nor false")


def integer(value: str) -> int:
    try:
        number = int(value if value.isascii() else "", 0)
    except ValueError:
        raise ValueError("not a whole number") from None
    if abs(number) > _MAX_INT:
        raise ValueError("too large a number")
    return number


def size(value: str) -> int:
    """Bytes; k m g t p are powers of 1024, with or without b or ib behind them."""
    match = re.fullmatch(_SIZE, value)
    if not match:
        raise ValueError("not a size: a number, then b, k, m, g or t")
    power = "kmgtp".index(match[2].lower()) + 1 if match[2] else 0
    number = float(match[1]) * 1024**power
    if number > _MAX_INT:
        raise ValueError("too large a size")
    return int(number)


def swap(value: str) -> int:
    return -1 if value == "-1" else size(value)


def nano_cpus(value: str) -> int:
    match = re.fullmatch(_CPUS, value)
    if not match or not (match[1] or match[2]):
        raise ValueError("not a number of processors")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > 9:
        raise ValueError("too precise, nine digits are the limit")
    return int(match[1] or 0) * 10**9 + int(fraction.ljust(9, "0"))


def seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < 10**9:
        raise ValueError("not a number of seconds above 0")
    return number


def variable(value: str) -> str:
    from keyword import iskeyword

    if not value.isidentifier() or iskeyword(value):
        raise ValueError("not a name that a Python variable can have")
    return value


def session(value: str) -> str:
    if not re.fullmatch(r"[\w.-]+", value) or value.startswith("-"):
        raise ValueError("a name of letters, digits, _ . and -")
    return value


def inputs(value: str, form: str = "NAME=EXPRESSION") -> dict[str, str]:
    """``table,n=len(rows)`` → name in the cell: Python expression."""
    import ast

    found = {}
    for argument in _arguments(value, form):
        if isinstance(argument, ast.keyword):
            if argument.arg is None:
                raise ValueError("** has no meaning here")
            found[argument.arg] = ast.unparse(argument.value)
        elif isinstance(argument, ast.Name):
            found[argument.id] = argument.id
        else:
            raise ValueError("an expression needs a name: NAME=EXPRESSION")  # noqa: TRY004
    return found


def outputs(value: str) -> dict[str, str]:
    """``result,mine=theirs`` → Python variable: name in the cell."""
    found = inputs(value, "MINE=THEIRS")
    for name in found.values():
        if not name.isidentifier():
            raise ValueError(f"{name} is not a name; MINE=THEIRS takes two names")
    return found


def _arguments(value: str, form: str) -> list[ast.expr | ast.keyword]:
    """As of a call, but names may also stand behind NAME=EXPRESSION."""
    found: list[ast.expr | ast.keyword] = _call(value)
    held: list[str] = []
    for part in () if found else value.split(","):
        held.append(part)
        if argument := _call(",".join(held)):
            found += argument
            held = []
        if len(held) > _MOST_PIECES:
            raise ValueError("the expression is long: put its value into a variable before")
    if held or not found:
        raise ValueError(f"names with commas between them, or {form}")
    return found


def _call(text: str) -> list[ast.expr | ast.keyword]:
    """The arguments of a call, which this is the inside of; of anything else none."""
    import ast

    try:
        call = ast.parse(f"_({text})", mode="eval").body
    except (SyntaxError, ValueError):
        return []
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return []
    return [*call.args, *call.keywords]


def environment(value: str) -> str:
    if not value.partition("=")[0]:
        raise ValueError("there is no name before the =")
    return value


def label(value: str) -> tuple[str, str]:
    name, _, rest = value.partition("=")
    if not name.lstrip(" \t"):
        raise ValueError("there is no name before the =")
    if " " in name.lstrip(" \t") or "\t" in name.lstrip(" \t"):
        raise ValueError("the name of a label has no blanks")
    return name, rest


def sysctl(value: str) -> tuple[str, str]:
    name, equals, rest = value.partition("=")
    if not equals or not (name in _SYSCTLS.split() or name.startswith(("net.", "fs.mqueue."))):
        raise ValueError(
            "a container has its own net.*, fs.mqueue.* and kernel.{msg,sem,shm}* "
            "settings only, written NAME=VALUE"
        )
    return name, rest


def address(value: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(value.strip()))
    except ValueError:
        raise ValueError("not an IP address") from None


def search_domain(value: str) -> str:
    value = value.strip(" ")
    if value == ".":
        return value
    match = re.fullmatch(_DOMAIN, value)
    if not match or not re.search("[a-zA-Z]", value) or len(match[1]) >= 255:
        raise ValueError("not the name of a domain")
    return match[1]


def host(value: str) -> str:
    """NAME:IP, or NAME=IP as newer Dockers write it, as NAME:IP."""
    name, separator, ip = value.partition("=" if "=" in value else ":")
    if not name or not separator:
        raise ValueError("not NAME:IP")
    if ip.startswith("[") and ip.endswith("]"):
        ip = ip[1:-1]
    return f"{name}:{ip if ip == 'host-gateway' else address(ip)}"


def process_namespace(value: str) -> str:
    if value in ("", "host") or value.removeprefix("container:") not in ("", value):
        return value
    raise ValueError("host or container:NAME is meant")


def ulimit(value: str) -> dict[str, Json]:
    name, equals, limits = value.partition("=")
    if not equals:
        raise ValueError("not NAME=SOFT[:HARD]")
    if name not in _ULIMITS.split():
        raise ValueError(f"no such limit; there are {', '.join(_ULIMITS.split())}")
    numbers = limits.split(":")
    if len(numbers) > 2 or not all(re.fullmatch(r"-?[0-9]{1,18}", number) for number in numbers):
        raise ValueError("not NAME=SOFT[:HARD]")
    soft, hard = int(numbers[0]), int(numbers[-1])
    if hard != -1 and (soft == -1 or soft > hard):
        raise ValueError("the soft limit is above the hard one")
    return {"Name": name, "Soft": soft, "Hard": hard}


def security(value: str) -> str:
    if "=" not in value and ":" not in value and value != "no-new-privileges":
        raise ValueError("not NAME=VALUE")
    return value


def tmpfs(value: str) -> tuple[str, str]:
    path, _, options = value.partition(":")
    return path, options


def device(value: str) -> dict[str, Json]:
    """HOST[:CONTAINER][:rwm]"""
    parts = value.split(":")
    if len(parts) > 3 or not parts[0]:
        raise ValueError("not HOST_DEVICE[:CONTAINER_DEVICE][:rwm]")
    permissions = "rwm"
    if len(parts) == 3 or (len(parts) == 2 and _is_device_mode(parts[1])):
        permissions = parts.pop()
        if not _is_device_mode(permissions):
            raise ValueError("the permissions are some of r, w and m")
    if not parts[-1].startswith("/"):
        raise ValueError("the path of a device begins with /")
    inside = parts[-1] if len(value.split(":")) == 3 else posixpath.normpath(parts[-1])
    outside = parts[0] if len(parts) == 2 else inside
    return {"PathOnHost": outside, "PathInContainer": inside, "CgroupPermissions": permissions}


def _is_device_mode(mode: str) -> bool:
    return bool(mode) and set(mode) <= set("rwm") and len(set(mode)) == len(mode)


def fields(value: str) -> list[str]:
    """The comma-separated fields of a value; quotes protect a comma, as Docker has it."""
    import csv

    try:
        rows = list(csv.reader([value], strict=True))
    except csv.Error:
        raise ValueError("the quotes do not match") from None
    if not rows or not rows[0]:
        raise ValueError("there is nothing in it")
    return rows[0]


def gpus(value: str) -> dict[str, Json]:
    request: dict[str, Json] = {
        "Driver": "",
        "Count": 0,
        "DeviceIDs": None,
        "Capabilities": [["gpu"]],
        "Options": {},
    }
    seen: set[str] = set()
    for field in fields(value):
        key, equals, rest = field.partition("=")
        if not equals:
            key, rest = "count", field
        if key in seen:
            raise ValueError(
                f"{key} is given twice; several devices need quotes inside: '\"device=0,1\"'"
            )
        seen.add(key)
        if key == "driver":
            request["Driver"] = rest
        elif key == "count":
            request["Count"] = -1 if rest == "all" else integer(rest)
        elif key == "device":
            request["DeviceIDs"] = rest.split(",")
        elif key == "capabilities":
            request["Capabilities"] = [[*rest.split(","), "gpu"]]
        elif key == "options":
            pairs = (option.partition("=") for option in fields(rest))
            request["Options"] = {name: text for name, _, text in pairs}
        else:
            raise ValueError(
                f"there is no {key}=; known are count, device, driver, capabilities, options"
            )
    if not seen & {"count", "device"}:
        request["Count"] = 1
    return request


def network(value: str) -> dict[str, Json]:
    """{"Target": name, …endpoint settings}; both NAME and name=NAME,alias=…,ip=…"""
    if not value.strip():
        raise ValueError("there is no name")
    if not re.search(_LONG_NETWORK, value):
        return {"Target": value}
    target, aliases, addresses = "", [], {}
    driver: dict[str, str] = {}
    for field in fields(value):
        key, _, rest = (part.strip() for part in field.partition("="))
        if key == "name":
            target = rest
        elif key == "alias":
            aliases.append(rest)
        elif key in ("ip", "ip6"):
            addresses["IPv4Address" if key == "ip" else "IPv6Address"] = address(rest)
        elif key == "driver-opt" and "=" in rest:
            name, _, setting = rest.partition("=")
            driver[name.strip()] = setting.strip()
        else:
            raise ValueError(f"{field} is none of name= alias= ip= ip6= driver-opt=NAME=VALUE")
    if not target:
        raise ValueError("name= is missing")
    found = {"Aliases": aliases, "IPAMConfig": addresses, "DriverOpts": driver}
    return {"Target": target, **{key: got for key, got in found.items() if got}}


def _ports(value: str) -> tuple[int, int]:
    first, dash, last = value.partition("-")
    numbers = [first, last] if dash else [first, first]
    if not all(re.fullmatch(r"[0-9]{1,5}", number) and int(number) < 65536 for number in numbers):
        raise ValueError(f"{value or 'nothing'} is no port from 0 to 65535")
    if int(numbers[1]) < int(numbers[0]):
        raise ValueError(f"the range {value} ends before it begins")
    return int(numbers[0]), int(numbers[1])


def publish(value: str) -> list[tuple[str, dict[str, Json]]]:
    """[IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/tcp|udp|sctp] → ("80/tcp", binding), …"""
    if "=" in value:
        value = _short_publish(value)
    front, _, inside = value.rpartition(":")
    ip, _, outside = front.rpartition(":")
    inside, slash, protocol = inside.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise ValueError("the protocol is tcp, udp or sctp")
    if ip.startswith("[") and ip.endswith("]"):
        ip = ip[1:-1]
    if ip:
        address(ip)
    first, last = _ports(inside)
    if not outside:
        hosts = [""] * (last - first + 1)
    else:
        start, end = _ports(outside)
        if first == last:  # one port, and the engine picks it from a range
            hosts = [outside if start != end else str(start)]
        elif end - start != last - first:
            raise ValueError("the two ranges differ in length")
        else:
            hosts = [str(port) for port in range(start, end + 1)]
    return [
        (f"{port}/{protocol}", {"HostIp": ip, "HostPort": hosts[port - first]})
        for port in range(first, last + 1)
    ]


def _short_publish(value: str) -> str:
    found = {"protocol": "tcp", "published": "", "target": ""}
    for field in value.split(","):
        key, equals, rest = field.partition("=")
        if not equals:
            raise ValueError(f"{field} is not NAME=VALUE")
        found[key] = rest
    return f"{found['published']}:{found['target']}/{found['protocol']}"
