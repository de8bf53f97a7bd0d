"""A value as a tree for JSON, and the bytes that JSON cannot hold as blobs beside it.

None, True, 1.5, "text", 7, [ … ] stand for themselves; NaN and Infinity are those of
Python's json. Everything else is an object with one key, its tag:

    {"int": "-0x1f…"}               from 2**63 on
    {"bytes": [offset, size]}       also bytearray
    {"tuple": [node, …]}            also set, frozenset
    {"floats": [offset, size]}      a long list of nothing else, 8 bytes each; also ints
    {"object": {"key": node}}       a dict whose keys are all text
    {"dict": [[node, node], …]}     any other
    {"complex": [1.0, 2.0]}  {"decimal": "1.50"}
    {"datetime": [year, month, day, hour, minute, second, µs, fold, offset in s, zone]}
    {"date": [year, month, day]}  {"time": [hour, …, µs, fold, offset]}
    {"timedelta": [days, seconds, µs]}
    {"array": …}  {"number": …}     of NumPy, see ``arrays``
    {"table": …}  {"series": …}     see ``tables``

A value of a class that is based on one of these arrives as what it is based on.

Knows: Python's own types. Does not know: how a tree is sent.
"""

import array
import datetime
import decimal
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

DEEPEST = 100
MOST = 20000000  # values in one tree
ALIGNED = 64  # a blob begins at a multiple of that, where an array is fastest
SMALLEST, LARGEST = -(2**63), 2**63 - 1
LONG = 1000  # numbers from which a list is faster as bytes
PLAIN = frozenset([type(None), bool, str, float, int])
BASED = (bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset)

Blobs = List[Any]


class Refused(TypeError):
    """A value that has no form here; the text says which and what to do."""


def encode(value: Any) -> Tuple[Any, Blobs]:
    """The tree and its blobs, which are bytes or views of the value's own memory."""
    encoder = Encoder()
    return encoder.node(value), encoder.blobs


def decode(node: Any, blobs: memoryview) -> Any:
    """The value. ValueError, TypeError, KeyError or OverflowError for a wrong tree."""
    return Decoder(blobs).value(node)


class Encoder:
    def __init__(self) -> None:
        self.blobs: Blobs = []
        self._offset = 0
        self._count = 0
        self._above: List[int] = []

    def blob(self, data: Any) -> List[int]:
        size, gap = len(data), -self._offset % ALIGNED
        if not size:
            return [0, 0]
        if gap:
            self.blobs.append(bytes(gap))
        self.blobs.append(data)
        self._offset += gap + size
        return [self._offset - size, size]

    def node(self, value: Any) -> Any:
        kind = type(value)
        if kind in PLAIN and (kind is not int or SMALLEST <= value <= LARGEST):
            return value
        self._counted(1)
        if id(value) in self._above:
            raise Refused("it holds itself")
        if len(self._above) >= DEEPEST:
            raise Refused(f"it is nested more than {DEEPEST} deep")
        self._above.append(id(value))
        try:
            return self._tagged(value)
        finally:
            self._above.pop()

    def _counted(self, count: int) -> None:
        self._count += count
        if self._count > MOST:
            raise Refused(f"it holds more than {MOST} values; an array or a table may")

    def _tagged(self, value: Any) -> Any:
        foreign = _foreign(value)
        if foreign:
            return foreign(self, value)
        for based in BASED:
            if isinstance(value, based):
                return _ENCODERS[based](self, value)
        for kind, encoder in _OTHERS:
            if isinstance(value, kind):
                return encoder(value)
        raise Refused(f"a {qualified(type(value))} has no form to travel in")

    def items(self, several: Any) -> List[Any]:
        values: List[Any] = list(several)
        self._counted(len(values))
        kinds = set(map(type, values))
        # One look at all types at once: lists of a million numbers are common.
        if kinds <= PLAIN and int not in kinds:
            return values
        if kinds == {int} and min(values) >= SMALLEST and max(values) <= LARGEST:
            return values
        return [self.node(item) for item in values]

    def list(self, values: Any) -> Any:
        kinds = set(map(type, values)) if len(values) > LONG else set()
        if kinds == {float}:
            return {"floats": self._numbers("d", values)}
        if kinds == {int} and min(values) >= SMALLEST and max(values) <= LARGEST:
            return {"ints": self._numbers("q", values)}
        return self.items(values)

    def _numbers(self, code: str, values: Any) -> List[int]:
        self._counted(len(values))
        return self.blob(_little(array.array(code, values)).tobytes())

    def pairs(self, values: Any) -> Dict[str, Any]:
        if set(map(type, values)) <= {str}:
            nodes = self.items(values.values())
            return {"object": dict(zip(values, nodes))}
        self._counted(len(values))
        return {"dict": [[self.node(key), self.node(item)] for key, item in values.items()]}


