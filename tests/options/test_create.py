"""RunOptions become the body of POST /containers/create: files, --here, what is ours."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.errors import Invalid
from ipycontainers.options import EngineTraits, parse, split

FAR = EngineTraits(shares_files=False)
ME = f"{os.getuid()}:{os.getgid()}"


def _body(
    line: str,
    folder: Path = Path("/"),
    *,
    environ: Mapping[str, str] | None = None,
    traits: EngineTraits | None = None,
    **more: Any,
) -> dict[str, Any]:
    return parse(split(line)).create_config(
        folder=folder, environ=environ or {}, traits=traits or EngineTraits(), **more
    )


def _refused(line: str, folder: Path, traits: EngineTraits | None = None) -> Invalid:
    with pytest.raises(Invalid) as caught:
        _body(line, folder, traits=traits)
    return caught.value


# --- what runs ------------------------------------------------------------------------------


def test_without_arguments_the_words_of_the_line_run() -> None:
    body = _body("--entrypoint sh alpine -c 'a b'")
    assert (body["Image"], body["Entrypoint"], body["Cmd"]) == ("alpine", ["sh"], ["-c", "a b"])


def test_the_images_own_command_runs_when_nothing_is_said() -> None:
    assert not {"Entrypoint", "Cmd"} & set(_body("alpine"))


def test_the_callers_words_replace_those_of_the_line() -> None:
    body = _body("--entrypoint sh alpine bash", entrypoint=["python", "-u"], command=["-c", "1"])
    assert (body["Entrypoint"], body["Cmd"]) == (["python", "-u"], ["-c", "1"])


def test_no_words_are_not_the_words_of_the_line() -> None:
    assert "Cmd" not in _body("alpine bash", entrypoint=["bash"], command=[])


@pytest.mark.parametrize(
    ("line", "stdin", "attached"),
    [("alpine", False, False), ("alpine", True, True), ("--stdin x alpine", False, True)],
)
def test_input_is_open_only_when_something_comes_in(line: str, stdin: bool, attached: bool) -> None:
    body = _body(line, stdin=stdin)
    assert body["OpenStdin"] is body["AttachStdin"] is body["StdinOnce"] is attached
    assert body["AttachStdout"] is body["AttachStderr"] is True


def test_a_detached_container_is_attached_to_nothing() -> None:
    body = _body("-d alpine")
    assert not any(body[f"Attach{name}"] for name in ("Stdin", "Stdout", "Stderr"))


# --- what is ours -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "driver"),
    [("x", "none"), ("--rm x", "none"), ("--keep x", None), ("-d x", None), ("--rm=false x", None)],
)
def test_only_what_stays_is_logged(line: str, driver: str | None) -> None:
    assert _body(line)["HostConfig"].get("LogConfig", {}).get("Type") is driver


@pytest.mark.parametrize(
    ("line", "removes"),
    [("x", False), ("--rm x", False), ("--keep x", False), ("-d x", False), ("-d --rm x", True)],
)
def test_the_engine_removes_only_what_is_detached_with_rm(line: str, removes: bool) -> None:
    assert _body(line)["HostConfig"].get("AutoRemove", False) is removes


def test_our_labels_win() -> None:
    assert _body("-l a=1 -l b=2 x", labels={"b": "ours"})["Labels"] == {"a": "1", "b": "ours"}


def test_ours_only_options_change_nothing() -> None:
    assert _body("--out a --err b --bg --proc p --timeout 3 --no-raise-error x") == _body("x")


# --- variables ---------------------------------------------------------------------------------


def test_a_bare_name_takes_the_kernels_value() -> None:
    assert _body("-e A -e B x", environ={"A": "1 2"})["Env"] == ["A=1 2", "B"]


def test_a_bare_name_without_a_value_is_left_out_on_podman() -> None:
    traits = EngineTraits(podman=True)
    assert _body("-e A -e B x", environ={"A": "1"}, traits=traits)["Env"] == ["A=1"]


def test_defaults_yield_to_the_user() -> None:
    defaults = {"PYTHONUNBUFFERED": "1", "OTHER": "2"}
    assert _body("-e PYTHONUNBUFFERED= x", defaults=defaults)["Env"] == [
        "PYTHONUNBUFFERED=",
        "OTHER=2",
    ]


def test_env_file_follows_docker_rules(tmp_path: Path) -> None:
    """R24: quotes belong to the value, # does inside a line, \\r does not."""
    (tmp_path / "f").write_bytes(
        b'A="b c"\nB=x y\nC=1=2\nD=\n# c\n\nE=a#b\nF=win\r\nNOVAL\nGIVEN\n  G= 1 \n'
    )
    env = _body("--env-file f x", tmp_path, environ={"GIVEN": "outside"})["Env"]
    assert env == ['A="b c"', "B=x y", "C=1=2", "D=", "E=a#b", "F=win", "GIVEN=outside", "G= 1 "]


