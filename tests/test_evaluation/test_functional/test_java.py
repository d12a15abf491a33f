"""Finding Java and pycocoevalcap, or saying how to get them."""

from __future__ import annotations

import importlib.util

import pytest

from mmpatchioner.evaluation.functional.java import (
    JavaNotFoundError,
    MissingPackageError,
    coco_caption_file,
    find_java,
)


def make_java(folder):
    folder.mkdir(parents=True)
    program = folder / 'java'
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    return program


def test_path_comes_before_java_home(tmp_path, monkeypatch):
    first, second = make_java(tmp_path / 'first'), make_java(tmp_path / 'home' / 'bin')
    monkeypatch.setenv('PATH', str(first.parent))
    monkeypatch.setenv('JAVA_HOME', str(tmp_path / 'home'))
    assert find_java() == first
    monkeypatch.setenv('PATH', str(tmp_path))
    assert find_java() == second


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    make_java(tmp_path / 'bin')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PATH', 'bin')
    assert find_java().is_absolute()


def test_without_java_one_line_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('JAVA_HOME', raising=False)
    with pytest.raises(JavaNotFoundError) as caught:
        find_java()
    message = str(caught.value)
    assert 'apt install default-jre-headless' in message
    assert 'conda install openjdk' in message
    assert '\n' not in message


def test_a_missing_package_or_file_names_the_remedy(monkeypatch):
    if importlib.util.find_spec('pycocoevalcap'):
        with pytest.raises(MissingPackageError, match=r'meteor/other.jar.*pip install'):
            coco_caption_file('meteor/other.jar')
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmpatchioner\[eval\]'"):
        coco_caption_file('meteor/meteor-1.5.jar')
