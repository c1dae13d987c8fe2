"""What DAGs of an older version call, and are still queued: `condorloop.node.fast_exit`."""

import sys

from condorloop.node.fast_exit import main

if __name__ == "__main__":
    sys.argv[1] = "condorloop.node.main"
    main()
