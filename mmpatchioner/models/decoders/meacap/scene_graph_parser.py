"""The network that writes down the scene graph of a caption."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from mmengine.model import BaseModule

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.decoders.meacap.memo import Memo
from mmpatchioner.models.decoders.meacap.scene_graph import SceneGraph, parse_scene_graph
from mmpatchioner.registry import MODELS

_TASK = 'Generate Scene Graph: '


@MODELS.register_module()
class SceneGraphParser(BaseModule):
    """A sequence-to-sequence transformer trained on FACTUAL scene graphs (arXiv 2305.17497), frozen.

    A caption is parsed once, however often it is asked for. Captions of similar length share a batch; padding is
    masked, so that no caption sees another.

    Args:
        model: Hub id or folder of the model with its tokenizer.
        batch_size: Captions in one forward pass.
        max_length: Longest caption, and longest graph, in tokens; the rest is cut off.
        autocast: Run the transformer in bf16.

    Raises:
        ValueError: if a size is not positive.
        CheckpointError: if the model can not be found.
    """

    def __init__(
        self,
        model: str = 'lizhuang144/flan-t5-base-VG-factual-sg',
        batch_size: int = 64,
        max_length: int = 128,
        autocast: bool = False,
    ) -> None:
        super().__init__()
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        for name, value in {'batch_size': batch_size, 'max_length': max_length}.items():
            if value < 1:
                raise ValueError(f'parser.{name}: expected at least 1, got {value}.')
        self.tokenizer = from_folder_or_hub(AutoTokenizer, model, 'parser.model')
        self.transformer = from_folder_or_hub(AutoModelForSeq2SeqLM, model, 'parser.model')
        self.transformer.float().eval().requires_grad_(False)
        self.batch_size = batch_size
        self.max_length = max_length
        self.autocast = autocast
        self._graphs = Memo(self._parse)

    def init_weights(self) -> None:
        """Do nothing: the weights come with the constructor, and mmengine would initialise them anew."""

    def train(self, mode: bool = True) -> SceneGraphParser:
        """Stay in evaluation mode: the parser is frozen in every use."""
        super().train(False)
        return self

    def forward(self, captions: Iterable[str]) -> dict[str, SceneGraph]:
        """Parse captions.

        Args:
            captions: Any number, with duplicates.

        Returns:
            The graph of every distinct caption.
        """
        return self._graphs(captions)

    def _parse(self, captions: list[str]) -> list[SceneGraph]:
        order = sorted(range(len(captions)), key=lambda index: len(captions[index]), reverse=True)
        graphs = [SceneGraph()] * len(captions)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            for row, text in zip(rows, self._write([captions[row] for row in rows]), strict=True):
                graphs[row] = parse_scene_graph(text)
        return graphs

    @torch.inference_mode()
    def _write(self, captions: list[str]) -> list[str]:
        """What the network writes for one batch of captions."""
        device = self.transformer.device
        tokens = self.tokenizer(
            [_TASK + caption for caption in captions],
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors='pt',
        ).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.autocast):
            ids = self.transformer.generate(
                input_ids=tokens['input_ids'],
                attention_mask=tokens['attention_mask'],
                max_length=self.max_length,
                num_beams=1,
                do_sample=False,
            )
        return self.tokenizer.batch_decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=True
        )
