"""A causal language model of transformers, run here."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.datasets.localized_narratives.rewriting import RewriteError


class LocalModel:
    """Greedy answers of a causal language model, with its chat template if it has one.

    Args:
        model: Local folder or hub id of a model with safetensors weights and its tokenizer.
        device: Where it runs, e.g. ``cuda``.
        max_tokens: Longest answer.

    Raises:
        CheckpointError: if there is no such model.
        RewriteError: if there is no such device.
    """

    def __init__(self, model: str, device: str = 'cpu', max_tokens: int = 64) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.name = model
        self.max_tokens = max_tokens
        field = 'language model'
        # Left, so that every answer starts where its prompt ends.
        self.tokenizer = from_folder_or_hub(AutoTokenizer, model, field, padding_side='left')
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        # `torch_dtype` is the name that transformers 4 and 5 both know.
        self.model = from_folder_or_hub(
            AutoModelForCausalLM, model, field, torch_dtype='auto', use_safetensors=True
        )
        try:
            self.model.to(device).eval()
        except (RuntimeError, AssertionError) as error:  # torch raises either
            raise RewriteError(
                f'device {device!r}: the language model can not run there: {error}'
            ) from error

    @torch.inference_mode()
    def answers(self, prompts: Sequence[str]) -> list[str]:
        """See :meth:`LanguageModel.answers`; the prompts are one batch."""
        chat = self.tokenizer.chat_template is not None
        texts = [self._as_chat(prompt) for prompt in prompts] if chat else list(prompts)
        tokens = self.tokenizer(
            texts, padding=True, return_tensors='pt', add_special_tokens=not chat
        ).to(self.model.device)
        sequences = self.model.generate(
            input_ids=tokens['input_ids'],
            attention_mask=tokens['attention_mask'],
            do_sample=False,
            max_new_tokens=self.max_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        answers = sequences[:, tokens['input_ids'].shape[1] :]
        return self.tokenizer.batch_decode(answers, skip_special_tokens=True)

    def _as_chat(self, prompt: str) -> str:
        return self.tokenizer.apply_chat_template(
            [{'role': 'user', 'content': prompt}], tokenize=False, add_generation_prompt=True
        )
