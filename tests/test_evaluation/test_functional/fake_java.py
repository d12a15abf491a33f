"""Stands in for ``java``: METEOR's protocol, the PTB tokenizer and SPICE, without a JVM.

FAKE_JAVA is what it does: nothing special, or ``die:N``, ``garbage:N``, ``silent:N`` after N replies, ``chatty``. Every
call and every request is appended to the file FAKE_JAVA_LOG.
"""

import json
import os
import sys
import time
from pathlib import Path


def log(text):
    with Path(os.environ['FAKE_JAVA_LOG']).open('a', encoding='utf-8') as file:
        file.write(text + '\n')


def say(text):
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def statistics(reference, hypothesis):
    """As if only exact matches of content words counted, in one chunk."""
    ours, theirs = hypothesis.split(), reference.split()
    both = len(set(ours) & set(theirs))
    return [len(ours), len(theirs), 0, 0, both, both, *[0] * 14, int(both > 0), both, both]


def evaluate(numbers):
    """METEOR of such statistics: of precision and recall, less a penalty unless the texts are the same."""
    ours, theirs, both, chunks = numbers[0], numbers[1], numbers[4], numbers[20]
    if not both:
        return 0.0
    score = 1 / (0.15 * ours / both + 0.85 * theirs / both)
    return score if ours == theirs == both else score * (1 - 0.6 * (chunks / both) ** 0.2)


def meteor():
    mode, _, number = os.environ.get('FAKE_JAVA', '').partition(':')
    log(f'pid {os.getpid()}')
    for count, line in enumerate(sys.stdin.buffer):
        text = line.decode().rstrip('\n')
        log(text)
        if number and count >= int(number):
            if mode == 'die':
                sys.stderr.write('java.lang.OutOfMemoryError: Java heap space\n')
                sys.exit(3)
            if mode == 'garbage':
                say('Error: what is this?\n')
                continue
            time.sleep(3600)
        if mode == 'chatty':
            sys.stderr.write('WARNING ' + 'x' * 10_000 + '\n')
        if text.startswith('EVAL'):
            score = evaluate([float(number) for number in text.split()[2:]])
            say(f'{score}\n{score}\n')
            continue
        _, *references, hypothesis = text.split(' ||| ')
        best = max(
            (statistics(reference, hypothesis) for reference in references), key=lambda row: row[4]
        )
        say(' '.join(f'{number}.0' for number in best) + '\n')


def tokenizer():
    if os.environ.get('FAKE_JAVA') == 'die:0':
        sys.exit('Error: Could not find or load main class')
    say(Path(sys.argv[-1]).read_bytes().decode().lower())


def spice():
    samples = json.loads(Path(sys.argv[sys.argv.index('-cache') - 1]).read_text(encoding='utf-8'))
    score = None if os.environ.get('FAKE_JAVA') == 'garbage:0' else 0.5
    if os.environ.get('FAKE_JAVA') == 'die:0':
        sys.exit('java.lang.NullPointerException')
    results = [
        {'image_id': sample['image_id'], 'scores': {'All': {'f': score}}} for sample in samples
    ]
    target = Path(sys.argv[sys.argv.index('-out') + 1])
    target.write_text(json.dumps(results[::-1]), encoding='utf-8')


if __name__ == '__main__':
    log(' '.join(['java', *sys.argv[1:]]))
    if sys.argv[1] == '-version':
        version = os.environ.get('FAKE_JAVA_VERSION', '17.0.15')
        sys.stderr.write(f'openjdk version "{version}" 2025-04-15\n')
    elif '-stdio' in sys.argv:
        meteor()
    elif 'edu.stanford.nlp.process.PTBTokenizer' in sys.argv:
        tokenizer()
    else:
        spice()
