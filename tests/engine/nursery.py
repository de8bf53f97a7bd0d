"""A nursery in a process of its own, perhaps another user's: ``python nursery.py DATA [LAUNCHER]``.

It prints the launcher that it chose, then for each directory on standard input the pid of the
supervisor that was forked for it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    from ipycontainers.engine.supervise import Nursery

    nursery = Nursery(Path(sys.argv[1]))
    from ipycontainers.engine import launch
    from ipycontainers.errors import LaunchError

    try:
        launcher = launch.choose(Path(sys.argv[1]), *sys.argv[2:])
    except LaunchError as err:
        print(json.dumps({"refused": err.message, "hint": err.hint}), flush=True)
        return
    print(json.dumps(launcher.to_dict()), flush=True)
    for line in sys.stdin:
        print(nursery.spawn(Path(line.strip())), flush=True)


main()
