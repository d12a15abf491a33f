"""Names of the published checkpoints and where they are."""

from __future__ import annotations

from dataclasses import dataclass

OWNER = 'Ruggero1912'


@dataclass(frozen=True)
class PublishedModel:
    """A published checkpoint.

    Attributes:
        name: Its name here.
        system: ``'decap'`` (projection on a memory), ``'capdec'`` (noise in training), ``'viecap'`` or ``'meacap'``.
        repo_id: Its repository on the Hugging Face hub.
        config: Name of the config of this project that it fits.
        revision: Commit, tag or branch of the repository; None is the newest of its main branch.
    """

    name: str
    system: str
    repo_id: str
    config: str
    revision: str | None = None


def _talk2dino(system: str, config: str, revision: str | None = None) -> PublishedModel:
    return PublishedModel(
        name=f'talk2dino-{system}-coco',
        system=system,
        repo_id=f'{OWNER}/Patch-ioner_talk2dino_{system}_COCO_Captions',
        config=f'patchioner_dinov2-b-reg_talk2dino_{config}_coco',
        revision=revision,
    )


PUBLISHED = {
    model.name: model
    for model in (
        _talk2dino('decap', 'memory'),
        _talk2dino('capdec', 'noise'),
        _talk2dino('viecap', 'viecap'),
        _talk2dino('meacap', 'meacap'),
    )
}
