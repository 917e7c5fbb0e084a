"""The command `crepe`; what must be quick loads no more than it needs."""

import sys

from crepe.errors import CrepeError


def main() -> None:
    """Run a command; what CREPE refuses to do is one line and exit status 1."""
    words = sys.argv[1:]
    try:
        if words[:1] == ["stop"] and "--help" not in words:
            from crepe.safety.emergency_stop import (
                main as stop,  # must not wait for numpy and the like
            )

            sys.exit(stop(words[1:]))
        if words[:1] == ["run"] and len(words) == 2 and not words[1].startswith("-"):
            from crepe.environment.process import end_if_orphan

            end_if_orphan()  # supervisord may have died; the rest takes its time to load
            from crepe.cli.run import run_program as run  # a dozen programs start at once

            run(words[1])
        else:
            from crepe.cli.app import app

            app()
    except CrepeError as error:
        print(f"crepe: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
