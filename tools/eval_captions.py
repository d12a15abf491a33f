#!/usr/bin/env python
"""Score captions against annotations: ``python tools/eval_captions.py PREDICTIONS ANNOTATIONS --task dense``.

No model is loaded. Scores are printed, and written in full precision to NAME.scores.json beside the predictions.
Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.datasets.annotations import (
    FORMATS,
    TASKS,
    AnnotationError,
    Annotations,
    read_annotations,
)
from mmpatchioner.datasets.annotations.boxes import BoxFormatError
from mmpatchioner.datasets.image_files import ImageFolder
from mmpatchioner.evaluation.functional.densecap_ap import dense_captioning_map
from mmpatchioner.evaluation.functional.meteor import Meteor
from mmpatchioner.evaluation.functional.meteor_scorer import MeteorScorer
from mmpatchioner.evaluation.functional.recorded_meteor import RecordedMeteor, UnknownPairError
from mmpatchioner.evaluation.functional.rows import Row, RowError
from mmpatchioner.evaluation.functional.scoring import (
    CAPTION_METRICS,
    ClipScores,
    ScoreReport,
    ScoreSettings,
    match_row,
    score_rows,
)
from mmpatchioner.evaluation.predictions import (
    PREDICTION_FORMATS,
    PredictionError,
    Predictions,
    join_rows,
    read_predictions,
)
from mmpatchioner.evaluation.predictions.lua_frame import to_lua_frame
from mmpatchioner.evaluation.predictions.results import SCORE_MODES
from mmpatchioner.evaluation.report import print_report, write_report
from mmpatchioner.evaluation.row_file import RowFileError, read_rows
from mmpatchioner.visualization.pr_curves import save_pr_curves

_USAGE_ERROR = 2
_PICTURES = ('.png', '.svg', '.pdf')
_FORMATS = """
predictions (found by their keys, or named by --prediction-format)
  by_image  {"image_id": [{"bbox": [x1, y1, x2, y2], "caption": "...", "score": 0.9}]}
            other tasks: {"image_id": "caption"} or, for several regions, {"image_id": ["caption", ...]}
  flat      [{"image_id": ..., "caption": "..."}], COCO's caption results; dense: with "bbox" xyxy and "score"
  rows      JSON lines of tools/test.py --out; these can be scored without an annotation file too
  results   JSON of tools/image_demo.py, or its folder preds
  official  files of Patch-ioner's authors: {"predictions", "img_paths", "bboxes" xywh, ...}
  grit      vg_instances_results.json of GRiT: "bbox" xywh in images of 720 pixels

annotations (found likewise, or named by --annotation-format)
  controlcap     {"images", "annotations": [{"image_id", "bbox" XYXY, "caption"}]}
  visual_genome  region_descriptions.json, with image_data.json and densecap_splits.json beside it
  grit           LVIS-like, "bbox" xywh, "caption"
  entities       {"image_id": {"caption\\ncaption": [boxes xyxy]}}
  traces         {"image_id": {"captions": [...], "traces": [[{"x", "y", "t"}, ...], ...]}}
  coco_captions  COCO captions, or a list of images with --captions
  karpathy       dataset_coco.json, dataset_flickr30k.json
  jsonl          lines of {"image", "regions": [{"bbox" | "bboxes" | "points", "captions"}]} or {"image", "captions"}
  simple         {"image_id": [{"bbox": [x1, y1, x2, y2], "caption": "..."}]}

