"""The three images, built as testcontainers builds them: with the engine's classic builder."""

from testcontainers.core.image import DockerImage

from tests.integration.stack import IMAGE_TAG, ROOT

_IMAGES = {"broker": "mini-kafka", "producer": "mini-kafka-producer", "consumer": "mini-kafka-consumer"}
SERVICES = tuple(_IMAGES)


def build_image(service: str) -> str:
    """Build a service's image and give its tag; another build of the same files finds its layers again."""
    tag = f"{_IMAGES[service]}:{IMAGE_TAG}"
    dockerfile = f"services/{service}/Dockerfile"
    image = DockerImage(ROOT, tag=tag, dockerfile_path=dockerfile, clean_up=False, rm=True, forcerm=True)
    try:
        image.build()
    except Exception as error:
        error.add_note("".join(event.get("stream", "") for event in getattr(error, "build_log", ())))
        raise
    return tag
