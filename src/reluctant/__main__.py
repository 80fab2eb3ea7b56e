"""`python -m reluctant` is the command."""

from __future__ import annotations

from reluctant.command.cli import main

if __name__ == "__main__":
    main()