def _little(numbers: Any) -> Any:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def qualified(kind: type) -> str:
    known = kind.__module__ in ("builtins", "__main__")
    return kind.__name__ if known else f"{kind.__module__}.{kind.__name__}"


def _foreign(value: Any) -> Optional[Callable[[Encoder, Any], Any]]:
    """The encoder of a library's value; a library that nobody imported has none."""
    library = type(value).__module__.partition(".")[0]
    numpy = sys.modules.get("numpy")
    if library == "array" or (numpy and isinstance(value, (numpy.ndarray, numpy.generic))):
        from . import arrays

        return arrays.encode
    if library in ("pandas", "polars", "pyarrow"):
        from . import tables

        return tables.encoder_of(value)
    return None


def _int(_: Encoder, value: int) -> Any:
    number = int(value)
    return number if SMALLEST <= number <= LARGEST else {"int": hex(number)}


_ENCODERS: Dict[type, Callable[[Encoder, Any], Any]] = {
    bool: lambda _, value: bool(value),
    int: _int,
    float: lambda _, value: float(value),
    str: lambda _, value: str.__str__(value),
    bytes: lambda encoder, value: {"bytes": encoder.blob(bytes(value))},
    bytearray: lambda encoder, value: {"bytearray": encoder.blob(bytes(value))},
    list: lambda encoder, value: encoder.list(value),
    tuple: lambda encoder, value: {"tuple": encoder.items(value)},
    set: lambda encoder, value: {"set": encoder.items(value)},
    frozenset: lambda encoder, value: {"frozenset": encoder.items(value)},
    dict: lambda encoder, value: encoder.pairs(value),
}


def _offset(value: Any) -> Optional[float]:
    offset = value.utcoffset()
    return None if offset is None else offset.total_seconds()


def _zone(value: Any) -> Optional[str]:
    key = getattr(value.tzinfo, "key", None)  # of zoneinfo
    return key if isinstance(key, str) else None


def _datetime(value: Any) -> Any:
    if getattr(value, "nanosecond", 0):
        raise Refused(f"a {type(value).__name__} with nanoseconds, which no datetime has")
    clock = [value.hour, value.minute, value.second, value.microsecond, value.fold]
    day = [value.year, value.month, value.day]
    return {"datetime": day + clock + [_offset(value), _zone(value)]}


def _time(value: Any) -> Any:
    clock = [value.hour, value.minute, value.second, value.microsecond, value.fold]
    return {"time": [*clock, _offset(value)]}


def _timedelta(value: Any) -> Any:
    if getattr(value, "nanoseconds", 0):
        raise Refused(f"a {type(value).__name__} with nanoseconds, which no timedelta has")
    return {"timedelta": [value.days, value.seconds, value.microseconds]}


def moments(_: Encoder, value: Any) -> Any:
    """A Timestamp, a Timedelta, of pandas, which Python's own can hold; NaT is None."""
    if value != value:
        return None
    return _datetime(value) if isinstance(value, datetime.datetime) else _timedelta(value)


_OTHERS: List[Tuple[type, Callable[[Any], Any]]] = [
    (complex, lambda value: {"complex": [value.real, value.imag]}),
    (datetime.datetime, _datetime),
    (datetime.date, lambda value: {"date": [value.year, value.month, value.day]}),
    (datetime.time, _time),
    (datetime.timedelta, _timedelta),
    (decimal.Decimal, lambda value: {"decimal": str(value)}),
]


