"""``python -m merit_cli`` is ``merit``."""

from merit_cli.cli.app import main

if __name__ == "__main__":
    main()
