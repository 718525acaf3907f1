"""Propose a declaration of tensors that no known architecture has, for a person to check and complete."""

import json
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence

from weightfit.weights.declared import BLOCK, NUMBER
from weightfit.weights.encodings import ENCODINGS
from weightfit.weights.families import STACKS, Table, thirds_of_each_head
from weightfit.weights.header import Tensor

LONGEST = 100
"""Number of lines that are shown."""

LONGEST_NAME = 200
"""Length in characters up to which a name is shown."""

UNKNOWN = "?"
"""What stands where the name does not say what a tensor holds; no declaration with it is valid."""

_PART = re.compile(rf"(?<![0-9]){NUMBER}(?=[./_])")

# Patterns of names in small letters in which one dot stands for dots, slashes and underscores; the first one counts.
_LEFT_OUT = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"\bmask|inv\.freq|rotary|\bfreqs|position\.ids", "buffer"),
        (r"(?:bias|\bb|beta)$", "bias"),
        (r"norm|\bln(?:\.?\d|\.?f)?\b|gamma", "norm"),
        (r"conv", "convolution"),
        (r"pooler", "pooler"),
    )
)
_OUTSIDE = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"embed|\bemb|\bwte\b|\bwpe\b|\btok|\bshared\b|position", "embedding"),
        (r"head|classifier|\bcls\b|score|logits|predictions|qa\.outputs|proj\.out|^output\b", "output head"),
    )
)
_ATTENTION = re.compile(r"att")
_CROSS = re.compile(r"cross|encoder\.att|enc\.?dec|multihead\.att")
_SUFFIX = r"(?:\.(?:proj|lin|linear|attn|layer|dense))?$"
_FUSED = tuple(
    (re.compile(pattern), held)
    for pattern, held in (
        (r"qkv|query\.key\.value|\bc\.attn$|\bin\.proj$|w\.pack|\batt\.proj$", ("q", "k", "v")),
        (r"\bkv\b|key\.value", ("k", "v")),
        (r"gate\.up", ("gate", "up")),
    )
)
_OF_ATTENTION = tuple(
    (re.compile(pattern), component)
    for pattern, component in (
        *(
            (rf"\bw?{letter}(?:{rest})?{_SUFFIX}", letter)
            for letter, rest in (("q", "uery"), ("k", "ey"), ("v", "alue"))
        ),
        (r"\b(?:w?o|out|output|proj|dense|lin|linear)$", "o"),
    )
)
_OF_FFN = tuple(
    (re.compile(pattern), component)
    for pattern, component in (
        (r"gate|\bw1$|\bwi\.0$", "gate"),
        (r"\bup\b|\bw3$|\bwi\.1$", "up"),
        (r"\bdown\b|\bw2$", "down"),
        (r"fc\.?1$|\bfc$|fc\.in$|h\.to\.4h$|lin(?:ear)?1$|intermediate\.dense$|\bwi$", "ffn_in"),
        (r"fc\.?2$|\bproj$|fc\.out$|4h\.to\.h$|lin(?:ear)?2$|output\.dense$|\bwo$", "ffn_out"),
    )
)


