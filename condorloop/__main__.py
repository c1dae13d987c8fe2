"""``python -m condorloop``."""

from condorloop.cli import main

if __name__ == "__main__":
    main()
