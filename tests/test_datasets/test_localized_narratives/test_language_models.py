"""Rewriting by language models: a served one that is made up, and a small random one of transformers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.datasets.localized_narratives import (
    EndpointModel,
    LanguageModelRewriter,
    LocalModel,
    RewriteCache,
    RewriteError,
    read_prompt,
)
from mmpatchioner.datasets.localized_narratives.prompting import caption_of


class Server(ThreadingHTTPServer):
    """Answers with what is asked for, in capitals; a script may put other replies first."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.requests = []
        self.script = []  # of (status, headers, body), used up one by one

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}/v1'


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.server.script:
            status, headers, content = self.server.script.pop(0)
        else:
            sentence = body['messages'][0]['content'].removeprefix('Rewrite: ')
            text = 'NONE' if 'blurred' in sentence else sentence.upper()
            status, headers, content = 200, {}, answer(text)
        self.send_response(status)
        for name, value in {**headers, 'Content-Length': str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def answer(text, reason='stop'):
    choice = {'message': {'role': 'assistant', 'content': text}, 'finish_reason': reason}
    return json.dumps({'choices': [choice]}).encode()


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


class Recorded:
    """A model that remembers what it was asked."""

    name = 'recorded'

    def __init__(self, fail_after=None):
        self.asked = []
        self.fail_after = fail_after

    def answers(self, prompts):
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise RewriteError('gone')
        self.asked += prompts
        return [prompt.removeprefix('Rewrite: ').title() for prompt in prompts]


PROMPT = 'Rewrite: {sentence}'


def rewriter(model, folder, prompt=PROMPT, batch_size=16):
    return LanguageModelRewriter(model, prompt, RewriteCache(folder / 'cache.jsonl'), batch_size)


@pytest.mark.parametrize(
    ('text', 'caption'),
    [
        ('A dog.', 'A dog.'),
        ('  "A dog."\n\nSentence: another', 'A dog.'),
        ('Caption: A dog.', 'A dog.'),
        ('<think>\nNONE?\n</think>\nA dog.', 'A dog.'),
        ('<think>never ends', None),
        ('NONE', None),
        ('none.\n', None),
        ('**NONE**', None),
        ('', None),
        ('None of the dogs sleeps.', 'None of the dogs sleeps.'),
    ],
)
def test_answers(text, caption):
    assert caption_of(text) == caption


def test_the_packaged_prompt_has_one_place_and_ends_where_the_caption_starts():
    prompt = read_prompt()
    assert prompt.count('{sentence}') == 1
    assert prompt.endswith('Sentence: {sentence}\nCaption:')
    assert prompt.count('Caption: NONE') >= 2


def test_prompts_without_a_place_are_refused(tmp_path):
    path = tmp_path / 'prompt.txt'
    path.write_text('{sentence} and {sentence} and {braces}')
    with pytest.raises(RewriteError, match=r'expected \{sentence\} once.*found it 2 times'):
        read_prompt(path)
    path.write_text('{sentence} and {braces}')
    assert read_prompt(path) == '{sentence} and {braces}'
    path.write_bytes(b'\xff')
    with pytest.raises(RewriteError, match='expected a text file'):
        read_prompt(path)


def test_equal_sentences_are_asked_for_once_and_never_again(tmp_path):
    model = Recorded()
    first = rewriter(model, tmp_path)
    assert first.rewrite_all(['a dog', 'a {cat}', 'a dog']) == ['A Dog', 'A {Cat}', 'A Dog']
    assert first.rewrite('a dog') == 'A Dog'
    assert model.asked == ['Rewrite: a dog', 'Rewrite: a {cat}']
    assert rewriter(model, tmp_path).rewrite_all(['a {cat}', 'b']) == ['A {Cat}', 'B']
    assert len(model.asked) == 3
    # Another prompt or another model is another question.
    rewriter(model, tmp_path, prompt='Say: {sentence}').rewrite('a dog')
    model.name = 'other'
    rewriter(model, tmp_path).rewrite('a dog')
    assert len(model.asked) == 5


def test_what_was_answered_before_a_failure_is_kept(tmp_path):
    sentences = [f'dog {index}' for index in range(10)]
    with pytest.raises(RewriteError, match='gone'):
        rewriter(Recorded(fail_after=6), tmp_path, batch_size=3).rewrite_all(sentences)
    again = Recorded()
    assert rewriter(again, tmp_path).rewrite_all(sentences)[9] == 'Dog 9'
    assert len(again.asked) == 4


def test_a_line_that_was_cut_off_is_asked_for_again(tmp_path):
    path = tmp_path / 'cache.jsonl'
    with RewriteCache(path) as cache:
        cache.add('k1', 'a dog', 'A dog.')
        cache.add('k2', 'it is blurred', None)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 40, whole.index(b'\n') + 3):
        path.write_bytes(whole[:cut])
        with RewriteCache(path) as cache:
            assert len(cache) == 1 and cache['k1'] == 'A dog.'
            cache.add('k3', 'x', 'X')
        with RewriteCache(path) as cache:
            assert len(cache) == 2 and cache['k3'] == 'X'


@pytest.mark.parametrize('content', [b'{"key": 1}\n', b'no json\n', b'\x89PNG', b'[]\n', b'text'])
def test_other_files_are_no_cache_and_stay_as_they_are(tmp_path, content):
    path = tmp_path / 'cache.jsonl'
    path.write_bytes(content)
    with pytest.raises(RewriteError, match='expected a cache of rewritten sentences'):
        RewriteCache(path)
    assert path.read_bytes() == content


