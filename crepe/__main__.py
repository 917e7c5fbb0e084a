"""The command `crepe`; commands that must be quick load no more than they need."""

import sys

from crepe.errors import CrepeError


def main() -> None:
    """Run a command. A CrepeError is printed as one line, and the exit status is 1."""
    arguments = sys.argv[1:]
    try:
        if arguments[:1] == ["stop"] and "--help" not in arguments:
            # An emergency stop must not wait until numpy and the like are imported.
            from crepe.safety.emergency_stop import main as emergency_stop

            sys.exit(emergency_stop(arguments[1:]))
        if arguments[:1] == ["run"] and len(arguments) == 2 and not arguments[1].startswith("-"):
            from crepe.environment.process import end_if_orphan

            end_if_orphan()  # supervisord may have died; the rest takes its time to load
            # A dozen programs start at once, so each skips the imports of the command line.
            from crepe.cli.run import run_program

            run_program(arguments[1])
        else:
            from crepe.cli.app import app

            app()
    except CrepeError as error:
        print(f"crepe: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
