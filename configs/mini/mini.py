# The model of this package that needs no download: `CaptionInferencer('mini')`. It captions regions that are asked for,
# and without any it proposes regions from the patches. README.md tells how it was trained and what it scores.
_base_ = [
    '../_base_/models/patchioner_dinov2-s_mini.py',
    '../_base_/datasets/caption_pipeline_336.py',
    '../_base_/default_runtime.py',
]
