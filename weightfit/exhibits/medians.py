"""Medians over the blocks of every entry at its last step, in the columns of the released database."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.components import POOLED, POOLS
from weightfit.paper import State
from weightfit.paper.rows import state
from weightfit.studies import selection
from weightfit.weights.families import attention_kind

_BELOW = 0.95  # the threshold after which the columns R2_below_95_... are named


def medians(
    fits: pa.Table,
    facts: Mapping[str, Mapping[str, Any]],
    thresholds: Sequence[State],
    protocol: str = "centred",
) -> pa.Table:
    """Return the medians over the blocks of every entry at its last step.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    facts
        The facts that `weightfit.cohort.models.entry_facts` returns, by entry.
    thresholds
        Thresholds of T/tau with the names of the states, from `weightfit.paper.states`.
    protocol
        Protocol of the fits, which are taken at trim 0.80 and for both signs.

    Returns
    -------
    pyarrow.Table
        Table of contract ``medians``. Components are those that are stored: qkv where it is one tensor, otherwise q, k
        and v. Those of cross attention have no columns.
    """
    terminal = fits.filter(pc.field("terminal") & selection.protocol(name=protocol))
    names = table.arrow_schema("medians").names
    rows = []
    for entry in dict.fromkeys(terminal["entry"].to_pylist()):
        own, known = terminal.filter(pc.field("entry") == entry), facts[entry]
        everything = own.filter((pc.field("block") == POOLED) & (pc.field("component") == "all"))
        rows.append(
            {"entry_id": entry}
            | {name: known[name] for name in names if name in known}
            | {"size": known["size"] or str(everything["n"][0])}
            | {"arch": _attention(known)}
            | _duration(known, thresholds)
            | _medians(own.filter(selection.in_blocks()), known["storage"] == "merged")
        )
    return table.of_rows("medians", [dict.fromkeys(names) | row for row in rows])


def _medians(matrices: pa.Table, merged: bool) -> dict[str, object]:
    stored = ("qkv", *POOLS["transmission"]) if merged else POOLS["all"]
    row: dict[str, object] = {}
    records = 0
    for component in stored:
        members = matrices.filter(pc.field("component") == component)
        if members.num_rows:
            r_squared = table.column(members, "r_squared")
            records += members.num_rows
            row |= {
                f"k_median_{component}": float(np.median(table.column(members, "shape"))),
                f"lambda_median_{component}": float(np.median(table.column(members, "scale"))),
                f"R2_median_{component}": float(np.median(r_squared)),
                f"R2_below_95_{component}": f"{int((r_squared < _BELOW).sum())}/{r_squared.size}",
            }
    return row | {"n_records": records}


def _attention(known: Mapping[str, Any]) -> str | None:
    """Return the released database's name for a type of attention: MHA with its storage, or GQA with its ratio."""
    heads, key_heads = known["n_q"], known["n_kv"]
    if heads is None or key_heads is None:
        return None
    kind = attention_kind(heads, key_heads)
    return f"{kind}-{known['storage']}" if kind == "MHA" else f"{kind}-{heads // key_heads}:1"


def _duration(known: Mapping[str, Any], thresholds: Sequence[State]) -> dict[str, object]:
    rate, decay, steps = (known[name] for name in ("eta_peak", "lambda_wd", "T_steps"))
    if None in (rate, decay, steps):
        return {}
    reached = steps * rate * decay
    return {
        "tau_iter": 1 / (rate * decay) if decay else None,
        "T_over_tau": reached,
        "Physical_State": state(reached, thresholds),
    }
