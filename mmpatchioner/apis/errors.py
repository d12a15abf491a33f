"""What went wrong with something a user gave."""

from __future__ import annotations


class InputError(ValueError):
    """An input can not be used; the message names it and says what to do."""
