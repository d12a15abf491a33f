# The memory of regions: phrases that occur at least 10 times, with how often they do.
#   python tools/build_memory.py configs/mini/memory_phrases.py work_dirs/mini/memory_phrases.safetensors --dtype bf16
_base_ = ['./_texts.py']
encoder = dict(
    type='mmpatchioner.ProjectedTextEncoder',
    encoder=_base_.minilm,
    projection=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint='work_dirs/mini/alignment/export/projection.safetensors'),
        **_base_.projection),
    space=_base_.space)
corpus = dict(
    sources=[_base_.flickr8k, _base_.flickr30k],
    clean='words',
    min_words=4,
    max_words=25,
    exclude=_base_.held_out,
    dedupe=False,
    phrases=dict(min_count=10))
