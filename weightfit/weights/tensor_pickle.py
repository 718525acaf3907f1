"""Interpret the pickle of a PyTorch checkpoint: a table of tensors, alone or beside plain data of its training.

A pickle is a program for a stack machine. Python's own machine imports and calls what the program names. The machine
here knows only the few operations that PyTorch's files use (torch/_weights_only_unpickler.py lists them), calls
nothing, and refuses every other operation and name.
"""

import pickletools
import warnings
from dataclasses import dataclass, replace
from typing import Any

from weightfit.documents import quote
from weightfit.errors import MalformedCheckpoint

STORAGES = {
    "torch FloatStorage": "F32",
    "torch HalfStorage": "F16",
    "torch BFloat16Storage": "BF16",
    "torch DoubleStorage": "F64",
    "torch LongStorage": "I64",
    "torch IntStorage": "I32",
    "torch ShortStorage": "I16",
    "torch CharStorage": "I8",
    "torch ByteStorage": "U8",
    "torch BoolStorage": "BOOL",
    "torch.storage UntypedStorage": "U8",
}
"""The dtype of each kind of storage; weights are in the first three and the last, buffers in the others."""

FLOAT8 = {"torch float8_e4m3fn": "F8_E4M3", "torch float8_e5m2": "F8_E5M2"}
"""Dtypes that have no kind of storage of their own; their tensors are in one without a type."""

DICTIONARY = "collections OrderedDict"
TENSOR = "torch._utils _rebuild_tensor_v2"
TENSOR_OF_DTYPE = "torch._utils _rebuild_tensor_v3"
PARAMETER = "torch._utils _rebuild_parameter"
SIZE = "torch Size"
DEVICE = "torch device"
DTYPES = frozenset(
    f"torch {name}"
    for name in (
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
    )
)
"""Names that occur in the data beside tensors, such as the settings of a training."""

NAMES = frozenset({DICTIONARY, TENSOR, TENSOR_OF_DTYPE, PARAMETER, SIZE, DEVICE, *STORAGES, *FLOAT8, *DTYPES})

LITERALS = frozenset({"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"})
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
REMEDY = "do not load it with anything, use a revision that has safetensors"


@dataclass(frozen=True)
class Storage:
    """A run of values of one dtype.

    Attributes
    ----------
    dtype
        Dtype in the spelling of safetensors.
    key
        Key of the archive member that holds the values.
    """

    dtype: str
    key: str
    elements: int


