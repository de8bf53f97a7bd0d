"""The rows of the verbs that list and show, and change nothing.

Names, flags and sentences are the docker command's (20.10, API 1.41); tests compare each with
it. What a flag does is told by the verb's own function.

Knows: these verbs. Does not know: how one is done.
"""

from __future__ import annotations

from . import filters
from .verb import Verb, flag

PRETTY = "Pretty-print {} using a Go template"
TEMPLATE = flag("-f --format", "string", "Format the output using the given Go template")
CONDITIONS = "Filter output based on conditions provided"
NO_TRUNC = flag("--no-trunc", "", "Don't truncate output")

CONTAINERS = (
    Verb(
        "container ls",
        ("ps", "container ps", "container list"),
        "[OPTIONS]",
        "List containers",
        (
            flag("-a --all", "", "Show all containers (default shows just running)"),
            flag("-f --filter", "filter", CONDITIONS, offers=filters.CONTAINERS),
            flag("--format", "string", PRETTY.format("containers")),
            flag("-n --last", "int", "Show n last created containers (includes all states)", "-1"),
            flag("-l --latest", "", "Show the latest created container (includes all states)"),
            NO_TRUNC,
            flag("-q --quiet", "", "Only display container IDs"),
            flag("-s --size", "", "Display total file sizes"),
        ),
        "containers:ls",
        most=0,
    ),
    Verb(
        "container inspect",
        (),
        "[OPTIONS] CONTAINER [CONTAINER...]",
        "Display detailed information on one or more containers",
        (TEMPLATE, flag("-s --size", "", "Display total file sizes")),
        "inspections:container",
        least=1,
        offers="container",
    ),
    Verb(
        "container top",
        ("top",),
        "CONTAINER [ps OPTIONS]",
        "Display the running processes of a container",
        (),
        "containers:top",
        least=1,
        offers="running",
        mixed=False,
    ),
    Verb(
        "container port",
        ("port",),
        "CONTAINER [PRIVATE_PORT[/PROTO]]",
        "List port mappings or a specific mapping for the container",
        (),
        "containers:port",
        least=1,
        most=2,
        offers="container",
    ),
    Verb(
        "container diff",
        ("diff",),
        "CONTAINER",
        "Inspect changes to files or directories on a container's filesystem",
        (),
        "containers:diff",
        least=1,
        most=1,
        offers="container",
    ),
    Verb(
        "container stats",
        ("stats",),
        "[OPTIONS] [CONTAINER...]",
        "Display a live stream of container(s) resource usage statistics",
        (
            flag("-a --all", "", "Show all containers (default shows just running)"),
            flag("--format", "string", PRETTY.format("images")),
            flag("--no-stream", "", "Disable streaming stats and only pull the first result"),
            flag("--no-trunc", "", "Do not truncate output"),
        ),
        "statistics:stats",
        offers="running",
    ),
)

IMAGES = (
    Verb(
        "image ls",
        ("images", "image list"),
        "[OPTIONS] [REPOSITORY[:TAG]]",
        "List images",
        (
            flag("-a --all", "", "Show all images (default hides intermediate images)"),
            flag("--digests", "", "Show digests"),
            flag("-f --filter", "filter", CONDITIONS, offers=filters.IMAGES),
            flag("--format", "string", PRETTY.format("images")),
            NO_TRUNC,
            flag("-q --quiet", "", "Only show image IDs"),
        ),
        "images:ls",
        most=1,
        offers="image",
    ),
    Verb(
        "image history",
        ("history",),
        "[OPTIONS] IMAGE",
        "Show the history of an image",
        (
            flag("--format", "string", PRETTY.format("images")),
            flag("-H --human", "", "Print sizes and dates in human readable format", "true"),
            NO_TRUNC,
            flag("-q --quiet", "", "Only show image IDs"),
        ),
        "images:history",
        least=1,
        most=1,
        offers="image",
    ),
    Verb(
        "image inspect",
        (),
        "[OPTIONS] IMAGE [IMAGE...]",
        "Display detailed information on one or more images",
        (TEMPLATE,),
        "inspections:image",
        least=1,
        offers="image",
    ),
)

NETWORKS = (
    Verb(
        "network ls",
        ("network list",),
        "[OPTIONS]",
        "List networks",
        (
            flag(
                "-f --filter",
                "filter",
                "Provide filter values (e.g. 'driver=bridge')",
                offers=filters.NETWORKS,
            ),
            flag("--format", "string", PRETTY.format("networks")),
            flag("--no-trunc", "", "Do not truncate the output"),
            flag("-q --quiet", "", "Only display network IDs"),
        ),
        "networks:ls",
        most=0,
    ),
    Verb(
        "network inspect",
        (),
        "[OPTIONS] NETWORK [NETWORK...]",
        "Display detailed information on one or more networks",
        (TEMPLATE, flag("-v --verbose", "", "Verbose output for diagnostics")),
        "inspections:network",
        least=1,
        offers="network",
    ),
)

VOLUMES = (
    Verb(
        "volume ls",
        ("volume list",),
        "[OPTIONS]",
        "List volumes",
        (
            flag(
                "-f --filter",
                "filter",
                "Provide filter values (e.g. 'dangling=true')",
                offers=filters.VOLUMES,
            ),
            flag("--format", "string", PRETTY.format("volumes")),
            flag("-q --quiet", "", "Only display volume names"),
        ),
        "volumes:ls",
        most=0,
    ),
    Verb(
        "volume inspect",
        (),
        "[OPTIONS] VOLUME [VOLUME...]",
        "Display detailed information on one or more volumes",
        (TEMPLATE,),
        "inspections:volume",
        least=1,
        offers="volume",
    ),
)

SYSTEM = (
    Verb(
        "inspect",
        (),
        "[OPTIONS] NAME|ID [NAME|ID...]",
        "Return low-level information on Docker objects",
        (
            TEMPLATE,
            flag("-s --size", "", "Display total file sizes if the type is container"),
            flag("--type", "string", "Return JSON for specified type",
                 offers="container|image|network|volume"),
        ),
        "inspections:inspect",
        least=1,
        offers="container image network volume",
    ),
    Verb(
        "version",
        (),
        "[OPTIONS]",
        "Show the Docker version information",
        (TEMPLATE,),
        "version:version",
        most=0,
    ),
    Verb(
        "system info",
        ("info",),
        "[OPTIONS]",
        "Display system-wide information",
        (TEMPLATE,),
        "information:info",
        most=0,
    ),
    Verb(
        "system df",
        (),
        "[OPTIONS]",
        "Show docker disk usage",
        (
            flag("--format", "string", PRETTY.format("images")),
            flag("-v --verbose", "", "Show detailed information on space usage"),
        ),
        "usage:df",
        most=0,
    ),
    Verb(
        "system events",
        ("events",),
        "[OPTIONS]",
        "Get real time events from the server",
        (
            flag("-f --filter", "filter", CONDITIONS, offers=filters.EVENTS),
            flag("--format", "string", "Format the output using the given Go template"),
            flag("--since", "string", "Show all events created since timestamp"),
            flag("--until", "string", "Stream events until this timestamp"),
        ),
        "events:events",
        most=0,
    ),
    Verb(
        "search",
        (),
        "[OPTIONS] TERM",
        "Search the Docker Hub for images",
        refused="a notebook has no search; https://hub.docker.com/search finds images",
    ),
)  # fmt: skip

ROWS = (*CONTAINERS, *IMAGES, *NETWORKS, *VOLUMES, *SYSTEM)
