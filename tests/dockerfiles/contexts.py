"""The folders that the Dockerfiles here are built from: their files, and what git cannot keep.

    made(case, folder)      writes the whole context there; the same bytes and times each time

Archives, links, modes, packages and very many files are made here. All times are MOMENT.

Knows: tar, deb, wheels. Does not know: engines.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from layers import Entry, file, folder, hard_link, link, tar

HERE = Path(__file__).parent
MOMENT = 1704164645  # 2024-01-02T03:04:05Z
IN_ARCHIVES = 1600000000
DAY = (2024, 1, 2, 3, 4, 6)


def made(name: str, target: Path) -> None:
    """The context of the Dockerfile of that name in ``target``, which is not there yet."""
    shutil.copytree(HERE / name, target, symlinks=True)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    target.chmod(0o755)
    if more := MORE.get(name):
        more(target)
    for path in (target, *target.rglob("*")):
        os.utime(path, (MOMENT, MOMENT), follow_symlinks=False)


# --- packages ------------------------------------------------------------------------------------


def _wheel(name: str, version: str, module: str, code: str) -> tuple[str, bytes]:
    found = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{module}.py": code,
        f"{found}/METADATA": metadata,
        f"{found}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{found}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    files[f"{found}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{found}/RECORD"])
    return f"{name}-{version}-py3-none-any.whl", _zip({k: v.encode() for k, v in files.items()})


def _zip(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, DAY)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return written.getvalue()


def _wheels(target: Path) -> None:
    """Two packages of ours, and pip, which Debian's Python has not."""
    import pip

    wheels = target / "wheels"
    wheels.mkdir(exist_ok=True)
    code = (
        "def hello(name):\n    return f'hello {name}'\n\n\ndef main():\n    print(hello('you'))\n"
    )
    numbers = "def main():\n    print(42)\n"
    for name, content in (
        _wheel("greeting", "1.0", "greeting", code),
        _wheel("numbers_of_ours", "2.5", "numbers_of_ours", numbers),
        _wheel("numbers_of_ours", "3.0", "numbers_of_ours", "raise SystemExit('too new')\n"),
    ):
        (wheels / name).write_bytes(content)
    root = Path(pip.__file__).parent
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    inside = {f"pip/{path.relative_to(root)}": path.read_bytes() for path in files}
    (wheels / "pip.whl").write_bytes(_zip(inside))


def _deb(name: str, control: str, files: list[Entry], **scripts: str) -> bytes:
    """A Debian package; ``scripts`` are its postinst and others."""
    told = [file("./control", control.encode(), mode=0o644)]
    told += [file(f"./{step}", text.encode(), mode=0o755) for step, text in scripts.items()]
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": gzip.compress(_aged(told), mtime=0),
        "data.tar.gz": gzip.compress(_aged(files), mtime=0),
    }
    written = b"!<arch>\n"
    for member, content in members.items():
        head = f"{member:<16}{MOMENT:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
        written += head.encode() + content + b"\n" * (len(content) % 2)
    return written


def _aged(entries: list[Entry]) -> bytes:
    for entry, _ in entries:
        entry.mtime = IN_ARCHIVES
    return tar(*entries)


POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    getent group hello >/dev/null || groupadd --system hello
    getent passwd hello >/dev/null ||
        useradd --system --gid hello --home-dir /var/lib/hello --shell /usr/sbin/nologin hello
    install -d -m 750 -o hello -g hello /var/lib/hello
    chown root:hello /usr/bin/hello-here
fi
"""


PRE_INSTALL = """\
#!/bin/sh
addgroup -S -g 105 hello
adduser -S -D -u 105 -h /var/lib/hello -G hello hello
addgroup nobody hello
"""
HELLO_POST_INSTALL = """\
#!/bin/sh
set -e
echo installed > /var/lib/hello/state
mknod -m 660 /var/lib/hello/pipe p
mknod -m 666 /var/lib/hello/null c 1 3
chown -R hello:hello /var/lib/hello
chown -h hello:hello /usr/bin/hi
chgrp hello /usr/bin/hello-admin
chmod 4750 /usr/bin/hello-admin
rm -f /var/lib/hello/pipe /var/lib/hello/null  # only root of the machine has made the latter
"""
TRIGGER = """\
#!/bin/sh
for folder; do
    ls "$folder" > /var/cache/hello.index