class Decoder:
    def __init__(self, blobs: memoryview) -> None:
        self._blobs = blobs
        self._depth = 0

    def blob(self, place: Any) -> memoryview:
        offset, size = place
        if type(offset) is not int or type(size) is not int:
            raise ValueError("a blob's place is no number")
        if offset < 0 or size < 0 or offset + size > len(self._blobs):
            raise ValueError("a blob ends behind the value's end")
        return self._blobs[offset : offset + size]

    def value(self, node: Any) -> Any:
        kind = type(node)
        if kind in PLAIN:
            return node
        self._depth += 1
        if self._depth > 2 * DEEPEST:
            raise ValueError("it is nested too deep")
        try:
            if kind is list:
                return self.items(node)
            if kind is not dict or len(node) != 1:
                raise ValueError("a node without a tag")
            ((tag, payload),) = node.items()
            if tag not in _DECODERS:
                raise ValueError(f"a node with the unknown tag {tag!r:.50}")
            return _DECODERS[tag](self, payload)
        finally:
            self._depth -= 1

    def items(self, nodes: Any) -> List[Any]:
        if type(nodes) is not list:
            raise ValueError("a list is something else")
        if set(map(type, nodes)) <= PLAIN:
            plain: List[Any] = nodes
            return plain
        return [self.value(node) for node in nodes]


def _decoded_int(_: Decoder, digits: Any) -> int:
    if type(digits) is not str:
        raise ValueError("digits are no text")
    return int(digits, 16)


def _numbers(code: str) -> Callable[[Decoder, Any], Any]:
    def decoded(decoder: Decoder, place: Any) -> Any:
        numbers = array.array(code)
        numbers.frombytes(decoder.blob(place))
        return _little(numbers).tolist()

    return decoded


def _set(decoder: Decoder, nodes: Any) -> Any:
    # One by one, so that an interrupt is heard: hostile numbers can all have one hash.
    found = set()
    for value in decoder.items(nodes):
        found.add(value)
    return found


def _dict(decoder: Decoder, pairs: Any) -> Any:
    if type(pairs) is not list:
        raise ValueError("pairs are something else")
    return {decoder.value(key): decoder.value(item) for key, item in pairs}


def _object(decoder: Decoder, nodes: Any) -> Any:
    if type(nodes) is not dict:
        raise ValueError("an object is something else")
    return dict(zip(nodes, decoder.items(list(nodes.values()))))


def _moment(_: Decoder, fields: Any) -> Any:
    year, month, day, hour, minute, second, micro, fold, offset, zone = fields
    tzinfo = _tzinfo(offset, zone)
    found = datetime.datetime(year, month, day, hour, minute, second, micro, tzinfo, fold=fold)
    if zone is not None and _offset(found) != offset:
        return found.replace(tzinfo=_tzinfo(offset, None))
    return found


def _tzinfo(offset: Any, zone: Any) -> Any:
    if zone is not None and type(zone) is str:
        try:
            import zoneinfo  # since 3.9, and an image may have no table of zones

            return zoneinfo.ZoneInfo(zone)
        except (ImportError, KeyError, ValueError, OSError):
            pass
    if offset is None:
        return None
    return datetime.timezone(datetime.timedelta(seconds=offset))


def _clock(_: Decoder, fields: Any) -> Any:
    hour, minute, second, micro, fold, offset = fields
    return datetime.time(hour, minute, second, micro, _tzinfo(offset, None), fold=fold)


def _decimal(_: Decoder, text: Any) -> Any:
    if type(text) is not str:
        raise ValueError("a decimal is no text")
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation as error:
        raise ValueError(f"{text!r:.50} is no decimal") from error


def _array(decoder: Decoder, payload: Any) -> Any:
    from . import arrays

    return arrays.decode(decoder, payload)


def _number(decoder: Decoder, payload: Any) -> Any:
    found = _array(decoder, payload)
    return found[()] if hasattr(found, "dtype") else found


def _table(decoder: Decoder, payload: Any) -> Any:
    from . import tables

    return tables.decode(decoder, payload)


def _series(decoder: Decoder, payload: Any) -> Any:
    from . import tables

    return tables.decode_series(decoder, payload)


_DECODERS: Dict[str, Callable[[Decoder, Any], Any]] = {
    "int": _decoded_int,
    "bytes": lambda decoder, place: bytes(decoder.blob(place)),
    "bytearray": lambda decoder, place: bytearray(decoder.blob(place)),
    "floats": _numbers("d"),
    "ints": _numbers("q"),
    "tuple": lambda decoder, nodes: tuple(decoder.items(nodes)),
    "set": _set,
    "frozenset": lambda decoder, nodes: frozenset(_set(decoder, nodes)),
    "object": _object,
    "dict": _dict,
    "complex": lambda _, parts: complex(*parts),
    "decimal": _decimal,
    "datetime": _moment,
    "date": lambda _, fields: datetime.date(*fields),
    "time": _clock,
    "timedelta": lambda _, fields: datetime.timedelta(*fields),
    "array": _array,
    "number": _number,
    "table": _table,
    "series": _series,
}
