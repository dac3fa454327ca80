"""`visavis train-judge …` against a running server: refused, begun, waited for with its card, cancelled."""

import pytest
from visavis.cli import main

from evalapp.measuring.judges import TrainingRun
from evalapp.measuring.training import work
from evalapp.people.tokens import ApiToken
from tests.factories import make_comparison, make_organizer, make_participation, make_vote
from tests.measuring.conftest import voted

__all__ = ["voted"]


@pytest.fixture
def train(db, live_server, monkeypatch, capsys):
    """A call of `visavis train-judge`: what it printed. Whoever waits finds a worker at work."""
    _, secret = ApiToken.objects.issue(make_organizer(), "client", ["organize", "read"], 1)
    monkeypatch.setenv("VISAVIS_URL", live_server.url)
    monkeypatch.setenv("VISAVIS_TOKEN", secret)
    monkeypatch.setattr("time.sleep", lambda _: [work(run) for run in TrainingRun.objects.unended()])

    def call(*words, code=0):
        ended = main(["train-judge", *map(str, words)])
        said = capsys.readouterr()
        assert ended == code, said
        return said.out if not said.err else said.err

    return call


@pytest.mark.slow
def test_a_judge_is_trained_while_the_command_waits_and_its_scores_are_printed(voted, train):
    said = train(voted.name, "--name", "ours", "--wait")
    run = TrainingRun.objects.get()
    assert said.startswith(f"{run.code}\tours\tdone; 48 of 48 readings of clips\n")
    votes = run.card["votes"]
    assert f"{votes} votes, {votes} of them SIMULATED, 12 prompts; on held-out prompts:\n" in said
    assert "  movement: head 1.000" in said
    assert said.splitlines()[0] in train(voted.name, "--status")


def test_refusals_are_sentences_and_a_run_is_cancelled_once(train, settings, tmp_path, monkeypatch):
    settings.WEIGHTS_DIR = tmp_path
    comparison = make_comparison(prompts=2, media=True)
    make_vote(make_participation(comparison))
    assert "it takes 150 on 10" in train(comparison.name, code=2)
    assert "name a COMPARISON" in train(code=2)
    monkeypatch.setattr("evalapp.measuring.training.shortfall", lambda *votes: "")
    assert "weights fetch dinov2" in train(comparison.name, "--features", "dinov2", code=2)
    code, name, state = train(comparison.name, "--name", "ours").split("\t")
    assert (name, state) == ("ours", "queued; 0 of 0 readings of clips\n")
    assert "is being trained already" in train(comparison.name, "--name", "ours", code=2)
    assert "\tcancelled" in train("--cancel", code)
    assert "has ended already" in train("--cancel", code, code=2)
    assert "it takes 150 on 10" in train(comparison.name, "--wait", code=2), "what the worker found"
