"""Read headers of PyTorch checkpoints (``.bin``, ``.pt``, ``.pth``) without PyTorch and without executing anything.

Since PyTorch 1.6 such a file is a ZIP archive of uncompressed members: ``ROOT/data.pkl`` is a pickle that describes
the tensors, ``ROOT/data/KEY`` holds the bytes of one storage, and ``ROOT/byteorder`` says ``little``
(torch/serialization.py and caffe2/serialize/inline_container.h of pytorch/pytorch). The pickle is interpreted by
`weightfit.weights.tensor_pickle`, which accepts tensors and plain data and nothing else.
"""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from weightfit.documents import quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.header import Header, Tensor
from weightfit.weights.safetensors import BITS, FOREIGN
from weightfit.weights.scales import with_scales
from weightfit.weights.tensor_pickle import StoredTensor, read_tensors

PICKLE_LIMIT = 4 << 20
"""Longest ``data.pkl`` that is read, in bytes; a shard of hundreds of tensors has one of some 100,000 bytes."""

# Compiled modules and modules that are trained in parallel have these before every name, in either order.
WRAPPERS = ("_orig_mod.", "module.", "_orig_mod.")

LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., length of the name, length of the extra field
ZIP = b"PK\x03\x04"

# Forms of files that PyTorch used to write, and other kinds of files that carry the name of one.
OTHER_FORMS = (
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is of the form that PyTorch wrote before 1.6"),
    (b"\x80", "is a bare pickle"),
    *((magic, kind.partition(":")[0]) for magic, kind in FOREIGN if not magic.startswith((b"PK", b"\x80"))),
)
# What zipfile raises for an archive that is none, names that are no text, and members that cannot be decompressed.
DAMAGED = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error, zlib.error)

USE_SAFETENSORS = "use a revision that has safetensors, or write it again with PyTorch 1.6 or later"
FETCH_AGAIN = "fetch it again"


@dataclass(frozen=True)
class _Member:
    """The position of the bytes of a member of the archive."""

    begin: int
    end: int


def recognises(start: bytes) -> bool:
    """Tell by its first bytes whether a file is a ZIP archive or a pickle, the two forms that PyTorch writes.

    The length of a safetensors header may begin like a pickle; its header then begins at the ninth byte.
    """
    return start.startswith(ZIP) or (start.startswith(b"\x80") and start[8:9] != b"{")


def read_header(path: Path) -> Header:
    """Read the header of a PyTorch checkpoint and check that its form is valid; the weights are not read.

    Returns
    -------
    Header
        Header with the tensors in the order of their bytes. Between tensors there are gaps (headers and padding of the
        archive), and two tensors may share bytes (tied weights). ``length`` is the offset of the first tensor. One of
        the `WRAPPERS` that stands before every name is left off.

    Raises
    ------
    MalformedCheckpoint
        If the file has another form, the archive is damaged, compressed or not from PyTorch, or its pickle names
        anything but tensors and plain data. The message names the file, the tensor or member, the law and the remedy.
    OSError
        If the file cannot be opened or read.
    """
    _require_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members, text = _members(path, archive)
    except DAMAGED as error:
        raise MalformedCheckpoint(
            f"{path}: the ZIP archive is damaged ({str(error).lower()}): {FETCH_AGAIN}"
        ) from error
    tensors = [
        _located(path, name, tensor, members)
        for name, tensor in _unwrapped(read_tensors(text, f"{path}: data.pkl")).items()
    ]
    if not tensors:
        raise MalformedCheckpoint(f"{path}: the checkpoint lists no tensors: {USE_SAFETENSORS}")
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    return Header(path, tensors[0].begin, tuple(with_scales(path, tensors)), {})


