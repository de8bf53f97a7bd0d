"""The rows of the verbs on images, volumes, networks and the whole that change something.

As ``acting``, which has those on containers.

Knows: these verbs. Does not know: how one is done.
"""

from __future__ import annotations

from .run_flags import STDIN, many
from .verb import Verb, flag

IMAGES = (
    Verb(
        "image pull",
        ("pull",),
        "[OPTIONS] NAME[:TAG|@DIGEST]",
        "Pull an image or a repository from a registry",
        (
            flag("-a --all-tags", "", "Download all tagged images in the repository"),
            flag("--disable-content-trust", "", "Skip image verification", "true"),
            flag("--platform", "string", "Set platform if server is multi-platform capable"),
            flag("-q --quiet", "", "Suppress verbose output"),
        ),
        "transfers:pull",
        least=1,
        most=1,
        offers="image",
    ),
    Verb(
        "image push",
        ("push",),
        "[OPTIONS] NAME[:TAG]",
        "Push an image or a repository to a registry",
        (
            flag("-a --all-tags", "", "Push all tagged images in the repository"),
            flag("--disable-content-trust", "", "Skip image signing", "true"),
            flag("-q --quiet", "", "Suppress verbose output"),
        ),
        "transfers:push",
        least=1,
        most=1,
        offers="image",
    ),
    Verb(
        "image rm",
        (
            "rmi",
            "image remove",
        ),
        "[OPTIONS] IMAGE [IMAGE...]",
        "Remove one or more images",
        (
            flag("-f --force", "", "Force removal of the image"),
            flag("--no-prune", "", "Do not delete untagged parents"),
        ),
        "tagging:remove",
        least=1,
        offers="image",
    ),
    Verb(
        "image tag",
        ("tag",),
        "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        (),
        "tagging:tag",
        least=2,
        most=2,
        offers="image",
    ),
    Verb(
        "image save",
        ("save",),
        "[OPTIONS] IMAGE [IMAGE...]",
        "Save one or more images to a tar archive (streamed to STDOUT by default)",
        (flag("-o --output", "string", "Write to a file, instead of STDOUT"),),
        "transfers:save",
        least=1,
        offers="image",
    ),
    Verb(
        "image load",
        ("load",),
        "[OPTIONS]",
        "Load an image from a tar archive or STDIN",
        (
            flag("-i --input", "string", "Read from tar archive file, instead of STDIN"),
            flag("-q --quiet", "", "Suppress the load output"),
            flag("--stdin", "string", STDIN),
        ),
        "transfers:load",
        most=0,
    ),
    Verb(
        "image import",
        ("import",),
        "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
        "Import the contents from a tarball to create a filesystem image",
        (
            flag("-c --change", "list", "Apply Dockerfile instruction to the created image"),
            flag("-m --message", "string", "Set commit message for imported image"),
            flag("--platform", "string", "Set platform if server is multi-platform capable"),
            flag("--stdin", "string", STDIN),
        ),
        "transfers:import_",
        least=1,
        most=2,
    ),
    Verb(
        "image prune",
        (),
        "[OPTIONS]",
        "Remove unused images",
        (
            flag("-a --all", "", "Remove all unused images, not just dangling ones"),
            flag("--filter", "filter", "Provide filter values (e.g. 'until=<timestamp>')"),
            flag("-f --force", "", "Do not prompt for confirmation"),
        ),
        "pruning:images",
        most=0,
    ),
)

VOLUMES = (
    Verb(
        "volume create",
        (),
        "[OPTIONS] [VOLUME]",
        "Create a volume",
        (
            flag("-d --driver", "string", "Specify volume driver name", "local"),
            flag("--label", "list", "Set metadata for a volume"),
            flag("-o --opt", "map", "Set driver specific options"),
        ),
        "objects:create_volume",
        most=1,
    ),
    Verb(
        "volume rm",
        ("volume remove",),
        "[OPTIONS] VOLUME [VOLUME...]",
        "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
        (flag("-f --force", "", "Force the removal of one or more volumes"),),
        "objects:remove_volumes",
        least=1,
        offers="volume",
    ),
    Verb(
        "volume prune",
        (),
        "[OPTIONS]",
        "Remove all unused local volumes",
        (
            flag("--filter", "filter", "Provide filter values (e.g. 'label=<label>')"),
            flag("-f --force", "", "Do not prompt for confirmation"),
        ),
        "pruning:volumes",
        most=0,
    ),
)

