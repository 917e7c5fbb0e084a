"""Addresses and codes of the DSP, written down once more: simulator and driver share the enumeration.

A wrong one would be wrong in both, so that no simulated train could show it. Decimal numbers are those
that clients of MEAME2 send, the others are from the firmware's headers.
"""

from crepe.hw.meame.registers import N_GROUPS, OWN_TRIGGERS, Function, Register

ADDRESSES = {
    "TRIGGER_CTRL": 0x0200,
    "MANUAL_TRIGGER": 0x0214,
    "SLAVE_INSTRUCTION_ID": 4096,
    "MASTER_INSTRUCTION_ID": 4100,
    "INSTRUCTION_TYPE": 4104,
    "GROUP": 4112,
    "PERIOD": 4116,
    "ELEC0": 4120,
    "ELEC1": 4124,
    "CFG_DEBUG": 0x1020,
    "SHOTS_FIRED": 0x1048,
    "ERROR_FLAG": 0x104C,
    "ERROR_INFO": 0x1050,
    "ERROR_ENTRIES": 0x1070,
    "STEP_COUNTER": 0x1074,
    "STIM_REQ": 0x1078,
    "BLANKING_EN": 4268,
    "BLANK_PROT_EN": 4276,
    "MODE_ARG": 4284,
    "HW_BLANK_PROT": 0x8140,
    "HW_BLANKING": 0x8150,
    "DAC_MODE": 0x9100,
    "DAC_TRIGGER": 0x9104,
    "SIDEBAND_TRIGGER": 0x9108,
    "HW_MODE": 0x9120,
    "HW_ENABLE": 0x9158,
    "HW_DAC_SELECT": 0x9160,
    "TRIGGER_REPEATS": 0x9190,
    "MEMORY_CLEAR": 37388,
    "MEMORY_APPEND": 40736,
    "MEMORY_RESTART": 0x9F40,
}
CODES = (
    "RESET CONFIGURE_GROUP SET_MODE MODE_AUTO COMMIT_CONFIG START_QUEUE STOP_QUEUE SET_PERIOD "
    "ENABLE_GROUP DISABLE_GROUP COMMIT_DEBUG WRITE_QUEUE_DEBUG SET_BLANKING SET_BLANKING_PROTECTION"
).split()


def test_registers_have_the_addresses_of_the_dsp():
    assert {register.name: int(register) for register in Register} == ADDRESSES


def test_functions_have_the_codes_of_the_firmware():
    assert [(function.name, int(function)) for function in Function] == list(
        zip(CODES, range(2, 16), strict=True)
    )


def test_each_group_has_a_trigger_of_its_own():
    assert [OWN_TRIGGERS >> 8 * group & 0xFF for group in range(N_GROUPS)] == [0, 1, 2]
    assert OWN_TRIGGERS < 1 << 8 * N_GROUPS
