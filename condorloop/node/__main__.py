"""What DAGs of an older version call, and are still queued: `condorloop.node.main`."""

import sys

from condorloop.node.main import main

sys.exit(main(sys.argv[1:]))
