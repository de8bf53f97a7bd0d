"""Run docker-py's own tests on dockerd and on our engine, and compare.

    cd tests && python -m conformance                     every engine, every area
    python -m conformance --engine ptrace --area exec     one area on one launcher
    python -m conformance --engine bubblewrap -k test_top

Needs root: a network namespace and a dockerd of its own. Results are written as JSON to --json,
or to a file in the temporary folder that is named at the end.

Knows: the command line. Does not know: how the numbers are judged (test_conformance.py).
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import embedded
import images
from conformance import areas, engines, report
from conformance.suite import FAILED, Outcome, Suite
from podman import become

LIMIT = 420.0
AGAIN = 3
_BUILDS = "api_build_test::BuildTest::test_build_"
RACING = {
    f"{_BUILDS}out_of_context_dockerfile",
    f"{_BUILDS}in_context_dockerfile",
    f"{_BUILDS}in_context_nested_dockerfile",
    f"{_BUILDS}in_context_abs_dockerfile",
}
INSIDE = "--inside"


def main() -> int:
    options = _options()
    suite = Suite.fetched(images.cache())
    if not options.inside:
        script = 'ip link set lo up && exec "$@"'
        words = [sys.executable, "-m", "conformance", INSIDE, *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", script, "sh", *words])
    scratch = Path(tempfile.mkdtemp(prefix="ipyc-conformance-"))
    scratch.chmod(0o755)
    suite = suite.copied(scratch / "suite")
    areas_asked = tuple(options.area or areas.PROMISED)
    with engines.mirror() as hub, ThreadPoolExecutor() as pool:
        run = _Run(suite, scratch, hub, areas_asked, options.k)
        outcomes = dict(zip(options.engine, pool.map(run.on, options.engine), strict=True))
    target = options.json or scratch / "results.json"
    target.write_text(json.dumps(_plain(outcomes), indent=1))
    _show(outcomes)
    shutil.rmtree(scratch / "suite")
    print(f"results: {target}; output of each: {scratch}/ENGINE/output")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m conformance")
    parser.add_argument("--engine", action="append", choices=engines.NAMES)
    parser.add_argument("--area", action="append", choices=areas.PROMISED)
    parser.add_argument("-k", default="", help="as pytest's -k")
    parser.add_argument("--json", type=Path)
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.engine = options.engine or list(engines.NAMES)
    return options


@dataclasses.dataclass(frozen=True)
class _Run:
    suite: Suite
    scratch: Path
    hub: str
    areas: tuple[str, ...]
    expression: str

    def on(self, name: str) -> dict[str, Outcome]:
        """What failed is tried once more: a loaded machine is not what is judged. Tests that read
        what a container printed without waiting for it are tried more often."""
        words = areas.words_for(self.areas)
        if self.expression:
            words = [*words, "-k", self.expression]
        with engines.running(name, self.hub) as address:
            # By the engine's user, as which the tests make folders to bind.
            user = [] if name == engines.DOCKERD else become(embedded.USER)
            run = functools.partial(self.suite.run, user, address)
            found = run(self.scratch / name, *words, limit=LIMIT)
            found = {test: one for test, one in found.items() if self._is_asked(test)}
            if name == engines.DOCKERD:
                return found
            for turn in range(AGAIN):
                failed = [test for test, one in found.items() if one.result == FAILED]
                if turn:
                    failed = [test for test in failed if test in RACING]
                if failed:
                    scratch = self.scratch / f"{name}-again-{turn}"
                    found |= run(scratch, *map(_path, failed), limit=120)
        return found

    def _is_asked(self, test: str) -> bool:
        return areas.area_of(test) in self.areas


def _path(test: str) -> str:
    file, _, rest = test.partition("::")
    return f"tests/integration/{file}.py::{rest}"


def _plain(outcomes: dict[str, dict[str, Outcome]]) -> dict[str, dict[str, object]]:
    return {
        name: {test: dataclasses.asdict(one) for test, one in found.items()}
        for name, found in outcomes.items()
    }


def _show(outcomes: dict[str, dict[str, Outcome]]) -> None:
    reference = outcomes.get(engines.DOCKERD)
    for name, found in outcomes.items():
        if reference is None or name == engines.DOCKERD:
            passed = sum(one.has_passed for one in found.values())
            print(f"{name}: {passed} of {len(found)} pass")
            if name != engines.DOCKERD:
                print("\n".join(f"    {one.result}: {test}  {one.reason}"
                                for test, one in found.items() if not one.has_passed))  # fmt: skip
        else:
            every = report.share(reference, found, areas.PROMISED)
            print(f"{name}: {every} that pass on dockerd pass here")
            print("\n".join(report.table(reference, found)))


if __name__ == "__main__":
    if os.geteuid() or not shutil.which("dockerd"):
        sys.exit("this needs root and Debian's docker.io: a dockerd and a network of its own")
    sys.exit(main())