def test_env_file_with_a_value_over_lines_names_file_line_and_blank(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('S="\n[s 1]\nk=v\n"\n')
    refused = _refused("--env-file f x", tmp_path)
    assert refused.message == f"{tmp_path / 'f'}, line 2: there is a blank in the name"


@pytest.mark.parametrize("line", ["top secret", "=top secret", "top\tsecret=1"])
@pytest.mark.parametrize("option", ["--env-file", "--label-file"])
def test_no_error_quotes_a_line_that_may_be_a_secret(
    tmp_path: Path, option: str, line: str
) -> None:
    (tmp_path / "f").write_text(f"A=1\n{line}\n")
    refused = _refused(f"{option} f x", tmp_path)
    assert "line 2" in refused.message
    assert "top" not in refused.message + refused.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff=1", "line 1: not UTF-8"),
        (b"\n=1", "line 2: there is no name"),
        (b"a b=1", "blank in the name"),
        (b"a\tb", "blank in the name"),
    ],
)
def test_env_file_errors_name_the_line(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "f").write_bytes(data)
    assert said in _refused("--env-file f x", tmp_path).message


def test_env_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfA=1\n")
    assert _body("--env-file f x", tmp_path)["Env"] == ["A=1"]


def test_a_missing_env_file_is_named_absolutely(tmp_path: Path) -> None:
    assert str(tmp_path / "f") in _refused("--env-file f x", tmp_path).message
    assert str(tmp_path) in _refused("--env-file . x", tmp_path).message


def test_options_win_over_env_files(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("A=1\nB=2\n")
    assert _body("-e A=9 --env-file f x", tmp_path)["Env"] == ["A=9", "B=2"]


# --- sources ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "note books"
    (folder / "data").mkdir(parents=True)
    (tmp_path / "home" / "sub").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (".", "note books"),
        ("./data", "note books/data"),
        ("data/", "note books/data"),
        ("..", "."),
        ("../home", "home"),
        ("~", "home"),
        ("~/sub", "home/sub"),
    ],
)
def test_relative_sources_mean_the_notebooks_folder_and_home(
    folder: Path, tmp_path: Path, source: str, path: str
) -> None:
    expected = os.path.normpath(tmp_path / path)
    host = _body(f"-v '{source}:/x:ro,z' x", folder)["HostConfig"]
    assert host["Binds"] == [f"{expected}:/x:ro,z"]
    host = _body(f"--mount 'type=bind,source={source},target=/x' x", folder)["HostConfig"]
    assert host["Mounts"] == [{"Type": "bind", "Source": expected, "Target": "/x"}]


def test_volumes_and_absolute_paths_pass_as_typed(folder: Path) -> None:
    body = _body("-v data:/x -v /usr/../usr:/y -v /only --mount source=data,target=/z x", folder)
    assert body["HostConfig"]["Binds"] == ["data:/x", "/usr/../usr:/y"]
    assert body["HostConfig"]["Mounts"] == [{"Type": "volume", "Source": "data", "Target": "/z"}]
    assert body["Volumes"] == {"/only": {}}


