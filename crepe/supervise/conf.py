"""The text of supervisord.conf; it names no directory, so that it is the same everywhere."""

# Decision 3: why this text names no path.

from collections.abc import Sequence

from crepe.config.services import restarts, stop_s

_HEAD = """\
; The programs of one experiment. This text is written by `crepe up`; the file at the project's
; root is what it writes for the default experiment (config/rps.toml), and works by itself:
;
;     .venv/bin/supervisord -c supervisord.conf
;     .venv/bin/supervisorctl -c supervisord.conf status
;
; Programs start in order of priority and stop in the reverse order. The extension `crepe` makes
; var/ beside this file (or where CREPE_VAR says), puts every log into var/log, finds the command
; `crepe` of its own environment, and begins a session, or goes on with one that was cut off.
; Another experiment: set CREPE_EXPERIMENT, or use `crepe up EXPERIMENT`.

[supervisord]
nodaemon=true
identifier=crepe
nocleanup=true
pidfile=%(here)s/.supervisord.pid
childlogdir=%(here)s
; the extension keeps this log, and those of the programs, in var/log
logfile=/dev/null
logfile_maxbytes=0

[unix_http_server]
file=%(here)s/.supervisord.sock
chmod=0700

[supervisorctl]
serverurl=unix://%(here)s/.supervisord.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[rpcinterface:crepe]
supervisor.rpcinterface_factory=crepe.supervise.plugin:make
"""

# Every program is to run until it is stopped; one that ends is started again where `restarts` says
# so. One that ends within `startsecs` is tried again after one second, then two, and so on: nearly
# without end, since a lab computer runs unattended.
_PROGRAM = """
[program:{name}]
command=crepe run %(program_name)s
priority={priority}
autorestart={restarts}
startsecs=1
startretries=100000
stopsignal=TERM
stopwaitsecs={stop_s}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=4
"""


def render(programs: Sequence[tuple[str, int]]) -> str:
    """Return the text for programs given as (name, priority), in order of priority."""
    ordered = sorted(programs, key=lambda program: program[1])
    return _HEAD + "".join(
        _PROGRAM.format(
            name=name,
            priority=priority,
            restarts=str(restarts(name)).lower(),
            stop_s=stop_s(name),
        )
        for name, priority in ordered
    )
