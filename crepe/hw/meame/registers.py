"""Addresses and functions of the MCS DSP, from the public sources of MEAME2 and MEAME-DSP."""

from enum import IntEnum

N_GROUPS = 3
OWN_TRIGGERS = 0 | 1 << 8 | 2 << 16  # of DAC_TRIGGER and SIDEBAND_TRIGGER: each group its own


class Register(IntEnum):
    """Addresses, as clients use them."""

    TRIGGER_CTRL = 0x0200  # 1: enabled
    MANUAL_TRIGGER = 0x0214  # 1 << group fires that group's pattern once
    SLAVE_INSTRUCTION_ID = 0x1000
    MASTER_INSTRUCTION_ID = 0x1004
    INSTRUCTION_TYPE = 0x1008
    GROUP = 0x1010
    PERIOD = 0x1014
    ELEC0 = 0x1018
    ELEC1 = 0x101C
    CFG_DEBUG = 0x1020  # ten words: enable 2, mode 4, DAC select 4
    SHOTS_FIRED = 0x1048
    ERROR_FLAG = 0x104C
    ERROR_INFO = 0x1050  # eight words
    ERROR_ENTRIES = 0x1070
    STEP_COUNTER = 0x1074
    STIM_REQ = 0x1078  # three words a group: active, period, next firing
    BLANKING_EN = 0x10AC  # two words: arguments of function 14
    BLANK_PROT_EN = 0x10B4  # two words: arguments of function 15
    MODE_ARG = 0x10BC  # four words: arguments of function 4
    HW_BLANK_PROT = 0x8140  # two words
    HW_BLANKING = 0x8150
    DAC_MODE = 0x9100  # bits 8 to 13, DAC A to F: 1 voltage, 0 current
    DAC_TRIGGER = 0x9104  # per DAC pair, 2 bits each at 0, 8, 16
    SIDEBAND_TRIGGER = 0x9108
    HW_MODE = 0x9120  # four words, 15 electrodes of 2 bits each
    HW_ENABLE = 0x9158  # two words, 30 electrodes each
    HW_DAC_SELECT = 0x9160  # four words, 15 electrodes of 2 bits each
    TRIGGER_REPEATS = 0x9190  # three words: how often a trigger plays its pattern
    MEMORY_CLEAR = 0x920C  # + 0x20 * memory; any write clears
    MEMORY_APPEND = 0x9F20  # + 4 * memory
    MEMORY_RESTART = 0x9F40  # + 4 * memory; clear and append


class Function(IntEnum):
    """Codes of /DSP/call (firmware of the lab, 2019)."""

    RESET = 2
    CONFIGURE_GROUP = 3
    SET_MODE = 4
    MODE_AUTO = 5  # for all electrodes, in the public firmware only
    COMMIT_CONFIG = 6
    START_QUEUE = 7
    STOP_QUEUE = 8
    SET_PERIOD = 9
    ENABLE_GROUP = 10
    DISABLE_GROUP = 11
    COMMIT_DEBUG = 12
    WRITE_QUEUE_DEBUG = 13
    SET_BLANKING = 14
    SET_BLANKING_PROTECTION = 15
