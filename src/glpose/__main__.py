"""`python -m glpose` is the command `glpose`."""

import sys

from glpose.cli.main import main

sys.exit(main())