NETWORKS = (
    Verb(
        "network create",
        (),
        "[OPTIONS] NETWORK",
        "Create a network",
        (
            flag("--attachable", "", "Enable manual container attachment"),
            flag("--aux-address", "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
            flag("--config-from", "string", "The network from which to copy the configuration"),
            flag("--config-only", "", "Create a configuration only network"),
            flag("-d --driver", "string", "Driver to manage the Network", "bridge"),
            many("--gateway", "strings", "IPv4 or IPv6 Gateway for the master subnet"),
            flag("--ingress", "", "Create swarm routing-mesh network"),
            flag("--internal", "", "Restrict external access to the network"),
            many("--ip-range", "strings", "Allocate container ip from a sub-range"),
            flag("--ipam-driver", "string", "IP Address Management Driver", "default"),
            flag("--ipam-opt", "map", "Set IPAM driver specific options"),
            flag("--ipv6", "", "Enable IPv6 networking"),
            flag("--label", "list", "Set metadata on a network"),
            flag("-o --opt", "map", "Set driver specific options"),
            flag("--scope", "string", "Control the network's scope"),
            many("--subnet", "strings", "Subnet in CIDR format that represents a network segment"),
        ),
        "objects:create_network",
        least=1,
        most=1,
    ),
    Verb(
        "network connect",
        (),
        "[OPTIONS] NETWORK CONTAINER",
        "Connect a container to a network",
        (
            many("--alias", "strings", "Add network-scoped alias for the container"),
            many("--driver-opt", "strings", "driver options for the network"),
            flag("--ip", "string", "IPv4 address (e.g., 172.30.100.104)"),
            flag("--ip6", "string", "IPv6 address (e.g., 2001:db8::33)"),
            flag("--link", "list", "Add link to another container"),
            many("--link-local-ip", "strings", "Add a link-local address for the container"),
        ),
        "objects:connect",
        least=2,
        most=2,
        offers="network container",
    ),
    Verb(
        "network disconnect",
        (),
        "[OPTIONS] NETWORK CONTAINER",
        "Disconnect a container from a network",
        (flag("-f --force", "", "Force the container to disconnect from a network"),),
        "objects:disconnect",
        least=2,
        most=2,
        offers="network container",
    ),
    Verb(
        "network rm",
        ("network remove",),
        "NETWORK [NETWORK...]",
        "Remove one or more networks",
        (),
        "objects:remove_networks",
        least=1,
        offers="network",
    ),
    Verb(
        "network prune",
        (),
        "[OPTIONS]",
        "Remove all unused networks",
        (
            flag("--filter", "filter", "Provide filter values (e.g. 'until=<timestamp>')"),
            flag("-f --force", "", "Do not prompt for confirmation"),
        ),
        "pruning:networks",
        most=0,
    ),
)

SYSTEM = (
    Verb(
        "system prune",
        (),
        "[OPTIONS]",
        "Remove unused data",
        (
            flag("-a --all", "", "Remove all unused images not just dangling ones"),
            flag("--filter", "filter", "Provide filter values (e.g. 'label=<key>=<value>')"),
            flag("-f --force", "", "Do not prompt for confirmation"),
            flag("--volumes", "", "Prune volumes"),
        ),
        "pruning:system",
        most=0,
    ),
    Verb(
        "login",
        (),
        "[OPTIONS] [SERVER]",
        "Log in to a Docker registry",
        (
            flag("-p --password", "string", "Password"),
            flag("--password-stdin", "", "Take the password from stdin"),
            flag("-u --username", "string", "Username"),
            flag("--stdin", "string", STDIN),
        ),
        "logins:login",
        most=1,
    ),
    Verb("logout", (), "[SERVER]", "Log out from a Docker registry", (), "logins:logout", most=1),
)

ROWS: tuple[Verb, ...] = (*IMAGES, *VOLUMES, *NETWORKS, *SYSTEM)
