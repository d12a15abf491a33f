# MeaCap on CLIP ViT-B/16 (arXiv 2403.03715), the paper's baseline, with ViECap's network. docs/converters.md tells how to get
# the decoder and the captions.
_base_ = ['./viecap_clip-b16.py']
model = dict(
    caption_head=dict(
        decoder=dict(
            hard_prompt=dict(
                _delete_=True,
                type='mmpatchioner.MeaCapPrompt',
                memory='checkpoints/meacap_clip-b16_coco_memory.safetensors',
                parser=dict(type='mmpatchioner.SceneGraphParser'),
                sentence_encoder=dict(type='mmpatchioner.SentenceTextEncoder', model='minilm')),
            init_cfg=dict(checkpoint='checkpoints/meacap_clip-b16_coco.safetensors'))))
