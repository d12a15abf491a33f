"""A folder of small files that the reduced configs of a module share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('small')
