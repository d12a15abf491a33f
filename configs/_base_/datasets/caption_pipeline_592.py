# The view of DINOv3: squashed to 592 x 592, 37 x 37 patches of 16 pixels as DINOv2 has at 518; ImageNet statistics.
view = dict(size=592)
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='mmpatchioner.AddPatchView', **view),
    dict(type='mmpatchioner.PackCaptionInputs'),
]
# The same, and the regions that a dataset annotates are captioned, not those that the model finds.
region_pipeline = [*test_pipeline[:-1], dict(type='mmpatchioner.LoadCaptionRegions'), test_pipeline[-1]]
