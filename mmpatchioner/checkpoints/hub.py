"""Models of transformers, from a local folder or the Hugging Face hub."""

from __future__ import annotations

from typing import Any

from transformers.utils import logging as transformers_logging

from mmpatchioner.checkpoints.errors import CheckpointError


def from_folder_or_hub(auto_class: Any, name: str, field: str, **kwargs: Any) -> Any:
    """Call ``auto_class.from_pretrained(name)`` without its progress bar, and with an error that tells the remedy.

    Args:
        auto_class: A class of transformers, e.g. ``AutoModel``.
        name: Local folder or hub id.
        field: Config field that gave the name, for the message.
        **kwargs: Passed on.

    Raises:
        CheckpointError: if the name is neither a folder of a model nor within reach on the hub.
    """
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        return auto_class.from_pretrained(name, **kwargs)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f'{field}: {name!r} is neither a local folder of a transformers model nor within reach on the hub '
            f'({reason}). Where there is a network, `hf download {name} --local-dir DIR`; then name DIR here.'
        ) from error
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