done
chown 105:105 /var/cache/hello.index
"""


def _apks(target: Path) -> None:
    """Two packages as apk has them; the second has scripts that make a user, and others' files."""
    (packages := target / "packages").mkdir()
    common = (
        *(folder(f"{name}/") for name in ("usr", "usr/share", "usr/share/hello", "var")),
        *(folder("var/cache/"), folder("var/lib/")),
        *(file("usr/share/hello/words", b"hello\n"), file(".trigger", TRIGGER.encode())),
    )
    own = (
        *(file(".pre-install", PRE_INSTALL.encode(), mode=0o755),),
        *(file(".post-install", HELLO_POST_INSTALL.encode(), mode=0o755),),
        *(folder("usr/bin/", mode=0o775, uid=105), folder("usr/share/hello/", uid=105, gid=105)),
        file("usr/bin/hello", b"#!/bin/sh\ncat /usr/share/hello/words\n", mode=0o755, gid=105),
        file("usr/bin/hello-admin", b"#!/bin/sh\nid -u\n", mode=0o4755, uid=105, gid=105),
        *(hard_link("usr/bin/hello-again", "usr/bin/hello"), link("usr/bin/hi", "hello", uid=105)),
        file("usr/share/hello/more", b"more\n", mode=0o640, uid=105, gid=105),
        *(folder("var/lib/hello/", mode=0o2750, uid=105, gid=105),),
        file("var/lib/hello/secret", b"secret\n", mode=0o400, uid=105, gid=105),
    )
    for name, entries in {"hello-common": common, "hello": own}.items():
        content = gzip.compress(_aged(list(entries)), mtime=0)
        (packages / f"{name}.apk").write_bytes(content)


