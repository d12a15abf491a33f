import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData  # noqa: F401  (mmdet's structures need the registries)
from PIL import Image

from mmpatchioner.datasets.transforms import AddPatchView, PackCaptionInputs, PatchView
from mmpatchioner.regions import Regions


def photo(height=40, width=60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_squash_is_pillows_bicubic_on_rgb():
    image = photo()
    expected = np.asarray(Image.fromarray(image[..., ::-1].copy()).resize((28, 28), Image.BICUBIC))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((expected / 255 - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(PatchView(28)(image).numpy(), expected, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 90), st.integers(5, 90))
def test_center_crop_sees_what_its_grid_says(height, width):
    """A pixel column painted white lights up the patch columns that the grid maps it to, and no other."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    view = PatchView(28, mode='center_crop', mean=(0, 0, 0), std=(1, 1, 1))
    grid = view.grid((height, width), patch_size=14)
    left, right = grid.patch_boxes()[:, 0].min(), grid.patch_boxes()[:, 2].max()
    middle = int((left + right) / 2)
    image[:, middle:] = 255
    lit = view(image)[0].mean(dim=0)
    assert view(image).shape == (3, 28, 28)
    edge = (middle - float(left)) / float(right - left) * 28
    blur = 4 + 2 * 28 / min(height, width)
    assert (lit[: max(0, int(edge - blur))] < 0.1).all()
    assert (lit[int(np.ceil(edge + blur)) :] > 0.9).all()


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match='image: expected'):
        PatchView(28)(image)


@pytest.mark.parametrize('kwargs', [{'size': 0}, {'mode': 'stretch'}])
def test_bad_settings_are_refused(kwargs):
    with pytest.raises(ValueError, match='expected'):
        PatchView(**kwargs)


def test_the_pipeline_keeps_view_and_regions_beside_the_detectors_inputs():
    image = photo()
    results = {'img': image, 'ori_shape': (40, 60), 'img_shape': (40, 60), 'img_path': 'x.jpg'}
    results = AddPatchView(size=28)(results)
    assert results['img'] is image
    results['img'] = image[:20, :30]  # the detector resizes
    results['regions'] = Regions.from_inputs(boxes=[[1, 2, 3, 4]])
    packed = PackCaptionInputs()(results)
    assert packed['inputs'].shape == (3, 20, 30)
    torch.testing.assert_close(packed['patch_inputs'], PatchView(28)(image))
    sample = packed['data_samples']
    assert sample.ori_shape == (40, 60)
    assert sample.patch_mode == 'squash'
    assert len(sample.regions) == 1


def test_a_view_of_a_changed_image_is_refused():
    with pytest.raises(ValueError, match='directly after the loading'):
        AddPatchView(size=28)({'img': photo(), 'ori_shape': (80, 120)})


def test_packing_without_a_view_is_refused():
    with pytest.raises(KeyError, match='AddPatchView'):
        PackCaptionInputs()({'img': photo()})
