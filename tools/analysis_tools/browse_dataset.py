#!/usr/bin/env python
"""Draw the annotated regions of a dataset with their captions: pictures in OUT_DIR.

python tools/analysis_tools/browse_dataset.py configs/mini/mini_flickr8k-regions_dense.py --out-dir browsed
python tools/analysis_tools/browse_dataset.py traces.json --task trace --images coco --out-dir browsed --num 5

Regions are drawn as the file has them, so that boxes of another form or frame are seen at once. Ends with status 2 and
one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import mmcv
import numpy as np
from mmengine.registry import DefaultScope

from mmpatchioner.apis import InputError
from mmpatchioner.apis.images import read_file
from mmpatchioner.datasets.annotations import TASKS, AnnotationError
from mmpatchioner.datasets.region_captions import RegionCaptionDataset
from mmpatchioner.engine import ConfigError, read_run_config
from mmpatchioner.registry import DATASETS
from mmpatchioner.visualization import draw_captions
from mmpatchioner.visualization.references import reference_shapes

_USAGE_ERROR = 2
_TYPES = {
    'dense': 'DenseCaptionDataset',
    'region_set': 'RegionSetCaptionDataset',
    'trace': 'TraceCaptionDataset',
    'image': 'ImageCaptionDataset',
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='config with a test dataset, or annotation file')
    parser.add_argument('--out-dir', type=Path, required=True, help='folder of the pictures')
    parser.add_argument('--num', type=int, default=10, help='of images (default: %(default)s)')
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--seed', type=int, help='draw images at random, not the first ones')
    which.add_argument('--indices', type=int, nargs='+', help='draw these images, from 0 on')
    parser.add_argument(
        '--all-captions', action='store_true', help='draw every reference, not the first alone'
    )
    files = parser.add_argument_group('for an annotation file')
    files.add_argument('--task', choices=TASKS, help='what is captioned')
    files.add_argument('--images', default='', help='folder of the images')
    files.add_argument('--format', default='auto', help='format of the file (default: %(default)s)')
    args = parser.parse_args(argv)
    if not args.source.endswith('.py') and args.task is None:
        parser.error('--task is needed to read an annotation file')
    if args.num < 1:
        parser.error('--num: expected 1 or more')
    return args


def build_dataset(args: argparse.Namespace) -> RegionCaptionDataset:
    """The dataset, without a pipeline.

    Raises:
        ConfigError: if the config has no test dataset of captioned regions.
    """
    if args.source.endswith('.py'):
        entry = dict(
            read_run_config(args.source, ['test_dataloader'], 'test').test_dataloader.dataset
        )
        entry['pipeline'] = []
    else:
        entry = dict(
            type=f'mmpatchioner.{_TYPES[args.task]}',
            ann_file=args.source,
            file_format=args.format,
            data_prefix=dict(img=args.images),
        )
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(entry)
    if not isinstance(dataset, RegionCaptionDataset):
        raise ConfigError(f'{args.source}: its test dataset has no captioned regions')
    return dataset


def choose(total: int, args: argparse.Namespace) -> list[int]:
    """Indices of the images to draw.

    Raises:
        ConfigError: if an index is out of range.
    """
    if args.indices is not None:
        if bad := [index for index in args.indices if not 0 <= index < total]:
            raise ConfigError(f'--indices: expected 0 to {total - 1}, got {bad[0]}')
        return args.indices
    count = min(args.num, total)
    if args.seed is not None:
        return sorted(random.Random(args.seed).sample(range(total), count))
    return list(range(count))


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        dataset = build_dataset(args)
        indices = choose(len(dataset), args)
        for index in indices:
            item = dataset.get_data_info(index)
            pixels = read_file(Path(item['img_path']))
            drawn = draw_captions(
                np.ascontiguousarray(pixels[..., ::-1]),
                reference_shapes(item['gt_regions'], pixels.shape[:2], args.all_captions),
            )
            path = args.out_dir / f'{index:05d}_{Path(item["img_path"]).stem}.jpg'
            mmcv.imwrite(drawn[..., ::-1], str(path))
    except (AnnotationError, ConfigError, InputError, OSError, TypeError) as error:
        print(f'browse_dataset.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    print(f'{len(indices)} of {len(dataset)} images drawn in {args.out_dir}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
