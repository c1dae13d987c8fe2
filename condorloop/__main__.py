"""``python -m condorloop``."""

from condorloop.cli.main import main

if __name__ == "__main__":
    main()
