"""python -m ipycontainers.engine --socket PATH [--data DIR] [--idle SECONDS]

Knows: arguments, signals, when to leave. Does not know: the API.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ipycontainers.engine import places


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 after idleness or SIGTERM, 1 where it cannot run."""
    from ipycontainers.engine.supervise import Nursery
    from ipycontainers.errors import ContainerError

    parsed = _parser().parse_args(arguments)
    data = Path(parsed.data or places.data()).absolute()
    socket = Path(parsed.socket or places.socket(at=data)).absolute()
    nursery = Nursery(data)
    try:
        from ipycontainers.engine.life import run

        run(nursery, data, socket, parsed.idle, parsed.launcher)
    except ContainerError as error:
        print(f"{error.message}\n  hint: {error.hint}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.strerror}: {error.filename or data}", file=sys.stderr)
        print("  hint: name a folder that can be written with --data", file=sys.stderr)
        return 1
    finally:
        nursery.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ipycontainers.engine",
        description="Serve the Docker Engine API on a unix socket, without root.",
    )
    parser.add_argument("--socket", metavar="PATH", help="where to listen")
    parser.add_argument("--data", metavar="DIR", help="where images and containers are kept")
    parser.add_argument(
        "--idle",
        metavar="SECONDS",
        type=float,
        default=0,
        help="leave when nobody has asked for so long and no container runs; 0, the default: never",
    )
    parser.add_argument(
        "--launcher", choices=("bubblewrap", "ptrace"), help="use only this one; ptrace is PRoot"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
