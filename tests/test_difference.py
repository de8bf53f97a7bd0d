"""What a cell changed, without what the engine did for its mounts."""

from __future__ import annotations

from ipycontainers.difference import changes, mount_targets

LISTED = [
    {"Path": "/tmp", "Kind": 0},
    {"Path": "/tmp/new", "Kind": 1},
    {"Path": "/bin/wc", "Kind": 2},
    {"Path": "/bin", "Kind": 0},
]


def test_kinds_are_those_of_docker_diff_and_paths_are_in_order():
    assert changes(LISTED, []) == (
        ("C", "/bin"),
        ("D", "/bin/wc"),
        ("C", "/tmp"),
        ("A", "/tmp/new"),
    )


def test_a_mount_and_the_folders_made_for_it_are_left_out():
    made = [
        {"Path": path, "Kind": kind} for path, kind in [("/home", 0), ("/home/me", 1), ("/m", 1)]
    ]
    made.append({"Path": "/home/me/nb", "Kind": 1})
    assert changes(made, ["/home/me/nb/", "/m"]) == ()


def test_a_folder_on_the_way_to_a_mount_stays_when_the_cell_changed_something_else_there():
    made = [{"Path": path, "Kind": 1} for path in ("/tmp", "/tmp/nb", "/tmp/own", "/tmpx")]
    assert changes(made, ["/tmp/nb"]) == (("A", "/tmp"), ("A", "/tmp/own"), ("A", "/tmpx"))


def test_etc_is_left_out_unless_the_cell_changed_something_there():
    etc, own = {"Path": "/etc", "Kind": 0}, {"Path": "/etc/own", "Kind": 1}
    assert changes([etc], []) == ()
    assert changes([etc, own], []) == (("C", "/etc"), ("A", "/etc/own"))


def test_targets_of_every_kind_of_mount():
    config = {
        "Volumes": {"/v": {}},
        "HostConfig": {
            "Binds": ["/a:/b:ro", "name:/c", r"C:\x:/d"],
            "Mounts": [{"Target": "/e"}],
            "Tmpfs": {"/f": ""},
        },
    }
    assert mount_targets(config) == ["/b", "/c", "/d", "/e", "/f", "/v"]
    assert mount_targets({}) == []
