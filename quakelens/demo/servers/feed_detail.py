"""Detail documents in the form of the USGS: an announcement with its products and where their files are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DETAIL = "/earthquakes/feed/v1.0/detail/"
PRODUCTS = "/realtime/product/"


@dataclass(frozen=True, slots=True)
class Product:
    """A product such as `losspager`.

    Attributes:
        properties: As in the document: all values are strings.
        files: What is in a file, by its path within the product; a value is JSON, bytes are sent as they are.
        weight: `preferredWeight`.
        status: `UPDATE`, or `DELETE` for one that was withdrawn.
        source: Whose it is.
    """

    properties: Mapping[str, str]
    files: Mapping[str, Any] = field(default_factory=dict)
    weight: int = 158
    status: str = "UPDATE"
    source: str = "us"


Products = Mapping[str, tuple[Product, ...]]
"""Products of one earthquake by type."""


def read_products(saved: Mapping[str, Any]) -> dict[str, Products]:
    """Products by earthquake out of JSON: by id, then by type, each with `properties` and `files`."""
    return {
        name: {kind: (Product(each["properties"], each["files"]),) for kind, each in kinds.items()}
        for name, kinds in saved.items()
    }


def with_detail_urls(document: bytes, base: str) -> bytes:
    """A feed whose announcements name their detail on this server; one that names none stays as it is."""
    try:
        feed = json.loads(document)
        features = [each for each in feed["features"] if each["properties"].get("detail")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return document  # one that is cut off, for instance
    for feature in features:
        feature["properties"]["detail"] = f"{base}{DETAIL}{feature['id']}.geojson"
    return json.dumps(feed, ensure_ascii=False).encode() if features else document


def detail_document(feature: Mapping[str, Any], code: str, products: Products, base: str) -> dict[str, Any]:
    """The detail document of an announcement; `code` is the id under which the products were made."""
    listed = {
        kind: [_product(code, kind, each, base) for each in several]
        for kind, several in {"origin": (Product({}),), **products}.items()
    }
    properties = {key: value for key, value in feature["properties"].items() if key != "detail"}
    return {**feature, "properties": {**properties, "products": listed}}


def file_of(path: str, products: Mapping[str, Products]) -> bytes | None:
    """A product's file by its address on the server."""
    kind, name, source, *rest = path.removeprefix(PRODUCTS).split("/")
    for product in products.get(name, {}).get(kind, ()):
        if product.source == source and "/".join(rest[1:]) in product.files:
            return _content(product.files["/".join(rest[1:])])
    return None


def _product(name: str, kind: str, product: Product, base: str) -> dict[str, Any]:
    made = 1_777_640_000_000
    where = f"{base}{PRODUCTS}{kind}/{name}/{product.source}/{made}/"
    return {
        "indexid": 4815302, "indexTime": made + 7000, "id": f"urn:usgs-product:us:{kind}:{name}:{made}",
        "type": kind, "code": name, "source": product.source, "updateTime": made, "status": product.status,
        "properties": dict(product.properties), "preferredWeight": product.weight,
        "contents": {
            path: {
                "contentType": "application/json", "lastModified": made, "length": len(_content(value)),
                "url": where + path,
            }
            for path, value in product.files.items()
        },
    }  # fmt: skip


def _content(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
