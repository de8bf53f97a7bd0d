"""Make a virtual environment that has pip:  python3 .ci/venv.py FOLDER

Debian and Ubuntu keep ensurepip in a package of its own, python3-venv. Where it
is missing, pip's wheel comes from the package index that pip itself would ask
(PIP_INDEX_URL, pip.conf, else PyPI), so nobody needs root for this.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

LINK = re.compile(r"<a\s([^>]*?)>\s*pip-([0-9.]+)-py3-none-any\.whl\s*</a>", re.DOTALL)


def main(folder: str) -> None:
    has_pip = importlib.util.find_spec("ensurepip") is not None
    command = [sys.executable, "-m", "venv", "--clear", folder]
    try:
        subprocess.run(command if has_pip else [*command, "--without-pip"], check=True)
        if not has_pip:
            install_pip(Path(folder, "bin", "python"))
    except (subprocess.CalledProcessError, OSError, LookupError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(
            f"No virtual environment with pip could be made: {error}\n"
            "On Debian and Ubuntu this mends it: apt-get install python3-venv ca-certificates"
        )


def install_pip(python: Path) -> None:
    page = index().rstrip("/") + "/pip/"
    wheels = [found for found in map(wheel, LINK.findall(read(page).decode())) if found]
    if not wheels:
        raise LookupError(f"no wheel of pip on {urllib.parse.urlsplit(page).hostname}")
    version, link = max(wheels)
    link, _, checksum = urllib.parse.urljoin(page, link).partition("#")
    content = read(link)
    algorithm, _, expected = checksum.partition("=")
    if algorithm == "sha256" and hashlib.sha256(content).hexdigest() != expected:
        raise OSError(f"the checksum of {link} is wrong")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"pip-{'.'.join(map(str, version))}-py3-none-any.whl")
        file.write_bytes(content)
        command = [python, file / "pip", "install", "--quiet", "--no-deps", "--no-index", file]
        subprocess.run(command, check=True)


def wheel(found: tuple[str, str]) -> tuple[tuple[int, ...], str] | None:
    """The version and link of a wheel that this Python can use."""
    attributes, version = html.unescape(found[0]), found[1]
    link = re.search(r'href="([^"]*)"', attributes)
    needs = re.search(r'data-requires-python="[^"]*>=\s*3\.(\d+)', attributes)
    if link is None or (needs and int(needs[1]) > sys.version_info.minor):
        return None
    return tuple(map(int, version.split("."))), link[1]


def index() -> str:
    """The package index as pip finds it without options."""
    if chosen := os.environ.get("PIP_INDEX_URL"):
        return chosen
    home = Path.home()
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = configparser.ConfigParser(interpolation=None, strict=False)
    files.read(["/etc/pip.conf", home / ".pip/pip.conf", settings / "pip/pip.conf"])
    files.read(os.environ.get("PIP_CONFIG_FILE", os.devnull))
    return files.get("global", "index-url", fallback="https://pypi.org/simple")


def read(url: str) -> bytes:
    parts = urllib.parse.urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    request = urllib.request.Request(parts._replace(netloc=place).geturl())
    request.add_header("Accept", "text/html")
    if user:
        secret = urllib.parse.unquote(user).encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(secret).decode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
    return content


if __name__ == "__main__":
    main(*sys.argv[1:])
