"""Sweeps: what is tried, what is remembered, what a cluster gives, and when a winner is luck."""

import math
from dataclasses import replace

import pytest

from bot.backtest import book as b
from bot.backtest import policies, sweep
from bot.strategy import pipeline
from tests.unit.backtest.tapes import a_walk

BOOK = policies.opening(spot_btc=0.27, loan_usdt=16_200)


def a_course():
    """Six windows of four days each; the first four to train on."""
    tape = a_walk(3, 576, price=116_000.0)
    spans = [b.Span(i * 96, (i + 1) * 96) for i in range(6)]
    train, test = sweep.split(spans, 0.67)
    return sweep.Course(tape=tape, train=train, test=test, opening=BOOK, price=116_000.0)


def a_trial(values):
    policy = pipeline.DEFAULT_POLICY._replace(hedge_mode=2, target_delta_btc=0.27 * (1 - values["cover"]))
    return sweep.Trial(values=values, plan=policies.Plan(name="t", words="", policy=policy))


AXIS = sweep.Axis(name="cover", values=(0.0, 0.25, 0.5, 1.0))


def test_axes_are_read():
    """Lists, ranges and words; what is neither is refused in a sentence."""
    assert sweep.Axis(name="a.b", values=(1, 2.5, "x")) == sweep.parse_axis("a.b=1,2.5,x")
    assert sweep.Axis(name="a", values=(0.1, 0.5), is_range=True) == sweep.parse_axis("a=0.1..0.5")
    assert [0.0, 0.5, 1.0] == [v["a"] for v in sweep.grid([sweep.parse_axis("a=0.0..1.0")], points=3)]
    for wrong in ("a", "a=", "=1", "a=2..1", "a=x..y"):
        with pytest.raises(ValueError, match=r"is not|range"):
            sweep.parse_axis(wrong)


def test_a_window_across_the_edge_is_in_neither_part():
    """What is held back has never been seen in training."""
    spans = [b.Span(i, i + 3) for i in range(10)]
    train, test = sweep.split(spans, 0.5)

    assert 5 == len(train)
    assert min(span.first for span in test) >= train[-1].last


def test_a_stopped_sweep_goes_on(engines, tmp_path):
    """What the file remembers is not played again; half a line at its end is nothing; equal plans are played once."""
    memory, played = tmp_path / "scores.jsonl", []
    trials = [a_trial(values) for values in sweep.grid([AXIS])]
    first = sweep.run_trials(engines, a_course(), trials[:2], "worst", memory=memory)
    memory.write_text(memory.read_text() + '{"stamp": "half a li')
    second = sweep.run_trials(engines, a_course(), [*trials, trials[0]], "worst", memory=memory, done=played.append)

    assert 4 == len({score.key for score in second})
    assert 4 == len([line for line in memory.read_text().splitlines() if line.endswith("}")])
    assert {score.key: score.train for score in first}.items() <= {score.key: score.train for score in second}.items()
    assert second[0].train == max(score.train for score in second)


def test_scores_are_added_to_no_other_file(engines, tmp_path):
    """A name that was typed by a slip: the file is left as it is, before anything is played."""
    memory = tmp_path / "README.md"
    memory.write_text("# A page\n")
    with pytest.raises(ValueError, match="holds no scores"):
        sweep.run_trials(engines, a_course(), [a_trial({"cover": 0.0})], "worst", memory=memory)

    assert memory.read_text() == "# A page\n"


def test_a_search_draws_the_same_with_the_same_seed(engines):
    """Optuna's trials are a function of the seed."""
    axes = [sweep.Axis(name="cover", values=(0.0, 1.0), is_range=True)]
    runs = [sweep.search(engines, a_course(), axes, a_trial, "worst", trials=4, seed=5) for _ in range(2)]

    assert [score.values for score in runs[0]] == [score.values for score in runs[1]]


@pytest.mark.campaign
def test_a_cluster_of_processes_gives_the_same_scores(engines):
    """The same trials on real Dask workers, found by the scheduler's address."""
    distributed = pytest.importorskip("distributed")
    trials = [a_trial(values) for values in sweep.grid([AXIS])]
    here = sweep.run_trials(engines, a_course(), trials, "worst")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        there = sweep.run_trials(engines, a_course(), trials, "worst", scheduler=cluster.scheduler_address)

    assert [(s.key, s.train, s.per_window) for s in here] == [(s.key, s.train, s.per_window) for s in there]


def scored(*per_window):
    return sweep.Score(
        key=str(per_window),
        values={},
        train=sum(per_window),
        test=math.nan,
        per_window=per_window,
        dead=0,
        cost_per_year=0.0,
    )


def test_luck_is_called_luck():
    """A lead smaller than two standard errors warns; a steady one does not."""
    runner_up = scored(1.0, 2.0, 1.5, 1.2)

    assert "within the noise" in sweep.noise([scored(1.4, 1.7, 1.6, 1.1), runner_up])
    assert "" == sweep.noise([scored(1.5, 2.5, 2.01, 1.7), runner_up])
    assert "one training window" in sweep.noise(
        [replace(runner_up, per_window=(2.0,)), replace(runner_up, per_window=(1.0,))]
    )
    assert "" == sweep.noise([runner_up])


def test_equal_trials_are_called_equal():
    """No lead of nought with an error of nought."""
    one, other = scored(1.0, 2.0), scored(1.0, 1.0)

    assert "all 3 trials are equal in every window" in sweep.noise([one, one, one])
    assert "the winner and the runner-up are equal" in sweep.noise([one, one, other])