def _packages(target: Path) -> None:
    """A folder that apt reads, with two packages of which one needs the other."""
    (packages := target / "packages").mkdir()
    library = (
        "Package: libhello-here\nVersion: 1.0\nArchitecture: all\n"
        "Maintainer: Ada <ada@example.org>\nDescription: what hello-here says\n"
    )
    program = (
        "Package: hello-here\nVersion: 2.1-1\nArchitecture: all\nDepends: libhello-here (>= 1.0)\n"
        "Maintainer: Ada <ada@example.org>\nDescription: says hello\n"
    )
    said = [
        folder("./"), folder("./usr/"), folder("./usr/share/"), folder("./usr/share/hello/"),
        file("./usr/share/hello/words", b"hello from a package\n", mode=0o644),
        file("./usr/share/hello/secret", b"s\n", mode=0o640, gid=42),
    ]  # fmt: skip
    runs = [
        folder("./"), folder("./usr/"), folder("./usr/bin/"),
        file("./usr/bin/hello-here", b"#!/bin/sh\ncat /usr/share/hello/words\n", mode=0o755),
        link("./usr/bin/hello-there", "hello-here"),
        file("./usr/bin/hello-root", b"#!/bin/sh\n", mode=0o4755),
    ]  # fmt: skip
    index = ""
    for name, control, made_of, scripts in (
        ("libhello-here_1.0_all.deb", library, said, {}),
        ("hello-here_2.1-1_all.deb", program, runs, {"postinst": POSTINST}),
    ):
        content = _deb(name, control, made_of, **scripts)
        (packages / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        index += f"{control}Filename: ./{name}\nSize: {len(content)}\nSHA256: {digest}\n\n"
    (packages / "Packages").write_text(index)


# --- archives ------------------------------------------------------------------------------------


def _members(word: str) -> bytes:
    return _aged(
        [
            folder("d", mode=0o750, uid=5, gid=6),
            file("d/f", word.encode(), mode=0o640, uid=7, gid=8),
            link("d/l", "f"),
            hard_link("d/h", "d/f", mode=0o640, uid=7, gid=8),
            file("top", b"top", mode=0o4755),
        ]
    )


def _archives(target: Path) -> None:
    for name, content in {
        "plain.tar": _members("plain"),
        "gzip.tar.gz": gzip.compress(_members("gzip"), mtime=0),
        "bzip2.tar.bz2": bz2.compress(_members("bzip2")),
        "xz.tar.xz": lzma.compress(_members("xz")),
        "misnamed.txt": gzip.compress(_members("misnamed"), mtime=0),
        "text.gz": gzip.compress(b"no archive\n", mtime=0),
        "text.bz2": bz2.compress(b"no archive\n"),
        "empty.tar": tar(),
        "broken.tar": b"plain.tar by name only",
    }.items():
        (target / name).write_bytes(content)
    (target / "link.tar.gz").symlink_to("gzip.tar.gz")


def _unpacked(target: Path) -> None:
    (target / "folder.tar").write_bytes(_members("owned"))


def _root(target: Path) -> None:
    made_of = [
        folder("bin"), file("bin/sh", b"#!/nothing\n", mode=0o755, uid=1, gid=2),
        folder("tmp", mode=0o1777), link("sbin", "bin"),
        hard_link("bin/ash", "bin/sh", mode=0o755, uid=1, gid=2),
    ]  # fmt: skip
    (target / "root.tar.gz").write_bytes(gzip.compress(_aged(made_of), mtime=0))


# --- links, modes, numbers -----------------------------------------------------------------------


def _hollow(target: Path) -> None:
    (target / "hollow" / "inner").mkdir(parents=True)
    (target / "tree" / "one").chmod(0o400)


def _links(target: Path) -> None:
    (links := target / "links").mkdir()
    (links / "to-file").symlink_to("../target/inner")
    (links / "to-folder").symlink_to("../target")
    (links / "dangling").symlink_to("nowhere")
    (links / "absolute").symlink_to("/etc/passwd")
    (links / "out").symlink_to("../../../../../../etc/passwd")
    (good := target / "good").mkdir()
    (good / "again").symlink_to("../links/to-file")


def _modes(target: Path) -> None:
    for name, mode in (("f755", 0o755), ("f640", 0o640)):
        shutil.copyfile(target / "f", target / name)
        (target / name).chmod(mode)
    (secret := target / "secret").mkdir()
    shutil.copyfile(target / "f", secret / "f")
    shutil.copyfile(target / "folder" / "x", secret / "x")
    for path in secret.iterdir():
        path.chmod(0o600)


def _bits(target: Path) -> None:
    for mode in (0o000, 0o111, 0o444, 0o640, 0o644, 0o755, 0o777, 0o1644, 0o2755, 0o4755):
        path = target / "modes" / f"{mode:04o}"
        path.write_text(path.name)
        path.chmod(mode)
    (target / "modes" / "hard").hardlink_to(target / "modes" / "0644")
    (target / "modes").chmod(0o2770)


def _hole(target: Path) -> None:
    with (target / "hole").open("wb") as hole:
        hole.truncate(8 << 20)
        hole.seek(3 << 20)
        hole.write(b"in the middle")


def _names(target: Path) -> None:
    names = target / "names"
    for name in (b"byte\xfe", b"new\nline", b"n" * 255, b" ", b"-", "e\u0301".encode()):
        (names / os.fsdecode(name)).write_bytes(name)


def _deep(target: Path) -> None:
    path = target / "deep"
    for number in range(60):
        path /= f"level-{number:02}"
    path.mkdir(parents=True)
    while path != target:
        for number in range(5):
            (path / f"file-{number}").write_text(f"{path.name} {number}")
        path = path.parent
    wide = target / "deep" / "wide"
    wide.mkdir()
    for number in range(500):
        (wide / f"{number}").touch()


def _steps(target: Path) -> None:
    """As many as 127, which is as many layers as Docker once allowed."""
    lines = ["FROM ipycontainers-test/busybox"]
    for number in range(1, 127):
        kind = number % 6
        if kind == 0:
            lines.append(f"COPY f /steps/{number}")
        elif number in (1, 63, 125):
            lines.append(f"RUN echo {number} >> /run")
        else:
            lines.append((f"ENV N{kind}={number}", f"LABEL l{number}=$N1")[kind % 2])
    (target / "Dockerfile").write_text("\n".join(lines) + "\n")
    (target / "f").write_text("f")


def _fifo(target: Path) -> None:
    os.mkfifo(target / "fifo")
    os.mkfifo(target / "kept-fifo", 0o600)


def site(target: Path) -> None:
    """What a server of files offers to ``add-url``."""
    (target / "file.txt").write_text("from the web\n")
    (target / "archive.tar.gz").write_bytes(gzip.compress(_members("web"), mtime=0))
    for path in target.iterdir():
        os.utime(path, (MOMENT, MOMENT))


MORE: dict[str, Callable[[Path], None]] = {
    "add-archives": _archives,
    "apk": _apks,
    "apt": _packages,
    "apt-service": _packages,
    "copy-folders": _hollow,
    "copy-links": _links,
    "copy-modes": _modes,
    "copy-owners": _unpacked,
    "deep": _deep,
    "fifos": _fifo,
    "links-and-bits": _bits,
    "many-steps": _steps,
    "odd-names": _names,
    "python-stages": _wheels,
    "python-venv": _wheels,
    "scratch": _root,
    "sparse": _hole,
}


def archive(source: Path) -> bytes:
    """The folder as the tar that a client sends, with all that is in it."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as made_of:
        for path in sorted(source.rglob("*")):
            entry = made_of.gettarinfo(path, str(path.relative_to(source)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            with path.open("rb") if entry.isreg() else io.BytesIO() as content:
                made_of.addfile(entry, content)
    return written.getvalue()