@dataclass(frozen=True)
class StoredTensor:
    """A view of a storage.

    Attributes
    ----------
    offset
        Offset of the first value in the storage, in values.
    shape, strides
        Shape, and strides in values.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """A name by which the program refers to a Python object; it is never looked up."""

    text: str

    def __repr__(self) -> str:
        return repr(self.text.replace(" ", "."))[1:-1]  # no control character gets into a message


class _Senseless(Exception):
    """The program does something that no writer of tensors does; the message says what."""


def read_tensors(text: bytes, what: str) -> dict[str, StoredTensor]:
    """Interpret a pickle that must be a table from names to tensors, or a table one of whose values is such a table.

    In the second case the other values may be plain data: numbers, texts, None, lists, tuples and tables of these, and
    tensors. They are not returned. Whatever the key, a value counts as the table if it has names and tensors only, of
    which one has at least two dimensions, so that a table of losses is none.

    Parameters
    ----------
    what
        Name of the pickle in error messages.

    Raises
    ------
    MalformedCheckpoint
        If the pickle names or does anything else, or has several such tables.
    """
    try:
        # The library's parser warns of strange escapes in names, which PyTorch never writes.
        with warnings.catch_warnings(action="error", category=DeprecationWarning):
            table = _Machine().run(text)
    except _Senseless as error:
        raise MalformedCheckpoint(f"{what} {error}: {REMEDY}") from None
    except (ValueError, IndexError, OverflowError, DeprecationWarning) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MalformedCheckpoint(f"{what} is no whole pickle ({reason}): fetch it again") from error
    if not isinstance(table, dict):
        raise MalformedCheckpoint(f"{what} holds {quote(table)} instead of a table of tensors: {REMEDY}")
    if _is_table(table):
        return table
    inner: dict[int, tuple[object, dict[Any, Any]]] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            inner.setdefault(id(value), (key, value))  # a program may refer to one table many times
    found = [(key, value) for key, value in inner.values() if _is_table(value) and _has_matrix(value)]
    if len(found) > 1:
        raise MalformedCheckpoint(
            f"{what} has tables of tensors under {quote(found[0][0])} and {quote(found[1][0])}, and only one can be "
            "the checkpoint: save the one you mean in a file of its own"
        )
    if not found:
        name, value = next(item for item in table.items() if not _is_entry(*item))
        raise MalformedCheckpoint(
            f"{what} has {quote(name)}: {quote(value)}, a checkpoint has names and tensors: {REMEDY}"
        )
    return found[0][1]


def _is_entry(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, StoredTensor)


def _is_table(table: dict[Any, Any]) -> bool:
    return all(_is_entry(name, value) for name, value in table.items())


def _has_matrix(table: dict[str, StoredTensor]) -> bool:
    return any(len(tensor.shape) > 1 for tensor in table.values())


class _Machine:
    """The stack machine: its stack, the marks in the stack, and the memo."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, text: bytes) -> object:
        """Run a program and return the value that it leaves."""
        end = 0
        for operation, argument, position in pickletools.genops(text):
            assert position is not None
            self._step(operation.name, argument, position)
            end = position + 1
        if end != len(text):
            raise _Senseless(f"goes on for {len(text) - end} bytes after its end")
        (value,) = self._stack
        return value

    def _step(self, name: str, argument: Any, position: int) -> None:
        stack = self._stack
        if name in LITERALS:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [tuple(self._top(TUPLES[name]))]
        else:
            match name:
                case "PROTO":
                    if argument != 2:
                        raise _Senseless(f"has protocol {argument}, PyTorch writes 2")
                case "STOP":
                    pass
                case "MARK":
                    self._marks.append(len(stack))
                case "EMPTY_TUPLE":
                    stack.append(())
                case "EMPTY_LIST":
                    stack.append([])
                case "EMPTY_DICT":
                    stack.append({})
                case "TUPLE":
                    stack.append(tuple(self._since_mark()))
                case "BINPUT" | "LONG_BINPUT":
                    self._memo[argument] = self._top(1)[0]
                case "BINGET" | "LONG_BINGET":
                    if argument not in self._memo:
                        raise _Senseless(f"asks at byte {position} for an object that it has not stored")
                    stack.append(self._memo[argument])
                case "APPEND":
                    self._append([stack.pop()])
                case "APPENDS":
                    self._append(self._since_mark())
                case "SETITEM":
                    self._set_items([stack.pop(-2), stack.pop()])
                case "SETITEMS":
                    self._set_items(self._since_mark())
                case "GLOBAL":
                    stack.append(_Name(argument))
                    if argument not in NAMES:
                        raise _Senseless(f"names {quote(stack[-1])}, which is no part of a tensor")
                case "BINPERSID":
                    stack.append(_storage(stack.pop()))
                case "REDUCE":
                    arguments = stack.pop()
                    stack.append(_made(stack.pop(), arguments))
                case "BUILD":
                    self._build(stack.pop())
                case _:
                    raise _Senseless(f"has the operation {name} at byte {position}, which no tensor needs")

    def _top(self, number: int) -> list[Any]:
        if len(self._stack) < number:
            raise _Senseless("takes more from its stack than there is")
        return self._stack[-number:]

    def _since_mark(self) -> list[Any]:
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items

    def _append(self, items: list[Any]) -> None:
        target = self._top(1)[0]
        if not isinstance(target, list):
            raise _Senseless(f"appends to {quote(target)}")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(1)[0]
        if not isinstance(target, dict) or len(items) % 2:
            raise _Senseless(f"sets items of {quote(target)}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):
                raise _Senseless(f"has the key {quote(key)}")
            if key in target:
                raise _Senseless(f"has the key {quote(key)} twice")
            target[key] = value

    def _build(self, state: object) -> None:
        # A table of tensors carries the versions of its modules, which are not needed here.
        target = self._top(1)[0]
        if not isinstance(target, dict) or not isinstance(state, dict) or set(state) != {"_metadata"}:
            raise _Senseless(f"gives {quote(target)} the state {quote(state)}")


def _storage(identity: object) -> Storage:
    match identity:
        case ("storage", _Name(text), str(key), str(), int(elements)) if text in STORAGES and elements >= 0:
            return Storage(STORAGES[text], key, elements)
    raise _Senseless(f"refers to {quote(identity)} instead of a storage")


def _made(name: object, arguments: object) -> object:
    match name, arguments:
        case _Name(text), () if text == DICTIONARY:
            return {}
        case _Name(text), (StoredTensor() as tensor, bool(), hooks) if text == PARAMETER and hooks == {}:
            return tensor
        case _Name(text), (tuple(shape),) if text == SIZE:
            return shape
        case _Name(text), (str(), *_) if text == DEVICE:
            return arguments
        case _Name(text), (Storage("U8") as storage, *view, _Name(dtype)) if (
            text == TENSOR_OF_DTYPE and dtype in FLOAT8
        ):
            return _made(_Name(TENSOR), (replace(storage, dtype=FLOAT8[dtype]), *view))
        case _Name(text), (
            Storage() as storage,
            int(offset),
            tuple(shape),
            tuple(strides),
            bool(),
            hooks,
            *metadata,
        ) if (
            text == TENSOR
            and hooks == {}
            and metadata in ([], [{}])  # they say, for instance, that the values are to be negated
            and all(map(_is_count, (offset, *shape, *strides)))
            and len(shape) == len(strides)
        ):
            return StoredTensor(storage, offset, shape, strides)
    raise _Senseless(f"calls {quote(name)} with {quote(arguments)}")


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63
