# The published view: squashed to 518 x 518, Pillow's antialiased bicubic, ImageNet statistics.
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='mmpatchioner.AddPatchView', size=518),
    dict(type='mmpatchioner.PackCaptionInputs'),
]
# The same, and the regions that a dataset annotates are captioned, not those that the model finds.
region_pipeline = [*test_pipeline[:-1], dict(type='mmpatchioner.LoadCaptionRegions'), test_pipeline[-1]]
