"""The file at the project's root works by itself, with real programs."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from crepe.config.experiment import load_experiment
from crepe.environment import session
from crepe.supervise import control

ROOT = Path(__file__).parents[2]


def supervisor(program, conf):
    return [sys.executable, "-m", f"supervisor.{program}", "-c", str(conf)]


def test_every_program_runs_at_the_first_start_and_none_is_left(stack, tmp_path_factory):
    # Its socket is beside it, and addresses of sockets are short.
    conf = tmp_path_factory.mktemp("conf") / "supervisord.conf"
    shutil.copy(ROOT / "supervisord.conf", conf)
    running = subprocess.Popen(
        supervisor("supervisord", conf),
        env=stack.environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:

        def states():
            return {row["program"]: row["state"] for row in stack.rows().values()}

        programs = {program.name for program in load_experiment().programs}
        have_run: set[str] = set()  # on a busy machine one may be late while another runs

        def all_have_run():
            assert running.poll() is None, running.communicate()[0]
            have_run.update(name for name, state in states().items() if state == "running")
            return have_run == programs

        stack.wait(all_have_run)
        assert set(states()) == programs
        answer = subprocess.run(
            [*supervisor("supervisorctl", conf), "status"],
            cwd="/", capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert answer.stdout.count("RUNNING") == len(states())
        assert {program.restarts for program in control.status()} == {0}
        # A session that is stopped before its recorder has begun is left to be resumed.
        stack.wait(lambda: any((stack.var / "recordings").glob("*.h5")))
    finally:
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate()
    assert "the disk lasts" in output
    assert stack.pids() == []
    assert session.current().state == session.ENDED
