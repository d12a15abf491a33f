# ViECap's vocabulary: the 80 classes of COCO, each by seven sentences, in the space of Talk2DINO.
#   python tools/build_memory.py configs/training/entities_talk2dino_coco.py checkpoints/talk2dino_entities_coco.safetensors
_base_ = ['./decap_talk2dino_coco.py']

corpus = dict(_delete_=True, sources=dict(path='configs/training/coco_entities.txt'))
encoder = dict(_delete_=True, type='mmpatchioner.TemplateTextEncoder', encoder=_base_.encoder)
