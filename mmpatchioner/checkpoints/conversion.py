"""What every converter of published weights shares: checked names and shapes, and a report."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import resolve_file

_HASH_BLOCK = 2**20


@dataclass(frozen=True)
class Move:
    """One tensor's way from the published file to ours.

    Attributes:
        source: Its published name.
        target: Its name here; None if it is left out.
        shape: Its shape here.
        note: What was done to it.
    """

    source: str
    target: str | None
    shape: tuple[int, ...]
    note: str = ''


@dataclass(frozen=True, eq=False)
class Converted:
    """Converted weights.

    Attributes:
        tensors: The weights in our names.
        moves: Where every tensor of the published file went.
        metadata: Strings to store with them.
    """

    tensors: dict[str, Tensor]
    moves: list[Move] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def report(self) -> str:
        """One line a tensor of the published file: its name, its shape here, its name here."""
        width = max((len(move.source) for move in self.moves), default=0)
        lines = []
        for move in self.moves:
            note = f'  ({move.note})' if move.note else ''
            shape = ' x '.join(map(str, move.shape))
            lines.append(f'{move.source:<{width}}  {shape:>14}  {move.target or "-"}{note}')
        return '\n'.join(lines)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as handle:
        while block := handle.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def provenance(path: str | os.PathLike[str]) -> dict[str, str]:
    """Name and hash of a published file, to be kept in the metadata of what it is converted into.

    Raises:
        CheckpointError: if it is missing.
    """
    file = resolve_file(path)
    return {'converted_from': file.name, 'source_sha256': sha256_of(file)}


def check_names(found: Iterable[str], expected: Iterable[str], source: str, what: str) -> None:
    """Refuse a file whose names are not exactly the expected ones.

    Raises:
        CheckpointError: naming what is missing and what is unknown.
    """
    missing = sorted(set(expected) - set(found))
    unknown = sorted(set(found) - set(expected))
    if missing or unknown:
        raise CheckpointError(
            f'{source}: expected {what}; missing: {_shorten(missing)}; unknown: {_shorten(unknown)}.'
        )


def select_group(
    published: Mapping[str, Tensor], wanted: str, others: Mapping[str, str], source: str
) -> tuple[dict[str, Tensor], list[Move]]:
    """Take one group of a file that holds several; a group is what stands before the first dot of a name.

    Args:
        published: Every tensor of the file.
        wanted: Name of the group.
        others: What each other group that may be there is, for the report.
        source: The file, for messages.

    Returns:
        Tensors of the group without its name, and the way of all others.

    Raises:
        CheckpointError: if the group is missing, or there is one that is not known.
    """
    groups = {name: name.partition('.')[0] for name in published}
    unknown = sorted(set(groups.values()) - {wanted, *others})
    if unknown:
        raise CheckpointError(
            f'{source}: expected the group {wanted} and perhaps {sorted(others)}, got others too: '
            f'{unknown[:8]}.'
        )
    state = {
        name.partition('.')[2]: published[name] for name, group in groups.items() if group == wanted
    }
    if not state:
        raise CheckpointError(
            f'{source}: expected tensors under `{wanted}.`, found none among {len(published)}; it holds '
            f'{sorted(set(groups.values()))}.'
        )
    moves = [
        Move(name, None, tuple(published[name].shape), others[group])
        for name, group in groups.items()
        if group != wanted
    ]
    return state, moves


def size_of(state: Mapping[str, Tensor], name: str, dim: int, source: str) -> int:
    """Size of a tensor along a dimension that it must have.

    Raises:
        CheckpointError: if it has fewer dimensions.
    """
    shape = tuple(state[name].shape)
    if len(shape) <= dim:
        raise CheckpointError(
            f'{source}: {name}: expected {dim + 1} dimensions, got shape {shape}.'
        )
    return shape[dim]


def check_shapes(
    state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], source: str
) -> None:
    """Refuse a file with a tensor of another shape, type or with NaN.

    Raises:
        CheckpointError: naming every such tensor.
    """
    problems = [
        f'{name}: expected {shape}, got {tuple(state[name].shape)}'
        for name, shape in expected.items()
        if tuple(state[name].shape) != shape
    ]
    problems += [
        f'{name}: expected finite numbers'
        for name in expected
        if not state[name].is_floating_point() or not state[name].isfinite().all()
    ]
    if problems:
        raise CheckpointError(f'{source}: {_shorten(problems, "; ")}.')


def _shorten(names: list[str], separator: str = ', ', most: int = 8) -> str:
    shown = separator.join(names[:most]) or 'none'
    return shown if len(names) <= most else f'{shown} and {len(names) - most} more'