Boxes are [x1, y1, x2, y2] in pixels of the original image wherever nothing else is said; files that look otherwise are
refused. Images are matched by id, or by file name; leading zeros and folders do not matter.
"""


class OptionError(ValueError):
    """Options do not go together."""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0].split(':')[0],
        epilog=_FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('predictions', help='file of captions')
    parser.add_argument(
        'annotations', nargs='*', help='file of annotations; several are read as one'
    )
    parser.add_argument('--task', required=True, choices=TASKS)
    parser.add_argument('--out', type=Path, help='file of the scores, JSON')
    reading = parser.add_argument_group('reading')
    reading.add_argument(
        '--prediction-format', default='auto', choices=['auto', *PREDICTION_FORMATS]
    )
    reading.add_argument('--annotation-format', default='auto', choices=['auto', *FORMATS])
    reading.add_argument('--split', help='of the annotations: test, val, ...')
    reading.add_argument(
        '--vg-coco', action='store_true', help="visual_genome: only images that are COCO's too"
    )
    reading.add_argument(
        '--captions',
        metavar='FILE',
        help='coco_captions: where the captions of a list of images are; '
        'pycocoevalcap: those of COCO 2014 in that package',
    )
    reading.add_argument(
        '--longest-side',
        type=int,
        metavar='PIXELS',
        help='grit annotations: of the images the boxes belong to',
    )
    reading.add_argument(
        '--rank-by',
        default='caption',
        choices=SCORE_MODES,
        help='results: score that ranks the captions',
    )
    reading.add_argument(
        '--allow-missing', action='store_true', help='leave out images without a prediction'
    )
    reading.add_argument(
        '--no-box-check', action='store_true', help='take boxes as they are, however unlikely'
    )
    dense = parser.add_argument_group('dense captioning')
    dense.add_argument(
        '--variant',
        default='port',
        choices=['port', 'lua'],
        help="evaluator: the paper's, or the original",
    )
    dense.add_argument(
        '--lua-data',
        action='store_true',
        help='visual_genome: prepare the data as the original does, in images of 720 pixels',
    )
    count = dense.add_mutually_exclusive_group()
    count.add_argument(
        '--strict-npos',
        dest='strict_npos',
        action='store_true',
        default=True,
        help='regions of images without a prediction count as not found (default)',
    )
    count.add_argument(
        '--published-npos', dest='strict_npos', action='store_false', help='leave such images out'
    )
    dense.add_argument('--curves', metavar='FILE', help='precision-recall curves, .png or .svg')
    metrics = parser.add_argument_group('caption metrics')
    metrics.add_argument(
        '--metrics',
        nargs='*',
        default=CAPTION_METRICS,
        choices=CAPTION_METRICS,
        help='which (default: all); without a name none of them, as for the mAP alone',
    )
    metrics.add_argument('--spice', action='store_true', help='compute SPICE too')
    metrics.add_argument(
        '--no-meteor', action='store_true', help='no METEOR, and no mAP but that of the boxes'
    )
    metrics.add_argument('--meteor-cache', metavar='FILE', help='keeps METEOR for the next time')
    metrics.add_argument(
        '--meteor-workers', type=int, default=1, metavar='N', help='processes of Java'
    )
    metrics.add_argument(
        '--recorded-meteor', metavar='FILE', help='METEOR that was recorded, without Java'
    )
    clip = parser.add_argument_group('CLIP-S and PAC-S, which load a model')
    clip.add_argument('--images', metavar='FOLDER', help='of the images; computes these metrics')
    clip.add_argument(
        '--clip', metavar='MODEL', help='CLIP ViT-B/32, folder or hub id (default: that of OpenAI)'
    )
    clip.add_argument(
        '--pac-weights', metavar='FILE', help="the authors' clip_ViT-B-32.pth, for PAC-S"
    )
    return parser.parse_args(argv)


def check_options(args: argparse.Namespace) -> None:
    """Check what can be known before a file is read.

    Raises:
        OptionError: if options do not go together.
    """
    if args.lua_data and (args.task, args.variant) != ('dense', 'lua'):
        raise OptionError('--lua-data: expected --task dense --variant lua with it')
    if args.lua_data and not args.annotations:
        raise OptionError("--lua-data: expected Visual Genome's region_descriptions.json with it")
    if args.curves and args.task != 'dense':
        raise OptionError('--curves: only dense captioning has them')
    if args.curves and Path(args.curves).suffix not in _PICTURES:
        raise OptionError(f'--curves {args.curves}: expected an ending of {", ".join(_PICTURES)}')
    if (args.clip or args.pac_weights) and not args.images:
        raise OptionError('--clip, --pac-weights: expected --images, the folder of the images')
    if args.images and args.lua_data:
        raise OptionError('--images: the boxes of --lua-data are not in pixels of the images')


def load_rows(args: argparse.Namespace) -> tuple[list[Row], Counter[str]]:
    """What is scored, and what was noticed in the files.

    Raises:
        AnnotationError: if the annotations cannot be used.
        PredictionError: if the predictions cannot be used, or are not of the annotations.
        RowFileError: if rows without annotations cannot be used.
        OptionError: if options do not go together.
    """
    if not args.annotations:
        header, rows = read_rows(args.predictions)
        if header.get('task') != args.task:
            raise OptionError(
                f'--task {args.task}: {args.predictions} is of the task {header.get("task")}'
            )
        return rows, Counter()
    annotations = read_annotations(
        args.annotations,
        args.task,
        args.annotation_format,
        check_boxes=not args.no_box_check,
        **annotation_options(args),
    )
    predictions = read_predictions(
        args.predictions, args.task, args.prediction_format, args.rank_by
    )
    rows = join_rows(
        args.task,
        predictions,
        annotations,
        allow_missing=args.allow_missing,
        check_boxes=not args.no_box_check,
    )
    if args.lua_data:
        rows = to_lua_frame(rows)
    files: dict[str, Annotations | Predictions] = {
        'annotations': annotations,
        'predictions': predictions,
    }
    noticed = Counter(
        {
            f'{kind} ({file.source_format}): {what}': count
            for kind, file in files.items()
            for what, count in file.counts.items()
        }
    )
    noticed['images without a prediction'] = len(annotations.images) - sum(
        bool(row['predictions']) for row in rows
    )
    return rows, +noticed


def annotation_options(args: argparse.Namespace) -> dict[str, Any]:
    """Options of the format of the annotations."""
    options = {
        'split': args.split,
        'vg_coco': args.vg_coco,
        'captions': args.captions,
        'longest_side': args.longest_side,
        'raw': args.lua_data,
    }
    return {name: value for name, value in options.items() if value}


def with_images(rows: Sequence[Row], folder: str) -> list[Row]:
    """Rows that name the files of their images.

    Raises:
        FileNotFoundError: if an image is not in the folder.
    """
    images = ImageFolder(folder)
    located: list[Row] = []
    for row in rows:
        path = images.find(row['file_name'])
        if path is None:
            raise FileNotFoundError(f'--images {folder}: it has no {row["file_name"]}')
        located.append({**row, 'file_name': str(path)})
    return located


def clip_scores(args: argparse.Namespace) -> ClipScores | None:
    """CLIP's metrics, if there are images for them."""
    if not args.images:
        return None
    from mmpatchioner.evaluation.clip_rows import ClipRows  # loads transformers

    model = {'model': args.clip} if args.clip else {}
    return ClipRows(pac_weights=args.pac_weights, **model)


