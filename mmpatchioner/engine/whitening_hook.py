"""Statistics of the patch features before an alignment starts."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmpatchioner.models.trainers.whitening import fit_whitening
from mmpatchioner.registry import HOOKS


@HOOKS.register_module()
class WhiteningHook(Hook):
    """Fits the whitening of an ``AlignmentTrainer`` to the training images, unless a checkpoint brought it.

    Args:
        exponent: See :func:`mmpatchioner.models.trainers.whitening.fit_whitening`.
        num_images: Number of images to look at.
        patches_per_image: Number of patches of each.
        seed: Of their choice.
    """

    def __init__(
        self,
        exponent: float = 0.35,
        num_images: int = 1500,
        patches_per_image: int = 40,
        seed: int = 0,
    ) -> None:
        self.exponent = exponent
        self.num_images = num_images
        self.patches_per_image = patches_per_image
        self.seed = seed

    def before_train(self, runner: Runner) -> None:
        """Fit and set; every process does, with the same result."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if model.whitening_fitted:
            return
        patches = runner.train_dataloader.dataset.features['patches']
        mean, whiten = fit_whitening(
            patches, self.exponent, self.num_images, self.patches_per_image, self.seed
        )
        model.set_whitening(mean, whiten)
        print_log(
            f'Whitening fitted to {min(self.num_images, len(patches)):,} images, exponent {self.exponent}',
            logger='current',
        )