@pytest.mark.parametrize(
    "line",
    [
        "-v ./no:/x x",
        "-v {folder}/no:/x x",
        "-v {folder}/no/../data/f:/x x",
        "--mount type=bind,source=no,target=/x x",
    ],
)
def test_a_missing_source_is_an_error_that_names_the_absolute_path(folder: Path, line: str) -> None:
    (folder / "data" / "f").touch()
    line = line.replace("{folder}", str(folder).replace(" ", "\\ "))
    assert f"no file or folder {folder}/no" in _refused(line, folder).message


def test_a_file_and_what_we_may_not_see_are_sources(folder: Path) -> None:
    (folder / "f").touch()
    assert _body("-v ./f:/x x", folder)["HostConfig"]["Binds"] == [f"{folder}/f:/x"]
    long = "/" + "x" * 300  # "File name too long": not our business
    assert _body(f"-v {long}:/x x", folder)["HostConfig"]["Binds"] == [f"{long}:/x"]


def test_an_unknown_user_of_a_home_is_invalid(folder: Path) -> None:
    assert "~nobody-here" in _refused("-v ~nobody-here/x:/x x", folder).message


def test_a_far_engine_takes_absolute_paths_and_volumes_only(folder: Path) -> None:
    body = _body(
        "-v /not/here:/x -v data:/y --mount type=bind,source=/no,target=/z x", folder, traits=FAR
    )
    assert body["HostConfig"]["Binds"] == ["/not/here:/x", "data:/y"]
    for line in ("-v .:/x x", "-v ~:/x x", "--mount type=bind,source=.,target=/x x"):
        refused = _refused(line, folder, FAR)
        assert "does not see this machine's files" in refused.message
        assert refused.hint


def test_windows_paths_and_labels_pass_unchanged(folder: Path) -> None:
    sources = [r"C:\Users\me:/data:ro", "C:/x:/y:Z", r"\\server\share:/s:z"]
    body = _body(" ".join(f"-v {source}" for source in sources) + " x", folder, traits=FAR)
    assert body["HostConfig"]["Binds"] == sources


@pytest.mark.parametrize(
    ("modes", "more"),
    [
        ("", {}),
        (":ro", {"ReadOnly": True}),
        (":rw,Z", {}),
        (":ro,rslave", {"ReadOnly": True, "BindOptions": {"Propagation": "rslave"}}),
    ],
)
@pytest.mark.parametrize("source", [".", "{folder}", "sub", "{folder}/sub"])
@pytest.mark.parametrize("name", ["nb ü:col", "a:b,'c\"", "a:", "a:/b"])
def test_a_path_with_a_colon_gets_a_mount_that_pastes(
    tmp_path: Path, name: str, source: str, modes: str, more: dict[str, object]
) -> None:
    folder = tmp_path / name
    (folder / "sub").mkdir(parents=True)
    source = source.replace("sub", "./sub").replace("/./", "/").replace("{folder}", str(folder))
    refused = _refused(f"-v {shlex.quote(f'{source}:/d{modes}')} x", folder)
    assert refused.message.startswith("-v cannot say a path with a colon: ")
    mounts = _body(f"{refused.hint} x")["HostConfig"]["Mounts"]
    path = os.path.normpath(folder / source)
    assert mounts == [{"Type": "bind", "Source": path, "Target": "/d", **more}]
    mounts = _body("--mount type=bind,source=.,target=/x x", folder)["HostConfig"]["Mounts"]
    assert mounts[0]["Source"] == str(folder)


