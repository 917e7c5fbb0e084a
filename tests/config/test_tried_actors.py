"""Actors of other authors are stepped on made-up input before anything runs."""

import pytest

from crepe.config.experiment import load_experiment
from tests.config.conftest import RPS, replaced

STEP = "    def step(self, spikes):\n        "


def step(body):
    return f"class D(Actor[Spikes, Decision]):\n{STEP}{body}\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (step('return "rock"'), "D: step ({}, line 6): returned 'rock' (str), must be Decision"),
        (step('yield "rock"'), "D: step ({}, line 6): returned 'rock' (str), must be Decision"),
        (step("return 1 / len(spikes.sample)"), "returned 0.00"),
        (step("self.count = 1"), "D: {}, line 7: assigns self.count, but settings cannot change"),
        (step("return undefined"), "D: {}, line 7: NameError: name 'undefined' is not defined"),
        (step('return Decision(0.0, 0.1, "rock")'), "Decision of the window [0.0, 0.1), must be"),
        (step('return Decision(0, 1, ["rock"])'), "Decision of ['rock'] (list), must be text"),
        (step('return Decision(0, 1, "rock", {"a": object()})'), "step: Decision cannot be sent"),
        ("class D(Actor[Spikes, Decision]):\n    n: int = 1\n", "D: {}, line 5: has no method 'step'"),
        ("class D(Actor[Spikes, Decision]):\n    def step(spikes):\n        pass\n", "D: {}, line 5: TypeError"),
        (f"{step('return None')}\n    def open(self, context):\n        context.firts\n", "line 10: AttributeError"),
        (f"{step('return None')}\n    def snapshot(self):\n        return object()\n", "snapshot cannot be sent"),
        (f"{step('return None')}\n    def output_info(self, context):\n        pass\n", "must be a StreamInfo"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_method_is_one_sentence_with_its_line(author, source, text):
    author.decoder(source)
    mistake = author.mistakes()[0]
    assert mistake.startswith("[actors.decode] mine:D: ")
    assert text.format(author.directory / "mine.py") in mistake
    assert "\n" not in mistake


EVERY_TENTH = "if spikes.stop % 1000 == 0:\n            return Decision({}, 'rock')"


@pytest.mark.parametrize("window", ["spikes.stop - 1000, spikes.stop", "spikes.start, spikes.stop + 500"])  # fmt: skip
def test_a_window_that_overlaps_what_is_published_is_refused(author, window):
    author.decoder(step(EVERY_TENTH.format(window) if "1000" in window else f"return Decision({window}, 'rock')"))  # fmt: skip
    assert "Decision of the window [" in author.mistakes()[0]
    assert "must begin at" in author.mistakes()[0]


def test_a_decoder_may_answer_less_often_than_its_input_comes(author):
    author.decoder(step(EVERY_TENTH.format("spikes.start, spikes.stop")))
    assert author.mistakes() == []


def test_the_decoder_of_the_readme_does_not_fit_a_game_of_gestures(author):
    author.decoder(step("return Decision(spikes.start, spikes.stop, 0.25)"))
    assert author.mistakes() == [
        "[actors.game] reads: 'result': [actors.decode] D decides numbers, such as 0.25; "
        "[actors.game] RockPaperScissors accepts 'paper', 'rock', 'scissors'"
    ]


def test_a_word_that_the_game_does_not_accept_is_named(author):
    author.decoder(step('return Decision(spikes.start, spikes.stop, "scisors")'))
    (mistake,) = author.mistakes()
    assert "D decides 'scisors', which [actors.game] RockPaperScissors does not accept" in mistake
    assert mistake.endswith("did you mean 'scissors'?")


def test_what_cannot_be_known_is_noted_and_not_refused(author):
    author.decoder(step('return Decision(spikes.start, spikes.stop, "rock")'))
    (note,) = author.notes()
    assert "not known which decisions it can make (on made-up input: 'rock')" in note


def test_a_decoder_that_declares_its_decisions_leaves_nothing_open(author):
    declares = "    def possible_decisions(self):\n        return 'rock', 'paper', 'scissors'\n"
    author.decoder(f"{step('return None')}\n{declares}")
    assert author.notes() == []


def test_an_actor_that_declares_no_trains_is_judged_by_those_it_requests(author):
    author.module(
        "class S(Actor[Decision, Stimulus]):\n"
        "    def step(self, decision):\n"
        "        pulse = (-500.0, 200.0), (500.0, 200.0)\n"
        "        at = decision.start, decision.stop\n"
        "        return Stimulus(*at, 1, at[1], ('99',), pulse, 20.0, 5)\n"
    )
    table = '[actors.mine]\nrun = "mine:S"\nreads = ["result"]\nwrites = ["mine"]\n'
    author.experiment(RPS + table)
    electrode, current = author.mistakes()
    assert electrode.startswith("[actors.mine] no electrode '99'; known are 47, 48")
    assert current == "[actors.mine] would be refused: phase 0: -500.0 uA x 200 us, limit 50 uA"


def test_an_actor_that_requests_nothing_on_made_up_input_is_noted(author):
    author.module(
        "class S(Actor[Decision, Stimulus]):\n    def step(self, decision):\n        pass\n"
    )
    table = '[actors.mine]\nrun = "mine:S"\nreads = ["result"]\nwrites = ["mine"]\n'
    author.experiment(RPS + table)
    assert author.notes() == [
        "[actors.mine] S: not known which trains it can request; the gate judges each. Its method "
        "possible_trains can tell"
    ]


def test_an_actor_of_messages_without_an_example_is_noted(author):
    author.module(
        "from crepe.messages import Message\n"
        "class Own(Message):\n    pass\n"
        "class A(Actor[Spikes, Own]):\n    def step(self, spikes):\n        pass\n"
        "class B(Actor[Own, Own]):\n    def step(self, own):\n        return 'wrong'\n"
    )
    tables = (
        '[actors.a]\nrun = "mine:A"\nreads = ["data:spikes"]\nwrites = ["a"]\n'
        '[actors.b]\nrun = "mine:B"\nreads = ["a"]\nwrites = ["b"]\n'
    )
    author.experiment(RPS + tables)
    (note,) = author.notes()
    assert note.startswith("[actors.b] B: not tried")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("class G(Game):\n    pass\n", "has no method 'observe'"),
        ("class G(Game):\n    def observe(self, gesture):\n        pass\n", "TypeError: G.observe() takes 2"),
        ("class G(Game):\n    def observe(self, gesture, decoded):\n        return {}[decoded]\n", "line 7: KeyError"),
    ],
)  # fmt: skip
def test_a_game_is_played_through_its_trials(author, source, text):
    author.game(source)
    (mistake,) = author.mistakes()
    assert mistake.startswith("[actors.game] mine:G: ")
    assert text in mistake


