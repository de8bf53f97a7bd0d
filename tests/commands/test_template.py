"""Go's templates, whose judge is the docker command."""

from __future__ import annotations

import pytest

from ipycontainers.commands.template import Record, Template, TemplateError
from ipycontainers.commands.template_functions import Map, Struct

THING = {
    "Name": "web",
    "Up": True,
    "Count": 3,
    "Half": 0.5,
    "None": None,
    "List": ["a", "b"],
    "Map": {"b": "2", "a": "1"},
    "Nothing": Struct(),
    "Typed": Map(a="1"),
    "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "81/tcp": []},
}

FAILS = 'template: :1:2: executing "" at <'


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{.Name}} {{.Up}} {{.Count}} {{.Half}}", "web true 3 0.5"),
        ("{{.List}} {{.Map}} {{.Map.b}} {{.None}} {{.Nosuch}}",
         "[a b] map[a:1 b:2] 2 <no value> <no value>"),
        ("{{.Name | upper}} {{upper .Name}} {{title .Name}} {{lower `AB`}}", "WEB WEB Web ab"),
        ('{{join .List ", "}} {{len .List}} {{index .List 1}} {{index .Map "a"}}', "a, b 2 b 1"),
        ('{{json .Map}} {{json .List}} {{(split "a:b" ":") | json}}',
         '{"a":"1","b":"2"} ["a","b"] ["a","b"]'),
        ("{{range .List}}<{{.}}>{{end}}{{range .None}}x{{else}}none{{end}}", "<a><b>none"),
        ("{{range $i, $x := .List}}{{$i}}={{$x}} {{end}}", "0=a 1=b "),
        ("{{range $p, $c := .Ports}}{{$p}}:{{if $c}}{{(index $c 0).HostPort}}{{end}} {{end}}",
         "80/tcp:8080 81/tcp: "),
        ("{{if and .Up (eq .Count 3)}}yes{{else if .Up}}up{{else}}no{{end}}", "yes"),
        ("{{if not .Up}}a{{else if gt .Count 2}}b{{else}}c{{end}}", "b"),
        ("{{with .Map}}{{.a}}{{$.Name}}{{end}}{{with .None}}x{{end}}", "1web"),
        ('{{printf "%-5s|%3d|%q|%v" .Name .Count .Name .List}}', 'web  |  3|"web"|[a b]'),
        ('{{println "a" 1}}{{print 1 2 "x" 3}}', "a 1\n1 2x3"),
        ("a {{- .Name -}} b{{/* nothing */}}", "awebb"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{range .List}}{{if eq . `b`}}{{break}}{{end}}{{.}}{{end}}", "a"),
        ("{{and .Up (eq .Count 3)}} {{or .None .Name}} {{and .None (index .List 9)}}|{{or .Name}}",
         "true web <no value>|web"),
        ("{{if .Nothing}}yes{{end}}{{not .Nothing}} {{index .Typed `x`}}|{{index .Typed `a`}}",
         "yesfalse |1"),
        ('{{slice .Name 1 2}}{{"{{"}}{{truncate .Name 2}}{{pad .Name 1 2}}|', "e{{we web  |"),
    ],
)  # fmt: skip
def test_a_template_makes(text: str, made: str) -> None:
    assert Template(text).of(THING) == made


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{.Name", "template: :1: unclosed action"),
        ("{{if .Name}}", "template: :1: unexpected EOF"),
        ("{{nosuch .Name}}", 'template: :1: function "nosuch" not defined'),
        ("{{upper .Name 1}}",
         FAILS + "upper>: wrong number of args for upper: want 1 got 2"),
        ("{{and}}",
         FAILS + "and>: wrong number of args for and: want at least 1 got 0"),
        ("{{if 1}}{{$x := 1}}{{end}}{{$x}}", 'template: :1: undefined variable "$x"'),
        ("{{.a-b}}", "template: :1: bad character U+002D '-'"),
        ("{{| .Name}}", 'template: :1: unexpected "|" in command'),
        ("{{if 1}}{{else}}{{else}}{{end}}", "template: :1: expected end; found {{else}}"),
        ("{{nil}}", FAILS + "nil>: nil is not a command"),
        ("{{eq 1 1.0}}",
         FAILS + "eq 1 1.0>: error calling eq: incompatible types for comparison"),
        ("{{if 1}}{{break}}{{end}}", "template: :1: {{break}} outside {{range}}"),
        ("{{range .List}}{{else}}{{continue}}{{end}}",
         "template: :1: {{continue}} outside {{range}}"),
        ('{{define "a"}}A{{end}}', "template: :1: {{define}} is not known to %docker"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{index .List 7}}",
         FAILS + "index .List 7>: error calling index: index out of range: 7"),
        ("\n{{.Name.X}}",
         "template: :2:7: executing \"\" at <.Name.X>: can't evaluate field X in type string"),
        ("{{" + "(" * 200 + "1" + ")" * 200 + "}}",
         "template: :1: too many parentheses in parentheses"),
        ("{{if 1}}" * 200 + "{{end}}" * 200, "template: :1: too many blocks in blocks"),
        ('{{printf "%999999999d" 1}}',
         FAILS + 'printf "%999999999d" 1>: error calling printf: the width is too large'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_go_says_it(text: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(text).of(THING)
    assert str(caught.value) == reason


def test_a_template_fills_no_memory() -> None:
    thing = {"Many": list(range(4000)), "Text": "x" * 5000}
    text = "{{range .Many}}{{range $.Many}}{{$.Text}}{{end}}{{end}}"
    with pytest.raises(TemplateError, match="more than 64 MB"):
        Template(text).of(thing)


def test_what_a_record_says_is_no_template() -> None:
    record = Record("{{.ID}}", {"ID": str, "Label": lambda _: lambda name: f"<{name}>"}, "*t")
    assert (
        Template('{{.ID}} {{.Label "a"}} {{json .}}').of(record) == '{{.ID}} <a> {"ID":"{{.ID}}"}'
    )
    with pytest.raises(TemplateError, match="can't evaluate field X in type \\*t"):
        Template("{{.X}}").of(record)
