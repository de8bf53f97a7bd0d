"""Which part of an engine each of docker-py's tests is about.

Knows: the names of docker-py's tests. Does not know: engines.
"""

from __future__ import annotations

# The first that begins the test's name.
AREAS = (
    ("api_build_test", "build"),
    ("models_images_test::ImageCollectionTest::test_build", "build"),
    ("api_healthcheck_test", "healthcheck"),
    ("api_network_test", "networks"),
    ("models_networks_test", "networks"),
    ("client_test::CancellableEventsTest", "events"),
    ("api_exec_test", "exec"),
    ("api_image_test", "images"),
    ("models_images_test", "images"),
    ("api_volume_test", "volumes"),
    ("models_volumes_test", "volumes"),
    ("api_client_test", "system"),
    ("client_test", "system"),
    ("context_api_test", "system"),
    ("errors_test", "system"),
    ("models_resources_test", "system"),
    ("api_container_test", "containers"),
    ("models_containers_test", "containers"),
    ("regression_test", "containers"),
)
PROMISED = (
    "containers",
    "exec",
    "images",
    "volumes",
    "system",
    "build",
    "networks",
    "healthcheck",
    "events",
)
BUILDS_ELSEWHERE = "ImageCollectionTest and test_build"


def area_of(test: str) -> str:
    """The area of ``FILE::CLASS::TEST``. Raises LookupError for a test of no area."""
    for beginning, area in AREAS:
        if test.startswith(beginning):
            return area
    raise LookupError(test)


def words_for(areas: tuple[str, ...]) -> list[str]:
    """pytest's arguments that select no less than these areas' tests."""
    files = {beginning.partition("::")[0] for beginning, area in AREAS if area in areas}
    words = [f"tests/integration/{file}.py" for file in sorted(files)]
    return words if "build" in areas else [*words, "-k", f"not ({BUILDS_ELSEWHERE})"]