def test_a_mode_is_no_part_of_a_path(folder: Path) -> None:
    (folder / "data:").mkdir()
    assert _body("-v ./data:/x:ro x", folder)["HostConfig"]["Binds"] == [f"{folder}/data:/x:ro"]


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("-v data:/x", "-v ./data:…"),
        ("-v data:/x:ro", "-v ./data:…"),
        ("--mount source=data,target=/x", "--mount type=bind,source=data,…"),
        ("--mount type=volume,src=data,dst=/x", "--mount type=bind,source=data,…"),
    ],
)
def test_a_volume_that_has_the_name_of_a_folder_is_worth_a_warning(
    folder: Path, line: str, better: str
) -> None:
    (warning,) = parse(split(f"{line} x")).warnings(folder)
    assert str(folder / "data") in warning
    assert better in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    "line",
    [
        *("-v other:/x", "-v ./data:/x", "-v /data:/x", "-v /data", "-v ~:/x"),
        *("--mount type=bind,source=data,target=/x", "--mount type=tmpfs,target=/data", "-P"),
    ],
)
def test_what_is_meant_gets_no_warning(folder: Path, line: str) -> None:
    assert parse(split(f"{line} x")).warnings(folder) == ()


# --- text that is none ------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["\udcff", "\0"])
def test_a_variable_of_the_kernel_that_is_no_text_is_named(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "f").write_text("A\n")
    for line in ("-e A x", "--env-file f x"):
        with pytest.raises(Invalid, match="the variable 'A' holds") as caught:
            _body(line, tmp_path, environ={"A": f"top secret{wrong}"})
        assert "top" not in caught.value.message


def test_a_folder_and_labels_that_are_no_text_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a\udcff"
    folder.mkdir()
    for line in ("--here x", "-v .:/x x", "--mount type=bind,source=.,target=/x x"):
        assert "holds '\\udcff'" in _refused(line, folder).message
    (tmp_path / "labels").write_bytes(b"a=\0\n")
    assert "a label holds" in _refused("--label-file labels x", tmp_path).message


def test_our_own_labels_never_refuse_a_cell() -> None:
    assert _body("x", labels={"a": "n\udcff"})["Labels"] == {"a": "n?"}


def test_seccomp_profile_is_a_file_of_ours(folder: Path) -> None:
    (folder / "p.json").write_text('{ "a": "x  y\\" z",\n "b" : [1, 2] }')
    host = _body("--security-opt seccomp=p.json x", folder)["HostConfig"]
    podman = EngineTraits(podman=True)
    assert _body("--security-opt seccomp=p.json x", folder, traits=podman)["HostConfig"][
        "SecurityOpt"
    ] == [f"seccomp={folder}/p.json"]
    assert host["SecurityOpt"] == ['seccomp={"a":"x  y\\" z","b":[1,2]}']
    (folder / "p.json").write_text("{")
    assert "p.json" in _refused("--security-opt seccomp=p.json x", folder).message


def test_conflicting_aliases_are_refused(folder: Path) -> None:
    assert _refused("--network name=a,alias=b --network-alias c x", folder).hint
    assert _refused("--network a --network a x", folder).hint
    assert _refused("--network host --network-alias c x", folder).hint


def test_several_networks_are_several_endpoints() -> None:
    body = _body("--network a --network name=b,ip=10.0.0.9 --network-alias c x")
    assert body["HostConfig"]["NetworkMode"] == "a"
    assert body["NetworkingConfig"] == {
        "EndpointsConfig": {
            "a": {"Aliases": ["c"]},
            "b": {"IPAMConfig": {"IPv4Address": "10.0.0.9"}},
        }
    }


# --- --here ------------------------------------------------------------------------------------


def _here(line: str, folder: Path, **traits: bool) -> dict[str, Any]:
    return _body(f"--here {line}", folder, traits=EngineTraits(**traits))


def test_here_shares_the_folder_at_the_same_path_as_the_user(folder: Path) -> None:
    body = _here("x", folder)
    assert body["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": str(folder), "Target": str(folder)}
    ]
    assert (body["WorkingDir"], body["User"]) == (str(folder), ME)


def test_here_on_a_rootless_engine_is_root_whatever_the_image_says(folder: Path) -> None:
    body = _here("x", folder, rootless=True)
    assert (body["User"], body["Env"]) == ("0:0", [])


