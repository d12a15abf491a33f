# The view of `mini`: squashed to 336 x 336, at which its alignment was trained.
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='mmpatchioner.AddPatchView', size=336),
    dict(type='mmpatchioner.PackCaptionInputs'),
]
