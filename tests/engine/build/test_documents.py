"""Here-documents in a build on our engine, by BuildKit's rules: dockerd 20.10 has none."""

from __future__ import annotations

from typing import Any

from engine.build.building import build

BUSYBOX = "ipycontainers-test/busybox"

TEXT = f"""FROM {BUSYBOX} AS base
ARG D=in
COPY <<EOF /e
u "\\${{NO}}"
c "${{D}}/f" '${{X}}'
EOF
COPY <<"EOF" /q
"${{D}}" \\$x
EOF
RUN <<EOF
V=1
echo "v:$V" > /r
EOF
COPY --chmod=700 <<-one <<two /many/
\t\tdedented $D
\tone
# no comment

two
RUN <<-'EOF'
\t#!/bin/sh -e
\techo "$0 $D" > /script
\tEOF
RUN <<SH
#!/bin/busybox sh
echo "$0 $D" > /own
SH
RUN cat <<A <<-'B' > /last && cat /dev/fd/3 3<<C >> /last
a $D
A
\tb $D
B
c $((1 << 2))
C
ONBUILD COPY <<X /triggered
$D
X
FROM base
ARG D=two
"""


# R39
def test_here_documents_make_files_and_run(docker: Any) -> None:
    made = build(docker, TEXT)
    assert made.error is None, made.text
    files = made.files()
    read = "for f in e q r many/one many/two script own last triggered; do echo =$f; cat $f; done"
    shown = docker.containers.run(made.id, ["sh", "-c", read], remove=True).decode()
    assert dict(part.split("\n", 1) for part in shown.split("=")[1:]) == {
        "e": 'u "${NO}"\nc "in/f" \'\'\n',
        "q": '"${D}" \\$x\n',
        "r": "v:1\n",
        "many/one": "dedented in\n",
        "many/two": "# no comment\n\n",
        "script": "/bin/sh in\n",
        "own": "/dev/pipes/SH in\n",
        "last": "b $D\nc 4\n",
        "triggered": "\n",
    }
    assert [files[name][1] for name in ("e", "many/one")] == ["0o644", "0o700"]
    assert not any(name.startswith("dev/pipes") for name in files)
    assert build(docker, TEXT).text.count("Using cache") == 11
    other = build(docker, TEXT.replace("#!/bin/busybox sh\n", "#!/bin/busybox sh\n\n"))
    assert other.text.count("Using cache") == 6