@contextmanager
def meteor_scorer(args: argparse.Namespace) -> Iterator[MeteorScorer | None]:
    """METEOR as the command line wants it; its processes end with the block."""
    if args.no_meteor:
        yield None
    elif args.recorded_meteor:
        try:
            recorded = RecordedMeteor(args.recorded_meteor)
        except ValueError as error:
            raise OptionError(f'--recorded-meteor: {error}') from error
        yield recorded
    else:
        with Meteor(workers=args.meteor_workers, cache=args.meteor_cache) as meteor:
            yield meteor


def evaluate(args: argparse.Namespace, rows: Sequence[Row]) -> ScoreReport:
    """Score the rows, and draw their curves if that is wanted."""
    with meteor_scorer(args) as meteor:
        settings = ScoreSettings(
            variant=args.variant,
            strict_npos=args.strict_npos,
            metrics=tuple(args.metrics),
            meteor=meteor,
            spice=args.spice,
            clip=clip_scores(args),
        )
        report = score_rows(args.task, rows, settings)
        if args.curves:
            scorer = meteor if 'map' in report.scores else None
            result = dense_captioning_map(
                [match_row(row, args.variant) for row in rows],
                None if scorer is None else scorer.score,
                variant=args.variant,
                strict_npos=args.strict_npos,
            )
            save_pr_curves(result, args.curves)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        check_options(args)
        rows, noticed = load_rows(args)
        if args.images:
            rows = with_images(rows, args.images)
        for what, count in noticed.items():
            print(f'{what}: {count:,}')
        with Console(stderr=True).status(f'Scoring {len(rows):,} images'):
            report = evaluate(args, rows)
        out = args.out or Path(args.predictions).with_suffix('.scores.json')
        print_report(report)
        write_report(
            report,
            out,
            predictions=args.predictions,
            annotations=args.annotations,
            noticed=dict(noticed),
        )
        print(f'Scores: {out}')
    except (
        AnnotationError,
        CheckpointError,
        OptionError,
        OSError,
        PredictionError,
        RowError,
        RowFileError,
        UnknownPairError,
    ) as error:
        message = ' '.join(str(error).split())
        if isinstance(error, BoxFormatError):
            message += ' --no-box-check takes them as they are.'
        print(f'eval_captions.py: error: {message}', file=sys.stderr)
        return _USAGE_ERROR
    return 0


if __name__ == '__main__':
    sys.exit(main())
