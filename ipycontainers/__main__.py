"""``python -m ipycontainers``: the command line, where the command is not on the PATH."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
