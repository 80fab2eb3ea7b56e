"""`python -m reluctant` is the command."""

from reluctant.cli import main

if __name__ == "__main__":
    main()
