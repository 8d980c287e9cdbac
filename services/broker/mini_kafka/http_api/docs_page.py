"""/docs without the internet: Swagger UI from an installed package, under a strict Content-Security-Policy."""

from importlib.resources import files

from fastapi import FastAPI, Response
from starlette.exceptions import HTTPException

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Scripts only from this broker; Swagger UI writes `style` attributes and draws its icons as data: images."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mini Kafka: the HTTP API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
PACKAGED = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")


def add_docs_page(app: FastAPI) -> None:
    """Serve Swagger UI at /docs."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(PAGE, media_type="text/html", headers={"content-security-policy": CONTENT_SECURITY_POLICY})

    @app.get("/docs/assets/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name == "start.js":
            return Response(START, media_type=MEDIA_TYPES[".js"])
        if name not in PACKAGED:
            raise HTTPException(404)
        content = files("fastapi_swagger").joinpath("resources", name).read_bytes()
        return Response(
            content,
            media_type=MEDIA_TYPES[name[name.rindex(".") :]],
            headers={"cache-control": "public, max-age=86400"},
        )
