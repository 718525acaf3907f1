"""The groups of attention into which the paper puts its entries, with their colours and markers."""

from weightfit import paper

LOOKS = {"separate MHA": ("#0072B2", "o"), "GQA": ("#D55E00", "s"), "merged": ("#009E73", "^")}
"""Colour and marker of each group; the markers tell them apart in grey."""


def group(key: str) -> str:
    """Return the group into which the paper puts an entry, a key of `LOOKS`.

    Parameters
    ----------
    key
        Id of the entry in `paper/entries.tsv`.
    """
    entry = paper.entries()[key]
    if entry.storage == "merged":
        return "merged"
    return "separate MHA" if entry.attention == "MHA" else "GQA"
