# The view of CLIP RN50x4: squashed to 288 x 288, 9 x 9 positions; CLIP's statistics.
view = dict(
    size=288,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711))
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='mmpatchioner.AddPatchView', **view),
    dict(type='mmpatchioner.PackCaptionInputs'),
]
# The same, and the regions that a dataset annotates are captioned, not those that the model finds.
region_pipeline = [*test_pipeline[:-1], dict(type='mmpatchioner.LoadCaptionRegions'), test_pipeline[-1]]
