"""What a decoder reads is written beside its results."""

from crepe.results.decoders import decided_by


def test_each_decoder_says_what_it_reads():
    actors = {
        "decode": {"run": "crepe.actors.nearest_rate:NearestRate"},
        "decode_random": {"run": "crepe.actors.random_decision:RandomDecision"},
        "detect": {"run": "crepe.actors.detect:Detect"},
    }
    texts = decided_by(actors)
    assert list(texts) == ["decode", "decode_random"]
    assert "follow one of the trains" in texts["decode"]


def test_a_recording_loads_no_module_of_others():
    assert decided_by({"x": {"run": "no_such_module:Decoder"}, "y": {"run": "antigravity:X"}}) == {}
    assert decided_by({"x": {"run": "crepe.actors.no_such_module:Decoder"}, "y": {}}) == {}
