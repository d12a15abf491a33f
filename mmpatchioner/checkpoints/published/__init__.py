"""The checkpoints that the authors publish: found or fetched, converted, kept."""

from mmpatchioner.checkpoints.published.cache import Conversion, convert_published
from mmpatchioner.checkpoints.published.conversion import DECODER, MEMORY
from mmpatchioner.checkpoints.published.models import PUBLISHED, PublishedModel
from mmpatchioner.checkpoints.published.settings import CONFIG_FILE, PublishedSettings
from mmpatchioner.checkpoints.published.sources import (
    PublishedFiles,
    download_folder,
    fetch,
    read_folder,
)

__all__ = [
    'CONFIG_FILE',
    'DECODER',
    'MEMORY',
    'PUBLISHED',
    'Conversion',
    'PublishedFiles',
    'PublishedModel',
    'PublishedSettings',
    'convert_published',
    'download_folder',
    'fetch',
    'read_folder',
]