def propose(
    tensors: Mapping[str, Tensor | None],
    beside: Mapping[str, Tensor | None] | None = None,
    table: Table | None = None,
) -> str:
    """Return lines of YAML that declare tensors, to be put at the end of an error message.

    Parameters
    ----------
    tensors
        The tensors by name; None for one that is in a file that is not at hand.
    beside
        All tensors of the checkpoint, if ``tensors`` are those that a declaration lacks.
    table
        Names of a family that the checkpoint has beside others.

    Returns
    -------
    str
        A colon and, on lines of their own, the declaration: each name once, with `BLOCK` in place of the block number,
        the shape and the number of its tensors, and what it holds as far as its name says it, or `UNKNOWN`.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name, template in _templates(beside or tensors).items():
        if name in tensors:
            groups[template].append(name)
    known = _known(table)
    guesses = {
        template: known.get(template) or _guess(template, tensors[names[0]])
        for template, names in groups.items()
    }
    stacks = _stacks(guesses) if beside is None else {}
    by_stack = {
        stack: {one: held for one, held in guesses.items() if stacks.get(one) == stack}
        for stack in (*STACKS, None)
    }
    by_head = {
        name.replace("{i}", BLOCK)
        for name, (layout, _) in (table.counted.items() if table else ())
        if layout is thirds_of_each_head
    }
    notes = {template: _note([tensors[name] for name in names]) for template, names in groups.items()}
    shapes = {template: getattr(tensors[names[0]], "shape", ()) for template, names in groups.items()}
    lines = [
        "# Guessed from names and shapes: check each line, and save them as the file of an architecture."
    ]
    if stacks:
        lines.append("stacks:")
        for stack in STACKS:
            own = _declaration(by_stack[stack], shapes, notes, by_head)
            lines += [f"  {stack}:", *(f"    {line}" for line in own)]
    lines += _declaration(by_stack[None], shapes, notes, by_head)
    if len(lines) > LONGEST:
        lines[LONGEST:] = [f"# and {len(lines) - LONGEST} more lines"]
    return ":\n" + "\n".join(lines)


def _templates(names: Iterable[str]) -> dict[str, str]:
    """Return each name with `BLOCK` in place of the number that most likely counts blocks.

    What stands before a block number is followed by all numbers from 0 on. If that is so for several numbers of a name,
    the one of which there are most counts blocks.
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    places = {name: list(_PART.finditer(name)) for name in names}
    for name, found in places.items():
        for place in found:
            numbers[name[: place.start()]].add(int(place[0]))
    counted = {before: len(seen) for before, seen in numbers.items() if max(seen) < len(seen)}
    made = {}
    for name, found in places.items():
        blocks = [place for place in found if name[: place.start()] in counted]
        best = max(blocks, key=lambda place: counted[name[: place.start()]], default=None)
        made[name] = name if best is None else name[: best.start()] + BLOCK + name[best.end() :]
    return made


def _known(table: Table | None) -> dict[str, tuple[str, ...] | str]:
    if table is None:
        return {}
    held = {name: contents for name, (_, contents) in table.counted.items()}
    return {name.replace("{i}", BLOCK): what for name, what in {**held, **table.left_out}.items()}


def _guess(template: str, tensor: Tensor | None) -> tuple[str, ...] | str:
    """Return the components that a tensor holds, or else the reason why it is left out, or `UNKNOWN`."""
    text = re.sub(r"[./_]+", ".", template.lower())
    text = re.sub(r"\.(?:weight|kernel|w)$", "", text)
    extents = 2 if tensor is None else len(tensor.shape)
    if (tensor and tensor.dtype not in ENCODINGS) or (extents > 2 and text.endswith("bias")):
        return "buffer"
    for pattern, reason in _LEFT_OUT:
        if pattern.search(text):
            return reason
    if BLOCK not in template:
        return next((reason for pattern, reason in _OUTSIDE if pattern.search(text)), UNKNOWN)
    if extents != 2:
        return UNKNOWN
    inner = text.partition(BLOCK)[2]
    cross = "cross_" if _CROSS.search(inner) else ""
    for fused, held in _FUSED:
        if fused.search(inner):
            return tuple(cross + component for component in held)
    attention = _ATTENTION.search(inner)
    rules = _OF_ATTENTION if attention else (*_OF_ATTENTION[:3], *_OF_FFN)
    found = next((component for pattern, component in rules if pattern.search(inner)), None)
    return (cross + found,) if found else UNKNOWN


def _stacks(guesses: Mapping[str, tuple[str, ...] | str]) -> dict[str, str]:
    """Return the stack of each name if both stacks have matrices, and nothing otherwise."""
    found = {}
    for template in guesses:
        match = re.search(r"(?<![a-z])(enc|dec)(?:oder)?(?![a-z])", template.lower())
        if match:
            found[template] = {"enc": "encoder", "dec": "decoder"}[match[1]]
    both = {stack for one, stack in found.items() if isinstance(guesses[one], tuple)} == set(STACKS)
    return found if both else {}


