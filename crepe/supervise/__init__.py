"""All programs of an experiment under supervisord: the file it reads, its extension, its control.

render   the text of supervisord.conf
plugin   what supervisord runs in itself when it starts: places, logs, the session
control  up, down and status, over supervisord's socket
"""