def test_a_wrong_return_of_a_games_hook_is_named_with_its_line(author):
    author.game("class G(Game):\n    def observe(self, gesture, decoded):\n        return 'won'\n")
    (mistake,) = author.mistakes()
    assert "line 6): returned 'won', must be two values" in mistake


def test_a_game_that_is_right_fits(author):
    author.game(
        "class G(Game):\n    def observe(self, gesture, decoded):\n        return decoded, 'won'\n"
    )
    assert author.mistakes() == []
    assert author.notes() == []


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"rates_hz = (.*?)paper = 40.0 }\n\n", "rates_hz = { rock = 20.0, scissors = 30.3 }\n\n", "NearestRate never decides 'paper', which"),
        (r"scissors = 30.3, paper = 40.0 }\nphases", "lizard = 40.0 }\nphases", "rates_hz: 'lizard' is no gesture; known are rock"),
        (r"paper = 14", "lizard = 14", r"least_pixels: 'lizard' is no gesture of [actors.game]"),
        (r"\[\[-10.0, 200\], \[10.0, 200\]\]", "[[-1e-5, 200], [1e-5, 200]]", "phase 0: -1e-05 uA x 200 us, must be 0 or 0.001 uA at least"),
        (r"\[\[-10.0, 200\], \[10.0, 200\]\]", "[[-10, 0.0002], [10, 0.0002]]", "phase 0: -10.0 uA x 0.0002 us, must be 1 us at least"),
        (r"\[\[-10.0, 200\], \[10.0, 200\]\]", "[[-10, 30], [10, 30]]", "must be a multiple of 20 us"),
        (r"\[\[-10.0, 200\], \[10.0, 200\]\]", "[[-10.01, 200], [10.01, 200]]", "must be a multiple of 0.05 uA"),
        (r'device = "meame://simulator"    #', 'device = "meame://10.0.0.5:8888" #', "[actors.stimulate] device: 'meame://simulator', but [actors.acquire] records 'meame://10.0.0.5:8888'"),
    ],
)  # fmt: skip
def test_what_can_never_work_is_refused(author, pattern, text, expected):
    author.experiment(replaced(pattern, text))
    assert any(expected in mistake for mistake in author.mistakes())


def test_one_instrument_may_be_written_in_two_ways(author):
    text = replaced(r'device = "meame://simulator"    #', 'device = "meame://localhost:8888" #')
    text = replaced(r'device = "meame://simulator"', 'device = "meame://127.0.0.1:8888"', text)
    author.experiment(text)
    assert load_experiment(author.path).can_stimulate


def test_a_readout_that_is_not_trained_is_noted():
    path = author_path("patterns.toml")
    from crepe.config.dry_run.dry_run import dry_run

    note, _ = dry_run(load_experiment(path))  # and that it records no samples
    assert "every decision is None until `crepe calibrate` has made a readout" in note


def author_path(name):
    from crepe.environment import paths

    return paths.project_directory() / "config" / name
