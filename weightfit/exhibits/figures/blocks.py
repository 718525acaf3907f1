"""The fits that figures draw block by block: single blocks at the last step, under the paper's protocol."""

import pyarrow as pa
import pyarrow.compute as pc

from weightfit.exhibits.request import Request
from weightfit.studies.selection import in_blocks, protocol


def last_blocks(request: Request) -> pa.Table:
    """Return the fits of single blocks at the last step of every entry, by entry and block.

    Parameters
    ----------
    request
        Request for a figure that has ``fits`` among its inputs and the trim as ``content.trim``.

    Returns
    -------
    pyarrow.Table
        Rows of contract ``fits`` for centred fits to weights of both signs.
    """
    chosen = request.read("fits").filter(
        pc.field("terminal") & in_blocks() & protocol(request.content["trim"])
    )
    return chosen.sort_by([("entry", "ascending"), ("block", "ascending")])


def blocks_of(fits: pa.Table, entry: str, component: str) -> pa.Table:
    """Return the rows of one matrix or pool of an entry, block by block.

    Parameters
    ----------
    fits
        Rows of `last_blocks`.
    entry
        Id of the entry in its cohort.
    component
        Component as in the contract ``fits``.

    Returns
    -------
    pyarrow.Table
        The rows; the table is empty where all blocks are left out.
    """
    return fits.filter((pc.field("entry") == entry) & (pc.field("component") == component))
