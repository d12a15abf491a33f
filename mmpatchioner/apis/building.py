"""Building a captioner from its config, with its weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import BaseModel, revert_sync_batchnorm
from mmengine.registry import DefaultScope

from mmpatchioner.apis.detectors import attach_detector, find_detector_config, without_pretrained
from mmpatchioner.apis.errors import InputError
from mmpatchioner.apis.zoo import find_config
from mmpatchioner.checkpoints.loading import load_state_dict, load_strict
from mmpatchioner.models.spaces import check_spaces
from mmpatchioner.registry import MODELS

logger = logging.getLogger(__name__)

_PROPOSER = {'type': 'mmpatchioner.PatchProposalDetector'}


def read_config(
    model: str | Path | Config,
    detector: str | Path | Config | None = None,
    *,
    score_thr: float,
    max_regions: int | None,
) -> tuple[Config, Config]:
    """Read a captioner's config and fit it for inference.

    A config may name its detector by an entry ``detector = dict(config=<name or path>, checkpoint=<path or URL>)``.

    Args:
        model: Name, path or config of a captioner.
        detector: Name, path or config of a detector to attach, in place of the config's own.
        score_thr: Detections below this score are not captioned.
        max_regions: At most so many found regions of an image are captioned.

    Returns:
        The config of the captioner, and that which names the classes of its detector.

    Raises:
        InputError: if a name is unknown or a config unfit.
    """
    cfg = model if isinstance(model, Config) else _parse(find_config(model), 'model')
    if 'model' not in cfg:
        raise InputError('model: its config has no `model`; give the config of a captioner.')
    cfg, detector_cfg = join_detector(cfg, detector)
    if cfg.model.get('proposer') is None:  # it has no weights: every captioner can have it
        cfg.model.proposer = dict(_PROPOSER)
    cfg.model.score_thr = score_thr
    if max_regions is not None:
        cfg.model.max_per_img = max_regions
        cfg.model.proposer.max_per_img = max_regions
    return cfg, detector_cfg


def join_detector(
    cfg: Config, detector: str | Path | Config | None = None
) -> tuple[Config, Config]:
    """Attach to a captioner the detector that is named, or else the one that its config names.

    Args:
        cfg: Config of a captioner, perhaps with an entry ``detector``; left as it is.
        detector: Name, path or config of a detector.

    Returns:
        The config of the captioner, and that which names the classes of its detector.

    Raises:
        InputError: if a name is unknown or a config unfit.
    """
    cfg = Config(cfg.to_dict())
    if detector is not None:
        cfg.pop('detector', None)
    elif 'detector' in cfg:
        detector = _named_detector(cfg)
    if detector is None:
        return cfg, cfg
    if not isinstance(detector, Config):
        detector = _parse(find_detector_config(detector), 'detector')
    return attach_detector(cfg, detector), detector


def build_captioner(
    cfg: Config,
    device: torch.device,
    weights: str | Path | None = None,
    detector_weights: str | Path | None = None,
) -> BaseModel:
    """Build a captioner for inference.

    The parts load the weights that their configs name. A detector without weights has random ones, about which a
    warning is logged.

    Args:
        cfg: Its config.
        device: Where it will run.
        weights: Checkpoint of the whole model, a path or URL.
        detector_weights: Checkpoint of its detector, a path or URL; None takes that of the config's ``detector``.

    Raises:
        InputError: if there are weights for a detector and no detector.
        CheckpointError: if weights can not be read or do not fit, or the parts are of different spaces.
    """
    detector = cfg.model.get('detector')
    if weights is None and detector_weights is None:
        detector_weights = cfg.get('detector', {}).get('checkpoint')
    if detector is None and detector_weights is not None:
        raise InputError(
            'detector_weights: the model has no detector; name one with detector=<config or name>.'
        )
    named = None
    if detector is not None:
        # What its backbone was initialised with would be downloaded only to be overwritten.
        cfg.model.detector = without_pretrained(detector.to_dict())
        if (
            weights is None
            and detector_weights is None
            and _is_pretrained(detector.get('init_cfg'))
        ):
            cfg.model.detector.init_cfg = named = detector.init_cfg
    with inference_scope(cfg), _quiet_initialisation():
        model = MODELS.build(cfg.model)
        model.init_weights()
    check_spaces(model)
    if weights is not None:
        load_strict(model, load_state_dict(_local(weights)), str(weights))
    if detector_weights is not None:
        load_strict(
            model.detector, load_state_dict(_local(detector_weights)), str(detector_weights)
        )
    if detector is not None and weights is None and detector_weights is None and named is None:
        logger.warning(
            'The detector has no weights: its boxes are random. Give its checkpoint with detector_weights=<file>.'
        )
    return revert_sync_batchnorm(model).to(device).eval()


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or the accelerator of the machine, or the CPU.

    Raises:
        InputError: if the device is unknown or not there.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device: {device!r} can not be used ({reason}); try 'cpu'.") from error
    return chosen


@contextmanager
def inference_scope(cfg: Config) -> Iterator[None]:
    """Resolve names without a scope in the config's default scope, and leave that of the process alone."""
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmdet'):
        yield


@contextmanager
def _quiet_initialisation() -> Iterator[None]:
    """Without a log file, mmengine logs a line for every parameter it initialises."""
    mm_logger: Any = MMLogger.get_current_instance()
    level = mm_logger.level
    mm_logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        mm_logger.setLevel(level)


def _named_detector(cfg: Config) -> str:
    entry = cfg.detector
    if (
        not isinstance(entry, dict)
        or 'config' not in entry
        or entry.keys() - {'config', 'checkpoint'}
    ):
        raise InputError(
            'detector: expected dict(config=<name or path of an mmdet config>, checkpoint=<path, URL or None>) '
            f"in the model's config, got {entry!r}."
        )
    return entry['config']


def _is_pretrained(init_cfg: Any) -> bool:
    return isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained'


def _parse(path: Path, what: str) -> Config:
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program: anything may go wrong in it
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f'{what}: {path} is not a valid config ({reason}).') from error


def _local(weights: str | Path) -> Path:
    """The file of a checkpoint; a URL is downloaded into torch's cache once.

    Raises:
        InputError: if the download fails.
    """
    if not str(weights).startswith(('http://', 'https://')):
        return Path(weights)
    url = str(weights)
    target = Path(torch.hub.get_dir()) / 'checkpoints' / Path(url.split('?', 1)[0]).name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(target))
        except OSError as error:
            raise InputError(
                f'weights: {url} can not be downloaded ({error}); download it and give its path.'
            ) from error
    return target
