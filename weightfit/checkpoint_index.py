"""The forms of a checkpoint, and the index of one that is spread over files."""

from weightfit.checkpoint import parse_object, quote
from weightfit.errors import MalformedCheckpoint

FORMS = (
    ("model.safetensors", "model.safetensors.index.json", ".safetensors"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json", ".bin"),
)
"""Single file, index and ending of each form of a checkpoint, in the order in which transformers looks for them."""


def weight_map(text: bytes, ending: str, what: str) -> dict[str, str]:
    """Read the index of a sharded checkpoint: the file of each tensor.

    Parameters
    ----------
    text : bytes
    ending : str
        Of the files that it may name.
    what : str
        Name of the text for messages.

    Raises
    ------
    MalformedCheckpoint
        If it has no ``weight_map`` from tensors to files in the same folder.
    """
    found = parse_object(text, what).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise MalformedCheckpoint(f"{what}: there is no weight_map with tensors: use another revision")
    for tensor, file in found.items():
        if not isinstance(file, str) or not file.endswith(ending) or "/" in file or "\\" in file:
            raise MalformedCheckpoint(
                f"{what}: tensor {quote(tensor)} is said to be in {quote(file)}, which is no name of a "
                f"{ending} file in the same folder: use another revision"
            )
    return found
