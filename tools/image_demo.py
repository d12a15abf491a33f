"""Caption regions of images: pictures with captions in OUT/vis, JSON in OUT/preds.

python tools/image_demo.py photo.jpg
python tools/image_demo.py photo.jpg --boxes "30,40,200,220; 10,10,90,80" --whole-image
python tools/image_demo.py photos/ --detector rtmdet_tiny_8xb32-300e_coco --weights rtmdet.pth
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from mmpatchioner.apis import CaptionInferencer, CaptionResult, InputError
from mmpatchioner.apis.region_files import parse_regions, read_mask, read_region_file
from mmpatchioner.apis.sources import ImageSource, Sources, list_sources
from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.files import write_atomic
from mmpatchioner.regions import RegionError, Regions

_KINDS = ('boxes', 'points', 'traces', 'sets')
_JPEG_QUALITY = 92


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f'error: {message}\n')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('image', help='file, folder (with its sub-folders) or URL')
    model = parser.add_argument_group('model')
    model.add_argument('--model', default='mini', help='name or config file (default: %(default)s)')
    model.add_argument('--model-weights', metavar='FILE', help='checkpoint of the whole model')
    model.add_argument(
        '--detector', metavar='CONFIG', help="config file or name of one of mmdet's detectors"
    )
    model.add_argument('--weights', metavar='FILE', help='checkpoint of the detector, path or URL')
    model.add_argument('--device', help='cpu, cuda:0, ... (default: a GPU if there is one)')
    model.add_argument(
        '--batch-size', type=int, default=1, help='images at once (default: %(default)s)'
    )
    regions = parser.add_argument_group(
        'regions, in pixels of the upright image',
        'Text as below, or a JSON file with a list, or with an object of such lists by image name. '
        'With none of these the whole image and regions found in it are captioned.',
    )
    regions.add_argument('--boxes', metavar='TEXT|FILE', help='"x1,y1,x2,y2; x1,y1,x2,y2"')
    regions.add_argument('--points', metavar='TEXT|FILE', help='"x,y; x,y"')
    regions.add_argument('--traces', metavar='TEXT|FILE', help='"x,y x,y x,y; x,y x,y"')
    regions.add_argument('--sets', metavar='TEXT|FILE', help='"x1,y1,x2,y2 x1,y1,x2,y2; ..."')
    regions.add_argument(
        '--mask',
        metavar='FILE',
        nargs='+',
        help='pictures of masks; in a palette picture each index is one mask',
    )
    regions.add_argument('--whole-image', action='store_true', help='caption the image as a whole')
    regions.add_argument(
        '--proposals', choices=('patches', 'detector'), help='caption regions found by these'
    )
    regions.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='least score of a detection (default: %(default)s)',
    )
    regions.add_argument(
        '--max-regions', type=int, help='at most so many found regions of an image'
    )
    output = parser.add_argument_group('output')
    output.add_argument(
        '--out-dir', type=Path, default=Path('outputs'), help='default: %(default)s'
    )
    output.add_argument('--no-vis', action='store_true', help='write no pictures')
    output.add_argument('--font', metavar='FILE', help='font of the captions in the pictures')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 0: all images done, 1: some were skipped, 2: nothing could be done."""
    args = parse_args(argv)
    try:
        return run(args)
    except (InputError, RegionError, CheckpointError, OSError) as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        return 2


def run(args: argparse.Namespace) -> int:
    sources = find_images(args.image, args.out_dir)
    asked = read_asked(args, sources)
    if sources.form == 'single':  # tell what is wrong before the model is loaded
        check_single(sources.images[0], {kind: entries[0] for kind, entries in asked.items()})
    proposals = args.proposals
    if proposals is None and args.detector and (asked or args.whole_image):
        proposals = 'detector'  # who names a detector wants its regions too
    inferencer = CaptionInferencer(
        args.model,
        device=args.device,
        weights=args.model_weights,
        detector=args.detector,
        detector_weights=args.weights,
        score_thr=args.score_thr,
        max_regions=args.max_regions,
    )
    outcomes = inferencer.stream(
        [source.content for source in sources.images],
        **asked,
        whole_image=args.whole_image,
        proposals=proposals,
        batch_size=args.batch_size,
    )
    return write_all(outcomes, sources, args)


