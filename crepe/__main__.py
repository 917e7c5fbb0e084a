"""The command `crepe`; commands that must be quick load no more than they need."""

import gc
import os
import sys

from crepe.environment.called_as import as_called
from crepe.errors import CrepeError, ExitCode


def main() -> None:
    """Run a command. A CrepeError is printed without a traceback; the exit status is 1."""
    arguments = sys.argv[1:]
    # Pydantic would look for plugins among all installed packages, in each of a dozen programs.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        if arguments[:1] == ["stop"] and not {"-h", "--help"} & {*arguments}:
            # An emergency stop must not wait until numpy and the like are imported.
            from crepe.safety.stop_command import main as emergency_stop

            sys.exit(emergency_stop(arguments[1:]))
        if arguments[:1] == ["run"] and len(arguments) == 2 and not arguments[1].startswith("-"):
            from crepe.environment.process import end_if_orphan

            end_if_orphan()  # supervisord may have died; the rest takes its time to load
            gc.disable()  # until the program runs: imports leave nothing to collect
            # A dozen programs start at once, so each skips the imports of the command line.
            from crepe.cli.run import run_program

            run_program(arguments[1])
        else:
            _run_typed()
    except CrepeError as error:
        print(f"crepe: {as_called(str(error))}", file=sys.stderr)
        sys.exit(ExitCode.FAILED)


def _run_typed() -> None:
    """Run a command that a person has typed."""
    from crepe.cli.app import app
    from crepe.environment.installation import mixture

    if problem := mixture():
        print(f"crepe: {problem}", file=sys.stderr)
    try:
        app(prog_name="crepe")
    except OSError as error:
        if error.filename is None:  # not a file that the person could mend
            raise
        raise CrepeError(f"{os.fsdecode(error.filename)}: {error.strerror}") from error


if __name__ == "__main__":
    main()
