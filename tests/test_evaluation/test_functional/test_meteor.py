"""The client of METEOR: mostly against a program that speaks its protocol, and once against METEOR itself."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

from mmpatchioner.evaluation.functional import meteor as meteor_module
from mmpatchioner.evaluation.functional.java import JavaNotFoundError
from mmpatchioner.evaluation.functional.meteor import Meteor, MeteorError
from mmpatchioner.evaluation.functional.meteor_formula import corpus_meteor, segment_meteor
from mmpatchioner.evaluation.functional.meteor_scorer import pair_key
from mmpatchioner.evaluation.functional.recorded_meteor import RecordedMeteor, UnknownPairError

PAIRS = [
    ('a dog runs', ['the dog is running', 'a dog']),
    ('two boats', ['two boats on a lake']),
    ('a dog runs', ['the dog is running', 'a dog']),
    ('', ['a cat']),
    ('a bird', []),
]
PATIENCE = 20.0  # seconds for a process to end


def many(count: int) -> list[tuple[str, list[str]]]:
    return [(f'word{n} and {n % 7}', [f'word{n} or {n % 5}', 'and so on']) for n in range(count)]


def ended(pid: int) -> bool:
    """Whether a process ends soon; one that only waits for its parent to be told has ended."""
    for _ in range(int(PATIENCE / 0.02)):
        try:
            state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
        except OSError:
            return True
        if state == 'Z':
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def meteor(fake_java):
    with Meteor(fake_java.jar) as scorer:
        yield scorer


# What is sent


def test_pairs_are_sent_once_in_order_and_scored_in_order(fake_java, meteor):
    scores = meteor.score(PAIRS)
    assert fake_java.requests() == [
        'SCORE ||| the dog is running ||| a dog ||| a dog runs',
        'SCORE ||| two boats on a lake ||| two boats',
        'SCORE ||| a cat ||| ',
        'SCORE |||  ||| a bird',
    ]
    assert scores[0] == scores[2] > 0
    assert scores[3] == scores[4] == 0.0
    assert meteor(PAIRS[1:2]) == [scores[1]]
    assert len(fake_java.requests()) == 4


def test_scores_are_those_of_the_statistics(meteor):
    statistics = meteor.statistics(PAIRS)
    assert statistics.shape == (5, 23)
    assert statistics[1, :2].tolist() == [2, 5]
    assert meteor.score(PAIRS) == segment_meteor(statistics).tolist()
    assert meteor.corpus_score(PAIRS) == corpus_meteor(statistics)
    assert meteor.corpus_score(PAIRS) != meteor.corpus_score(PAIRS[:2])


@pytest.mark.parametrize(
    ('pair', 'sent'),
    [
        (('a|||b  c   d', ['x  y']), ('x  y', 'ab c  d')),
        (('a\nb\r\nc', ['x\ny\r']), ('x y ', 'a b c')),
        (('a \n b', []), ('', 'a  b')),
    ],
)
def test_what_would_break_the_protocol_is_cleaned(pair, sent):
    assert pair_key(pair) == sent


def test_texts_that_no_encoding_has_do_not_stop_the_writer(fake_java, meteor):
    assert len(meteor.score([('a \ud800 dog', ['caf\u00e9 \u2028 dog']), ('b', ['b'])])) == 2
    assert fake_java.requests()[0] == 'SCORE ||| caf\u00e9 \u2028 dog ||| a ? dog'


@pytest.mark.parametrize('pair', [('a', 'b'), (None, ['b']), ('a', [1])])
def test_what_is_no_pair_is_refused(fake_java, meteor, pair):
    with pytest.raises(TypeError, match=r'expected \(hypothesis, \[reference, \.\.\.\]\)'):
        meteor.score([pair])
    assert fake_java.log() == []


def test_java_is_started_when_it_is_needed_only(fake_java, meteor):
    assert meteor.score([]) == []
    assert meteor.corpus_score([]) == 0.0
    meteor.submit([])
    assert fake_java.log() == []
    meteor.score([('a', ['b'])])
    (call,) = [line for line in fake_java.log() if line.startswith('java')]
    assert call == f'java -XX:+UseParallelGC -Xmx2G -jar {fake_java.jar} - - -stdio -l en -norm'


# Streaming


def test_more_than_the_pipes_hold_is_streamed(fake_java, meteor):
    long = [(f'{n} ' + 'word ' * 400, ['word ' * 400] * 3) for n in range(200)]
    assert len(meteor.score(long)) == 200
    assert len(fake_java.requests()) == 200


def test_what_java_says_aside_is_drained(fake_java, meteor):
    fake_java.behave('chatty')
    assert len(meteor.score(many(50))) == 50


def test_submit_returns_at_once_and_its_pairs_are_not_sent_again(fake_java, meteor):
    fake_java.behave('silent:0')  # never answers, so nobody can have waited
    meteor.submit(many(3000))
    fake_java.pids()


def test_submitted_pairs_are_ready_when_asked_for(fake_java, meteor):
    for start in range(0, 300, 30):
        meteor.submit(many(300)[start : start + 60])
    scores = meteor.score(many(300))
    assert sorted(fake_java.requests()) == sorted(set(fake_java.requests()))
    assert len(fake_java.requests()) == 300
    with Meteor(fake_java.jar) as other:
        assert other.score(many(300)) == scores


def test_workers_share_the_pairs(fake_java, meteor):
    with Meteor(fake_java.jar, workers=3) as several:
        assert several.score(many(40) + PAIRS) == meteor.score(many(40) + PAIRS)
        assert len(fake_java.pids()) >= 3


@pytest.mark.parametrize('options', [{'workers': 0}, {'timeout': 0.0}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Meteor(**options)


# Failures: an error, never a wait without end


def test_a_dead_java_is_an_error_with_what_it_said(fake_java, meteor):
    fake_java.behave('die:5')
    with pytest.raises(
        MeteorError, match=r'exit code 3.*OutOfMemoryError: Java heap space'
    ) as caught:
        meteor.score(many(2000))
    assert '\n' not in str(caught.value)
    with pytest.raises(MeteorError, match='OutOfMemoryError'):
        meteor.score(PAIRS)
    with pytest.raises(MeteorError, match='OutOfMemoryError'):
        meteor.submit(PAIRS)


def test_a_killed_java_is_an_error(fake_java, meteor):
    fake_java.behave('silent:1')
    meteor.submit(many(20))
    os.kill(fake_java.pids()[0], signal.SIGKILL)
    with pytest.raises(MeteorError, match='exit code -9; Java said: nothing'):
        meteor.score(many(20))


def test_one_dead_worker_of_several_is_an_error(fake_java):
    fake_java.behave('silent:1')
    with Meteor(fake_java.jar, workers=2) as meteor:
        meteor.submit(many(20))
        pids = fake_java.pids(2)
        os.kill(pids[1], signal.SIGKILL)
        with pytest.raises(MeteorError, match='exit code -9'):
            meteor.score(many(20))
    assert all(map(ended, pids))


def test_a_broken_reply_is_an_error_that_shows_it(fake_java, meteor):
    fake_java.behave('garbage:2')
    with pytest.raises(
        MeteorError, match=r"request 3 with 'Error: what is this\?', expected 23 numbers"
    ):
        meteor.score(many(10))


def test_silence_is_an_error_after_some_time(fake_java):
    fake_java.behave('silent:4')
    with (
        Meteor(fake_java.jar, timeout=0.3) as meteor,
        pytest.raises(MeteorError, match=r'not answered for 0\.3 s; 6 replies are due'),
    ):
        meteor.score(many(10))
    assert ended(fake_java.pids()[0])


def test_without_java_the_error_names_the_remedy_each_time(fake_java, meteor, monkeypatch):
    monkeypatch.setenv('PATH', '/nowhere')
    monkeypatch.delenv('JAVA_HOME', raising=False)
    for _ in range(2):
        with pytest.raises(JavaNotFoundError, match='apt install'):
            meteor.score(PAIRS)


def test_a_java_that_can_not_be_started_is_an_error(fake_java, meteor):
    fake_java.program.write_text('#!/nowhere/python\n')
    with pytest.raises(MeteorError, match='could not be started'):
        meteor.score(PAIRS)


def test_the_jar_is_that_of_the_argument_or_of_the_environment(fake_java, monkeypatch):
    with pytest.raises(MeteorError, match='missing.jar: expected the file meteor-1.5.jar'):
        Meteor(fake_java.jar.with_name('missing.jar')).score(PAIRS)
    monkeypatch.setenv(meteor_module.JAR_VARIABLE, str(fake_java.jar))
    with Meteor() as meteor:
        assert len(meteor.score(PAIRS)) == len(PAIRS)


# The end of the processes


def test_close_ends_the_processes(fake_java):
    meteor = Meteor(fake_java.jar, workers=2)
    meteor.score(many(10))
    meteor.close()
    assert all(map(ended, fake_java.pids(2)))
    meteor.close()
    with pytest.raises(MeteorError, match='was closed'):
        meteor.score(PAIRS)


def test_an_exception_ends_the_process(fake_java):
    with pytest.raises(ZeroDivisionError), Meteor(fake_java.jar) as meteor:
        meteor.submit(many(10))
        pids = fake_java.pids()
        raise ZeroDivisionError
    assert ended(pids[0])


def test_garbage_ends_its_process_even_at_work(fake_java):
    fake_java.behave('silent:3')
    meteor = Meteor(fake_java.jar)
    meteor.submit(many(1000))
    (pid,) = fake_java.pids()
    gone = weakref.ref(meteor)
    del meteor
    gc.collect()
    assert gone() is None
    assert ended(pid)


@pytest.mark.parametrize('ending', ['raise KeyError', 'os.kill(os.getpid(), 9)'])
def test_the_process_ends_with_python(fake_java, ending):
    script = (
        'import os\n'
        'from mmpatchioner.evaluation.functional.meteor import Meteor\n'
        f'meteor = Meteor({str(fake_java.jar)!r})\n'
        "meteor.score([('a', ['b'])])\n"
        f'{ending}\n'
    )
    run = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=False
    )
    assert run.returncode == (1 if ending == 'raise KeyError' else -9), run.stderr
    assert ended(fake_java.pids()[0])


def test_a_forked_copy_leaves_the_process_alone(fake_java, meteor):
    meteor.score(PAIRS)
    child = os.fork()
    if child == 0:
        meteor.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(meteor.score(many(3))) == 3


# The cache


def test_cached_pairs_need_no_java(fake_java, tmp_path, monkeypatch):
    cache = tmp_path / 'new' / 'meteor.db'
    with Meteor(fake_java.jar, cache=cache) as meteor:
        scores = meteor.score(PAIRS)
    asked = len(fake_java.requests())
    with Meteor(fake_java.jar, cache=cache) as meteor:
        assert meteor.score([*PAIRS, ('new', ['pair'])])[:-1] == scores
    assert len(fake_java.requests()) == asked + 1
    monkeypatch.setenv('PATH', '/nowhere')
    assert Meteor(fake_java.jar, cache=cache).score(PAIRS) == scores


def test_what_was_only_submitted_is_cached_too(fake_java, tmp_path):
    cache = tmp_path / 'meteor.db'
    with Meteor(fake_java.jar, cache=cache) as meteor:
        meteor.submit(many(20))
        meteor.score(many(1))
        meteor.score(many(20)[-1:])
    with Meteor(fake_java.jar, cache=cache) as meteor:
        meteor.score(many(20))
    assert len(fake_java.requests()) == 20


def test_another_jar_has_other_entries(fake_java, tmp_path):
    cache = tmp_path / 'meteor.db'
    with Meteor(fake_java.jar, cache=cache) as meteor:
        meteor.score(PAIRS)
    fake_java.jar.write_bytes(b'another jar')
    with Meteor(fake_java.jar, cache=cache) as meteor:
        meteor.score(PAIRS)
    assert len(fake_java.requests()) == 8


def test_a_cache_is_shared_by_programs_that_run_at_a_time(fake_java, tmp_path):
    cache = tmp_path / 'meteor.db'
    with Meteor(fake_java.jar, cache=cache) as one, Meteor(fake_java.jar, cache=cache) as other:
        one.submit(many(600))
        other.submit(many(600))
        assert one.score(many(600)) == other.score(many(600))
    with Meteor(fake_java.jar, cache=cache) as meteor:
        meteor.score(many(600))
    assert len(fake_java.requests()) == 1200


@pytest.mark.parametrize('content', [b'this is no database', b'SQLite format 3\0' + b'\xff' * 4000])
def test_a_broken_cache_is_told_once_and_left_alone(fake_java, tmp_path, meteor, content):
    cache = tmp_path / 'meteor.db'
    cache.write_bytes(content)
    with (
        pytest.warns(UserWarning, match=r'meteor.db can not be used .* Delete the file') as told,
        Meteor(fake_java.jar, cache=cache) as cached,
    ):
        assert cached.score(PAIRS) == meteor.score(PAIRS)
        assert cached.score(many(3)) == meteor.score(many(3))
    assert len(told) == 1
    assert cache.read_bytes() == content


# Recorded scores


def test_recorded_pairs_have_the_same_scores_without_java(fake_java, meteor, tmp_path, monkeypatch):
    path = tmp_path / 'meteor.json'
    recorded = RecordedMeteor.record(path, meteor, PAIRS)
    monkeypatch.setenv('PATH', '/nowhere')
    for scorer in (recorded, RecordedMeteor(path)):
        scorer.submit(PAIRS)
        assert scorer.score(PAIRS) == scorer(PAIRS) == meteor.score(PAIRS)
        assert scorer.corpus_score(PAIRS[::-1]) == meteor.corpus_score(PAIRS)
    assert recorded.score([]) == []
    assert recorded.score([('two  boats', PAIRS[1][1])]) == recorded.score(PAIRS[1:2])


def test_an_unknown_pair_is_named(meteor, tmp_path):
    recorded = RecordedMeteor.record(tmp_path / 'meteor.json', meteor, PAIRS)
    with pytest.raises(
        UnknownPairError, match=r"no score of 'a cow' against \['a dog'\]: record it"
    ):
        recorded.score([*PAIRS, ('a cow', ['a dog'])])


@pytest.mark.parametrize(
    'text', ['', '[]', '{}', '{"format": "other", "pairs": []}',
             '{"format": "meteor-1.5 statistics", "pairs": [{"pair": ["a", "b"], "statistics": [1]}]}'],
)  # fmt: skip
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / 'meteor.json'
    path.write_text(text)
    with pytest.raises(ValueError, match='meteor.json: expected a file of RecordedMeteor.record'):
        RecordedMeteor(path)


# METEOR itself


def test_meteor_itself(real_meteor):
    """Scores that METEOR 1.5 printed for these pairs."""
    pairs = [
        ('black cat on a big red sofa', ['a cat sleeping on the couch', 'the black cat lies on a red couch']),
        ('A Dog.', ['a dog']),
        ('a dog', ['a dog']),
        ('', ['a dog']),
        ('a dog', ['']),
        ('caf\u00e9 \u4eba', ['caf\u00e9 \u4eba']),
        ('two people', ['a green tree']),
    ]  # fmt: skip
    scores = real_meteor.score(pairs)
    expected = [0.3585867490811856, 0.46040449351549445, 1.0, 0.0, 0.0, 1.0, 0.0]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-15)
    assert real_meteor.score(pairs[::-1]) == scores[::-1]
