#!/usr/bin/env python
"""CIDEr of a captioner on Flickr8k photos and given boxes, beside captioners that do not look at the box.

``python tools/analysis_tools/score_mini.py DATA --model mini`` reads ``flickr8k/{captions,regions_dev}.jsonl`` and
``flickr8k/images`` below DATA. Scores are those of pycocoevalcap after its PTB tokenizer, which needs Java.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmpatchioner.apis import CaptionInferencer, InputError
from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.files import write_atomic

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('data', type=Path, help='folder of the data')
    parser.add_argument('--model', default='mini', help='name or config of the captioner')
    parser.add_argument('--limit', type=int, help='this many photos of each set only')
    parser.add_argument('--out', type=Path, help='JSON file of scores and captions')
    return parser.parse_args(argv)


def read_lines(path: Path) -> list[dict]:
    """Objects of a JSON-lines file."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file; DATA must hold flickr8k/{path.name}')
    return [json.loads(line) for line in path.read_text().splitlines()]


def cider(references: Sequence[Sequence[str]], captions: Sequence[str]) -> float:
    """CIDEr in per cent, of captions against their references."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    tokenizer = PTBTokenizer()
    truth = {i: [{'caption': text} for text in texts] for i, texts in enumerate(references)}
    guess = {i: [{'caption': text}] for i, text in enumerate(captions)}
    score, _ = Cider().compute_score(tokenizer.tokenize(truth), tokenizer.tokenize(guess))
    return round(100 * float(score), 1)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        if shutil.which('java') is None:
            raise FileNotFoundError(
                'java: not found; the PTB tokenizer needs it (Debian: apt install default-jre-headless)'
            )
        root = args.data / 'flickr8k'
        photos = [row for row in read_lines(root / 'captions.jsonl') if row['split'] == 'val'][
            : args.limit
        ]
        boxed = read_lines(root / 'regions_dev.jsonl')[: args.limit]
        inferencer = CaptionInferencer(args.model)
        scores, captions = score(inferencer, root / 'images', photos, boxed)
    except (FileNotFoundError, InputError, CheckpointError) as error:
        print(f'score_mini.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    table = Table(
        'captions',
        'CIDEr',
        title=f'{args.model}: {len(photos)} photos, {len(captions["boxes"])} boxes',
    )
    for name, value in scores.items():
        table.add_row(name, f'{value:.1f}')
    Console().print(table)
    if args.out:
        content = json.dumps({'scores': scores, 'captions': captions}, indent=1)
        write_atomic(args.out, content.encode())
    return 0


def score(
    inferencer: CaptionInferencer, images: Path, photos: list[dict], boxed: list[dict]
) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Scores and captions of whole photos, of given boxes, and of the blind baselines of these."""
    whole = [
        inferencer(images / row['image'], whole_image=True)[0][0].caption
        for row in track(photos, description='Photos')
    ]
    seen: list[str] = []
    sentences: list[str] = []
    phrases: list[str] = []
    references: list[list[str]] = []
    for row in track(boxed, description='Boxes'):
        boxes = [region['bbox'] for region in row['regions']]
        with Image.open(images / row['image']) as photo:
            everything = [0, 0, *photo.size]
        result = inferencer(images / row['image'], boxes=[*boxes, everything], whole_image=True)[0]
        seen += [region.caption for region in result.regions[: len(boxes)]]
        phrases += [result[len(boxes)].caption] * len(boxes)
        sentences += [result[len(boxes) + 1].caption] * len(boxes)
        references += [region['phrases'] for region in row['regions']]
    scores = {
        'whole photos (val)': cider([row['captions'] for row in photos], whole),
        'given boxes (region_dev)': cider(references, seen),
        'blind: the caption of the photo for each of its boxes': cider(references, sentences),
        'blind: the whole photo as a box, for each of its boxes': cider(references, phrases),
        'constant: "a man" for every box': cider(references, ['a man'] * len(references)),
    }
    return scores, {'photos': whole, 'boxes': seen}


if __name__ == '__main__':
    sys.exit(main())
