"""The command `crepe`: an emergency stop at once, everything else when its modules are loaded."""

import sys


def main() -> None:
    """Run a command. `crepe stop` must not wait for numpy and the like."""
    words = sys.argv[1:]
    if words[:1] == ["stop"] and "--help" not in words:
        from crepe.emergency import main as stop

        sys.exit(stop(words[1:]))
    from crepe.cli import main as run

    run()


if __name__ == "__main__":
    main()