def test_here_gives_a_home_only_to_a_user_whom_the_image_does_not_know(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 5678)
    monkeypatch.setattr(os, "getgroups", lambda: [5678, 9, 7])
    body = _here("-e A=1 --group-add 9 --group-add audio x", folder)
    names = ["USER=1234", "LOGNAME=1234"]  # nobody's number: there is no other name
    assert (body["User"], body["Env"]) == ("1234:5678", ["HOME=/tmp", *names, "A=1"])
    assert body["HostConfig"]["GroupAdd"] == ["9", "audio", "7"]
    assert _here("-e HOME=/x x", folder)["Env"] == [*names, "HOME=/x"]
    assert _here("-e USER=me -e LOGNAME x", folder)["Env"] == ["HOME=/tmp", "USER=me", "LOGNAME"]
    monkeypatch.setattr(os, "getuid", lambda: pwd.getpwnam("daemon").pw_uid)
    assert "USER=daemon" in _here("x", folder)["Env"]
    assert len(_here("x", folder)["HostConfig"]["GroupAdd"]) == 2
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert _here("x", folder)["Env"] == []
    assert "GroupAdd" not in _here("x", folder)["HostConfig"]


def test_here_takes_at_most_32_groups_and_none_for_a_user_of_ones_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgroups", lambda: list(range(1000, 2000)))
    assert len(_here("x", folder)["HostConfig"]["GroupAdd"]) == 32
    assert "GroupAdd" not in _here("-u 5 x", folder)["HostConfig"]
    assert "GroupAdd" not in _here("x", folder, rootless=True)["HostConfig"]


def test_here_names_a_folder_that_was_deleted(folder: Path) -> None:
    for gone in (folder / "gone", folder / "data" / "file"):
        if gone.name == "file":
            gone.touch()
        refused = _refused("--here x", gone)
        assert refused.message == f"there is no folder {gone}, which --here would share"
        assert refused.hint


def test_the_users_own_options_win_over_here(folder: Path) -> None:
    body = _here(
        "-u 9 -w /w --userns host --security-opt label=type:t x",
        folder,
        selinux=True,
        userns_remap=True,
    )
    assert (body["User"], body["WorkingDir"], body["Env"]) == ("9", "/w", [])
    assert body["HostConfig"]["SecurityOpt"] == ["label=type:t"]


def test_here_relabels_nothing_under_selinux(folder: Path) -> None:
    assert _here("x", folder, selinux=True)["HostConfig"]["SecurityOpt"] == ["label=disable"]
    assert "SecurityOpt" not in _here("x", folder)["HostConfig"]


def test_here_leaves_remapped_users_aside(folder: Path) -> None:
    assert _here("x", folder, userns_remap=True)["HostConfig"]["UsernsMode"] == "host"


def test_here_needs_an_engine_that_sees_the_folder(folder: Path) -> None:
    refused = _refused("--here x", folder, FAR)
    assert str(folder) in refused.message
    assert refused.hint


def test_here_does_not_mind_a_colon_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "a:b,c"
    folder.mkdir()
    assert _here("x", folder)["HostConfig"]["Mounts"][0]["Target"] == str(folder)


# --- what an engine makes of it -----------------------------------------------------------------


@pytest.mark.engine
def test_files_made_with_here_are_the_users_own(
    engine: Any, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not os.getuid():
        os.chown(tmp_path, 1234, 5678)
        monkeypatch.setattr(os, "getuid", lambda: 1234)
        monkeypatch.setattr(os, "getgid", lambda: 5678)
        monkeypatch.setattr(os, "getgroups", lambda: [77])
        shared = tmp_path / "shared"
        shared.mkdir()
        os.chown(shared, 0, 77)
        shared.chmod(0o770)
    script = "touch made && { test ! -e shared || touch shared/made; } && test $USER"
    options = parse(["--here", images.busybox, "sh", "-ec", script])
    body = options.create_config(folder=tmp_path, environ={}, traits=EngineTraits())
    created = engine.create(body)
    try:
        engine.start(created.id)
        assert engine.wait(created.id) == 0
    finally:
        engine.remove(created.id, force=True)
    made = (tmp_path / "made").stat()
    assert f"{made.st_uid}:{made.st_gid}" == body["User"]