def write_all(
    outcomes: Iterable[CaptionResult | InputError], sources: Sources, args: argparse.Namespace
) -> int:
    console = Console()
    names = output_names(sources, args.image)
    many = len(sources) > 1
    failures: list[Exception] = []
    progress = track(
        outcomes,
        'Captioning',
        len(sources),
        console=Console(stderr=True),
        transient=True,
        disable=not many,
    )
    for name, outcome in zip(names, progress, strict=True):
        try:
            if isinstance(outcome, InputError):
                raise outcome
            written = write_result(outcome, args.out_dir, name, None if args.no_vis else args)
        except InputError as error:
            if not many:
                raise
            failures.append(error)
            print(f'skipped: {one_line(error)}', file=sys.stderr)
            continue
        if many:
            console.print(
                f'{outcome.image}: {len(outcome)} regions',
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        else:
            console.print(caption_table(outcome))
            for path in written:
                console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    if many:
        done = len(sources) - len(failures)
        summary = f'{done} of {len(sources)} images captioned, results in {args.out_dir}'
        console.print(summary, markup=False, highlight=False, soft_wrap=True)
    if failures and len(failures) == len(sources):
        raise InputError(f'none of the {len(sources)} images could be used')
    return 1 if failures else 0


def write_result(
    result: CaptionResult, out_dir: Path, name: str, drawing: argparse.Namespace | None
) -> list[Path]:
    """Write the files of one image; everything is made before the first of them is written."""
    files = {out_dir / 'preds' / f'{name}.json': result.to_json().encode()}
    if drawing is not None:
        try:
            picture = Image.fromarray(result.plot(font_path=drawing.font)[..., ::-1])
        except ValueError as error:
            raise InputError(f'{result.image}: can not be drawn: {error}') from error
        jpeg = io.BytesIO()
        picture.save(jpeg, 'JPEG', quality=_JPEG_QUALITY)
        files[out_dir / 'vis' / f'{name}.jpg'] = jpeg.getvalue()
    for path, data in files.items():
        write_atomic(path, data)
    return list(files)


def caption_table(result: CaptionResult) -> Table:
    table = Table('#', 'region', 'caption', 'score', title=Text(result.image))
    for number, region in enumerate(result, start=1):
        where = (
            region.geometry.get('bbox')
            or region.geometry.get('points')
            or region.geometry.get('bboxes')
        )
        numbers = ' '.join(f'{value:g}' for value in np.ravel(where)[:4])
        label = f'{region.kind} {numbers}' if region.label is None else f'{region.label} {numbers}'
        score = '' if region.caption_score is None else f'{region.caption_score:.2f}'
        table.add_row(str(number), Text(label), Text(region.caption), score)
    return table


def find_images(image: str, out_dir: Path) -> Sources:
    """The images of the call, without what an earlier run wrote below the same folder."""
    sources = list_sources(image)
    if sources.form != 'folder':
        return sources
    own = [out_dir.resolve() / 'vis', out_dir.resolve() / 'preds']
    images = tuple(
        s for s in sources.images if not any(Path(s.name).resolve().is_relative_to(o) for o in own)
    )
    if not images:
        raise InputError(f'{image}: holds only what an earlier run wrote to {out_dir}')
    return Sources(images, 'folder')


def output_names(sources: Sources, image: str) -> list[str]:
    """Names of the result files without suffix: sub-folders are kept, equal names are told apart."""
    names = []
    for source in sources.images:
        if sources.form == 'folder':
            path = Path(source.name).relative_to(image)
        else:
            url = isinstance(source.content, str)
            path = Path(
                Path(unquote(urlsplit(source.name).path) if url else source.name).name or 'image'
            )
        names.append(path)
    stems = Counter(str(path.with_suffix('')).lower() for path in names)
    # x.jpg and x.png: the suffix becomes part of the name.
    unique = [
        str(path.with_suffix('')) if stems[str(path.with_suffix('')).lower()] == 1 else str(path)
        for path in names
    ]
    return [re.sub(r'[^\w./\\ ()+,-]', '_', name) for name in unique]


def read_asked(args: argparse.Namespace, sources: Sources) -> dict[str, list[Any]]:
    """The regions of each image that the command line asks for, by kind."""
    asked: dict[str, list[Any]] = {}
    for option in _KINDS:
        value, kind = getattr(args, option), 'region_sets' if option == 'sets' else option
        if value is not None and value.lower().endswith('.json'):
            asked[kind] = read_region_file(
                kind, Path(value), [source.name for source in sources.images]
            )
        elif value is not None:
            asked[kind] = [parse_regions(kind, value)] * len(sources)
    if args.mask:
        asked['masks'] = [[mask for file in args.mask for mask in read_mask(Path(file))]] * len(
            sources
        )
    return asked


def check_single(source: ImageSource, asked: dict[str, Any]) -> None:
    Regions.from_inputs(**asked, image_size=source.read().shape[:2])


def one_line(error: Exception) -> str:
    """The message of an error; of a long list of problems the first few."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    shown = ' '.join(lines[:1]) + ' ' + '; '.join(lines[1:4])
    return f'{shown.strip()}; and {len(lines) - 4} more' if len(lines) > 4 else shown.strip()


if __name__ == '__main__':
    sys.exit(main())
