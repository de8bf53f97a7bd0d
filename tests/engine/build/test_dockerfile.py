"""What a Dockerfile says, once it is read."""

from __future__ import annotations

from ipycontainers.engine.build.dockerfile import parse


def test_stages_have_names_and_instructions() -> None:
    text = "ARG V=1\nFROM a:$V AS Builder\nRUN x\nFROM scratch\nCOPY --from=builder /x /y\n"
    read = parse(text)
    assert [argument.arguments for argument in read.arguments] == [("V=1",)]
    assert [(stage.base, stage.name) for stage in read.stages] == [
        ("a:$V", "builder"),
        ("scratch", ""),
    ]
    (copy,) = read.stages[1].instructions
    assert (copy.word, copy.flags, copy.arguments) == ("COPY", {"from": "builder"}, ("/x", "/y"))