def _declaration(
    guesses: Mapping[str, tuple[str, ...] | str],
    shapes: Mapping[str, Sequence[int]],
    notes: Mapping[str, str],
    by_head: Container[str],
) -> list[str]:
    """Return the lines that declare the names of one stack."""
    matrices = _plain(guesses)
    by_columns = _are_transposed(matrices, shapes)
    lines = ["stored: columns  # (inputs, outputs)"] if by_columns else []
    if matrices:
        lines.append("matrices:")
        for template, held in matrices.items():
            what, note = held[0], notes[template]
            if len(held) > 1:
                what, other = _fused(held, shapes[template], by_columns, template in by_head)
                note += other
            lines.append(_line(template, what, note))
    others = [template for template in guesses if template not in matrices]
    if others:
        lines.append("left_out:")
        for template in others:
            guess = guesses[template]
            reason = guess if isinstance(guess, str) and guess != UNKNOWN else f'"{UNKNOWN}"'
            lines.append(_line(template, reason, notes[template]))
    return lines


def _plain(guesses: Mapping[str, tuple[str, ...] | str]) -> dict[str, tuple[str, ...]]:
    """Return the names that hold matrices, each component once; without a gate, up and down are those of two layers."""
    every = {component for held in guesses.values() if isinstance(held, tuple) for component in held}
    gated = {"gate", "up"} <= every
    renamed = {"ffn_out": "down"} if gated else {"up": "ffn_in", "gate": "ffn_in", "down": "ffn_out"}
    taken: set[str] = set()
    found: dict[str, tuple[str, ...]] = {}
    for template, guess in guesses.items():
        if isinstance(guess, tuple):
            held = tuple(renamed.get(component, component) for component in guess)
            if not taken & set(held):
                taken |= set(held)
                found[template] = held
    return found


def _are_transposed(matrices: Mapping[str, tuple[str, ...]], shapes: Mapping[str, Sequence[int]]) -> bool:
    """Tell whether matrices seem to be (inputs, outputs): q, k and v beside each other, or a wide first layer."""
    for template, held in matrices.items():
        if len(shapes[template]) == 2:
            rows, columns = shapes[template]
            if (held == ("q", "k", "v") and columns == 3 * rows) or (held == ("ffn_in",) and rows < columns):
                return True
    return False


def _fused(held: Sequence[str], shape: Sequence[int], by_columns: bool, by_head: bool) -> tuple[str, str]:
    """Return what a fused tensor is declared as, and in which other way its parts may lie."""
    way, other = "stacked", ""
    if list(held) == ["q", "k", "v"] and len(shape) == 2:
        outputs, inputs = reversed(shape) if by_columns else shape
        if by_head:
            way = "by-head"
        elif outputs == 3 * inputs:
            other = ", or by-head: see how the model splits it"
        else:
            way = "[num_attention_heads, num_key_value_heads, num_key_value_heads]"
            other = ", or by-key-head: see how the model splits it"
    return f"{{components: [{', '.join(held)}], {'columns' if by_columns else 'rows'}: {way}}}", other


def _line(template: str, what: str, note: str) -> str:
    if len(template) > LONGEST_NAME:
        return f"  # a name of {len(template)} characters is not shown"
    return f"  {json.dumps(template)}: {what}  # {note}"


def _note(tensors: Sequence[Tensor | None]) -> str:
    """Return shape and number of the tensors of one name."""
    shapes = sorted({tensor.shape for tensor in tensors if tensor})
    shape = f"{list(shapes[0])}{' and others' if len(shapes) > 1 else ''}" if shapes else "in another file"
    return f"{shape}, {len(tensors)} tensor{'s' if len(tensors) > 1 else ''}"
