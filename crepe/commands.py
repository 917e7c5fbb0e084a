"""Commands of operators and sensors to a running experiment, and the streams they come on."""

CONTROL = "control"
"""The stream of commands to the experiment: pause, start, condition, player, note, arm, stop."""

INPUT = "input"
"""The stream of gestures, and of a sensor's frames."""

GAME_COMMANDS = ("pause", "start", "condition", "player")
"""The commands to a game."""

SAYABLE = (*GAME_COMMANDS, "note")
"""The commands that an operator may send by name."""

PLAYERS = ("script", "person", "sensor")
"""The players of a game: its own script, a person, a sensor."""

SENSOR = "sensor"
"""First word of the sender of a gesture that came through the sensor gateway."""
