# Patch-ioner with CapDec's own network (arXiv 2211.00575): GPT-2 behind a soft prompt of 40 vectors, trained with noise on
# texts alone, five beams. The decoder is made by configs/training/capdec_talk2dino_coco.py.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_viecap.py']
model = dict(
    caption_head=dict(
        decoder=dict(
            hard_prompt=None,
            soft_prompt=dict(num_inputs=40, num_outputs=40),
            num_beams=5,
            max_length=67,
            init_cfg=dict(checkpoint='checkpoints/capdec_talk2dino_coco.safetensors'))))
