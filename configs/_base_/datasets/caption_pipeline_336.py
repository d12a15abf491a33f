# The view of `mini`: squashed to 336 x 336, at which its alignment was trained.
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='mmpatchioner.AddPatchView', size=336),
    dict(type='mmpatchioner.PackCaptionInputs'),
]
# The same, and the regions that a dataset annotates are captioned, not those that the model finds.
region_pipeline = [*test_pipeline[:-1], dict(type='mmpatchioner.LoadCaptionRegions'), test_pipeline[-1]]