def test_endpoint(server, tmp_path):
    model = EndpointModel(f'{server.url}/', 'llama', api_key='secret', max_tokens=9, workers=3)
    sentences = [f'dog {index}' for index in range(7)] + ['it is blurred']
    captions = rewriter(model, tmp_path).rewrite_all(sentences)
    assert captions == [f'DOG {index}' for index in range(7)] + [None]
    path, headers, body = server.requests[0]
    assert path == '/v1/chat/completions'
    assert headers['Authorization'] == 'Bearer secret'
    assert (body['model'], body['temperature'], body['max_tokens']) == ('llama', 0, 9)
    assert body['messages'][0]['role'] == 'user'
    assert 'secret' not in (tmp_path / 'cache.jsonl').read_text()


def test_passing_failures_are_waited_for(server):
    waits = []
    model = EndpointModel(server.url, 'llama', workers=1, first_wait=2.0, sleep=waits.append)
    server.script = [
        (503, {}, b'loading'),
        (429, {'Retry-After': '7'}, b''),
        (500, {'Retry-After': 'Fri, 31 Dec 1999 23:59:59 GMT'}, b''),
        (502, {'Retry-After': '100000'}, b''),
    ]
    assert model.answers(['Rewrite: dog']) == ['DOG']
    assert waits == [2.0, 7.0, 8.0, 60.0]
    assert 'Authorization' not in server.requests[0][1]


@pytest.mark.parametrize(
    ('reply', 'message'),
    [
        ((401, {}, b'{"error":\n "bad key"}'), 'status 401, {"error": "bad key"}'),
        ((404, {}, b''), 'status 404, nothing'),
        ((200, {}, b'<html>'), 'expected an answer of the chat completions interface, got <html>'),
        ((200, {}, b'{"choices": []}'), 'expected an answer of the chat completions interface'),
        ((200, {}, answer([1])), 'expected an answer of the chat completions interface'),
        ((200, {}, answer(None, 'length')), 'no text within 64 tokens'),
    ],
)
def test_lasting_failures_are_not_repeated(server, reply, message):
    server.script = [reply]
    with pytest.raises(RewriteError, match=message):
        EndpointModel(server.url, 'llama', workers=1).answers(['Rewrite: dog'])
    assert len(server.requests) == 1


def test_a_refused_answer_is_none(server, tmp_path):
    server.script = [(200, {}, answer(None, 'content_filter'))]
    model = EndpointModel(server.url, 'llama', workers=1)
    assert rewriter(model, tmp_path).rewrite('a dog') is None


def test_an_endpoint_that_is_not_there():
    with Server() as gone:
        url = gone.url
    model = EndpointModel(url, 'llama', retries=2, sleep=lambda seconds: None)
    with pytest.raises(RewriteError, match=r'no answer in 3 attempts.*run the same command again'):
        model.answers(['a', 'b'])
    with pytest.raises(RewriteError, match=r"expected http://.*got 'localhost:8000'"):
        EndpointModel('localhost:8000', 'llama')
    with pytest.raises(RewriteError, match='retries, timeout: .* got -1 and 60'):
        EndpointModel(url, 'llama', retries=-1)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A causal language model of two layers, random, with a tokenizer of words."""
    path = tmp_path_factory.mktemp('model')
    words = ['<unk>', '</s>', 'a', 'dog', 'cat', 'red', 'blue', 'on', 'grass', 'Rewrite', ':']
    words += ['user', 'assistant']
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, '<unk>'))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token='<unk>', eos_token='</s>'
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(words),
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=2,
        eos_token_id=1,
        bos_token_id=1,
        initializer_range=0.5,
    )
    GPT2LMHeadModel(config).save_pretrained(path)
    return path


@torch.no_grad()
def greedy(folder, text, steps):
    """The answer by the plainest loop: one prompt, no cache, no padding."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    tokens = tokenizer(text, return_tensors='pt').input_ids
    start = tokens.shape[1]
    for _ in range(steps):
        following = model(tokens).logits[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, following], 1)
        if following.item() == tokenizer.eos_token_id:
            break
    return tokenizer.decode(tokens[0, start:], skip_special_tokens=True)


PROMPTS = ['Rewrite: a dog', 'Rewrite: a red cat on a blue grass', 'Rewrite: dog dog dog']


def test_local_model_answers_greedily_whatever_the_batch(folder):
    model = LocalModel(str(folder), max_tokens=6)
    answers = model.answers(PROMPTS)
    assert answers == [greedy(folder, prompt, 6) for prompt in PROMPTS]
    assert len(set(answers)) > 1
    assert answers == [model.answers([prompt])[0] for prompt in PROMPTS]
    assert model.name == str(folder)


def test_local_model_uses_its_chat_template(folder):
    model = LocalModel(str(folder), max_tokens=6)
    model.tokenizer.chat_template = (
        '{% for m in messages %}user {{ m.content }} assistant{% endfor %}'
    )
    assert model.answers(PROMPTS[:1]) == [greedy(folder, 'user Rewrite: a dog assistant', 6)]


def test_a_model_or_device_that_is_not_there(tmp_path, folder):
    with pytest.raises(RewriteError, match="device 'abacus': the language model can not run there"):
        LocalModel(str(folder), device='abacus')
    with pytest.raises(CheckpointError, match='language model: .* is neither a local folder'):
        LocalModel(str(tmp_path / 'none'))
