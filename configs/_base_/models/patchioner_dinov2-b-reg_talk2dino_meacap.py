# Patch-ioner with MeaCap's prompts (paper, "T2D + Noise + filtered knowledge"): ViECap's network, told what the captions
# nearest to a region agree on. docs/converters.md tells how to get the decoder and the captions.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_viecap.py']
model = dict(
    caption_head=dict(
        decoder=dict(
            hard_prompt=dict(
                _delete_=True,
                type='mmpatchioner.MeaCapPrompt',
                memory='checkpoints/meacap_talk2dino_coco_memory.safetensors',
                parser=dict(type='mmpatchioner.SceneGraphParser'),
                sentence_encoder=dict(type='mmpatchioner.SentenceTextEncoder', model='minilm')),
            init_cfg=dict(checkpoint='checkpoints/meacap_talk2dino_coco.safetensors'))))