def _require_zip(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise MalformedCheckpoint(f"{path}: the file is empty: {FETCH_AGAIN}")
    if not start.startswith(ZIP):
        text = start.lstrip().lower()
        kind = next(
            (kind for magic, kind in OTHER_FORMS if text.startswith(magic.lower())), "is no ZIP archive"
        )
        raise MalformedCheckpoint(f"{path}: the file {kind}, which is never loaded: {USE_SAFETENSORS}")


def _members(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, _Member], bytes]:
    """Return the position of each storage by its key, and the text of the pickle."""
    items = {item.orig_filename: item for item in archive.infolist()}
    if len(items) != len(archive.infolist()):
        raise MalformedCheckpoint(f"{path}: a member of the archive is there twice: {FETCH_AGAIN}")
    pickles = [name for name in items if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise MalformedCheckpoint(
            f"{path}: the archive has {len(pickles)} members named data.pkl, a checkpoint of PyTorch has one: "
            f"{USE_SAFETENSORS}"
        )
    # Otherwise zipfile would look before the file's begin, or make room for more bytes than there are.
    for name, item in items.items():
        if item.header_offset < 0 or item.header_offset + item.compress_size > archive.start_dir:
            raise MalformedCheckpoint(
                f"{path}: member {quote(name)} does not lie before the archive's list: {FETCH_AGAIN}"
            )
    root = pickles[0].removesuffix("data.pkl")
    if items[pickles[0]].file_size > PICKLE_LIMIT:
        raise MalformedCheckpoint(f"{path}: data.pkl exceeds {PICKLE_LIMIT} bytes: {USE_SAFETENSORS}")
    order = items.get(f"{root}byteorder")
    if order is not None and (order.file_size > 8 or archive.read(order) != b"little"):
        raise MalformedCheckpoint(f"{path}: the weights are not little-endian: {USE_SAFETENSORS}")
    prefix = f"{root}data/"
    members = {
        name.removeprefix(prefix): _member(path, archive, item)
        for name, item in items.items()
        if name.startswith(prefix)
    }
    end = 0
    for key, member in sorted(members.items(), key=lambda pair: (pair[1].begin, pair[1].end)):
        if member.begin < end:
            raise MalformedCheckpoint(f"{path}: storage {quote(key)} overlaps the one before: {FETCH_AGAIN}")
        end = member.end
    return members, archive.read(items[pickles[0]])


def _member(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> _Member:
    where = f"{path}: member {quote(item.orig_filename)}"
    if item.compress_type != zipfile.ZIP_STORED or item.flag_bits & 1 or item.compress_size != item.file_size:
        raise MalformedCheckpoint(f"{where} is compressed or encrypted: {USE_SAFETENSORS}")
    file = archive.fp
    assert file is not None
    file.seek(item.header_offset)
    signature, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if signature != ZIP or file.read(name) != item.orig_filename.encode():
        raise MalformedCheckpoint(f"{where} is not where the archive's list says: {FETCH_AGAIN}")
    begin = item.header_offset + LOCAL_HEADER.size + name + extra
    if begin + item.file_size > archive.start_dir:
        raise MalformedCheckpoint(f"{where} runs into the archive's list: {FETCH_AGAIN}")
    return _Member(begin, begin + item.file_size)


def _unwrapped(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in tensors):
            tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    return tensors


def _located(path: Path, name: str, tensor: StoredTensor, members: Mapping[str, _Member]) -> Tensor:
    where = f"{path}: tensor {quote(name)}"
    if not name or not name.isprintable():
        raise MalformedCheckpoint(f"{where}: this is no name for a tensor: {USE_SAFETENSORS}")
    width = BITS[tensor.storage.dtype] // 8
    member = members.get(tensor.storage.key)
    if member is None:
        raise MalformedCheckpoint(
            f"{where} is in storage {quote(tensor.storage.key)}, which the archive lacks: {FETCH_AGAIN}"
        )
    if member.end - member.begin != tensor.storage.elements * width:
        raise MalformedCheckpoint(
            f"{where} is in a storage of {tensor.storage.elements} values in {tensor.storage.dtype}, but the archive "
            f"has {member.end - member.begin} bytes of it: {FETCH_AGAIN}"
        )
    if not _is_contiguous(tensor):
        raise MalformedCheckpoint(
            f"{where} has shape {list(tensor.shape)} with strides {list(tensor.strides)}, so its values do not lie one "
            f"after the other: {USE_SAFETENSORS}"
        )
    begin = member.begin + tensor.offset * width
    end = begin + prod(tensor.shape) * width
    if end > member.end:
        raise MalformedCheckpoint(f"{where} runs over the end of its storage: {FETCH_AGAIN}")
    return Tensor(name, tensor.storage.dtype, tensor.shape, begin, end)


def _is_contiguous(tensor: StoredTensor) -> bool:
    expected = 1
    for extent, stride in zip(reversed(tensor.shape), reversed(tensor.strides), strict=True):
        if extent > 1 and stride != expected:
            return 0 in tensor.shape
        expected *= extent
    return True
