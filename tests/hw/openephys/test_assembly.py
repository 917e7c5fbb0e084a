"""Blocks from messages of single channels: learning, losses and changes; no sockets, no clock."""

import numpy as np
import pytest

from crepe.errors import DeviceError
from crepe.hw.openephys.assembly import Assembly
from crepe.hw.openephys.wire import Data, Other


class Plugin:
    """A plugin that numbers its messages."""

    def __init__(self, n_channels=3):
        self.n_channels, self.number, self.sample, self.stream = n_channels, 0, 100, "Rhythm"

    def block(self, n=10):
        messages = []
        for channel in range(self.n_channels):
            self.number += 1
            samples = np.full(n, self.sample + channel, np.float32)
            messages.append(
                Data(self.number, self.stream, channel, f"CH{channel}", self.sample, 1e4, samples)
            )
        self.sample += n
        return messages

    def other(self):
        self.number += 1
        return Other(self.number)


def feed(assembly, messages):
    blocks = [assembly.add(message) for message in messages]
    return [block for block in blocks if block is not None]


def learnt():
    plugin, assembly = Plugin(), Assembly("")
    for _ in range(3):
        assert feed(assembly, plugin.block()) == []
    feed(assembly, plugin.block())
    return plugin, assembly


def test_channels_are_learnt_from_whole_blocks_though_the_first_one_joined_late():
    plugin, assembly = Plugin(), Assembly("")
    feed(assembly, plugin.block()[2:])
    for _ in range(2):
        assert feed(assembly, plugin.block()) == []
    (block,) = feed(assembly, plugin.block())
    assert assembly.channels.names == ("CH0", "CH1", "CH2")
    assert assembly.n_lost == 0
    assert block.sample_num == 130
    assert block.samples[:, 0].tolist() == [130, 131, 132]


def test_a_block_is_complete_with_its_last_channel_whatever_its_length():
    plugin, assembly = learnt()
    first, second, third = plugin.block(7)
    assert feed(assembly, [first, second]) == []
    (block,) = feed(assembly, [third])
    assert block.samples.shape == (3, 7)


def test_a_block_with_a_lost_message_is_left_out_and_counted():
    plugin, assembly = learnt()
    first, _, third = plugin.block()
    assert feed(assembly, [first, third]) == []
    (block,) = feed(assembly, plugin.block())
    assert (block.sample_num, assembly.n_lost) == (150, 1)


def test_lost_messages_at_the_border_of_blocks_cost_both_and_no_error():
    plugin, assembly = learnt()
    messages = plugin.block() + plugin.block()
    assert feed(assembly, messages[:2] + messages[4:]) == []
    assert assembly.n_lost == 2
    assert len(feed(assembly, plugin.block())) == 1


def test_whole_blocks_that_were_lost_are_a_jump_of_the_sample_number():
    plugin, assembly = learnt()
    plugin.block()
    plugin.block()
    (block,) = feed(assembly, plugin.block())
    assert (block.sample_num, assembly.n_lost) == (160, 6)


def test_spikes_and_events_between_are_no_loss_with_a_number_or_without():
    plugin, assembly = learnt()
    feed(assembly, [plugin.other()])
    assert len(feed(assembly, plugin.block())) == 1
    plugin.number += 1
    feed(assembly, [Other(None)])
    assert len(feed(assembly, plugin.block())) == 1
    assert assembly.n_lost == 0


@pytest.mark.parametrize("n_channels", [2, 4])
def test_other_channels_than_before_are_refused(n_channels):
    plugin, assembly = learnt()
    plugin.n_channels = n_channels
    with pytest.raises(DeviceError, match=f"sends {n_channels} channels .*, but before 3 channels"):
        for _ in range(3):
            feed(assembly, plugin.block())


def test_acquisition_that_was_started_anew_is_refused():
    plugin, assembly = learnt()
    plugin.number = 0
    with pytest.raises(DeviceError, match="message 1 follows 12: acquisition was started anew"):
        feed(assembly, plugin.block())


def test_another_stream_is_refused():
    plugin, assembly = Plugin(), Assembly("Neuropix")
    with pytest.raises(DeviceError, match="stream 'Rhythm' is sent, must be 'Neuropix'"):
        feed(assembly, plugin.block())


def test_channels_are_not_learnt_across_a_loss():
    plugin, assembly = Plugin(), Assembly("")
    feed(assembly, plugin.block() + plugin.block())
    feed(assembly, plugin.block()[:2])
    feed(assembly, plugin.block() + plugin.block())
    assert assembly.channels is None
    feed(assembly, plugin.block() + plugin.block())
    assert len(assembly.channels.names) == 3


def test_another_channel_in_the_place_of_one_is_refused():
    plugin, assembly = learnt()
    messages = plugin.block()
    with pytest.raises(DeviceError, match=r"\(CH0 \.\.\. CH7\).*, but before .*CH2\)"):
        feed(assembly, [*messages[:2], messages[2]._replace(channel=7, name="CH7")])


def test_channels_of_different_lengths_are_refused():
    plugin, assembly = learnt()
    messages = plugin.block()
    short = messages[2]._replace(samples=messages[2].samples[:-1])
    with pytest.raises(DeviceError, match="different numbers of samples"):
        feed(assembly, [*messages[:2], short])


def test_a_spike_with_the_number_of_the_message_before_is_no_new_start():
    plugin, assembly = learnt()
    feed(assembly, [Other(plugin.number)])
    assert len(feed(assembly, plugin.block())) == 1
