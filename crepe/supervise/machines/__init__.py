"""Sessions of several machines, which share one Redis server.

shared_session   the session as the server has it: its ID, experiment and phase
presence         the sign of life of a further machine
join             what `crepe up --machine NAME` does before programs start
main_machine     the two programs of the main machine
further_machine  the program of every other
"""
