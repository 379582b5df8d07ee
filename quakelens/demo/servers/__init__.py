"""Stand-ins for the services that quakelens reads: real HTTP servers on this machine's loopback.

The demo and the tests run against them; their forms are those of X API v2 and of the USGS.
"""

from quakelens.demo.servers.faults import Fault, Faults, demo_faults
from quakelens.demo.servers.feed import FeedServer
from quakelens.demo.servers.feed_detail import Product, Products, read_products
from quakelens.demo.servers.local import LocalServer, Reply, Request
from quakelens.demo.servers.x import XApi

__all__ = [
    "Fault",
    "Faults",
    "FeedServer",
    "LocalServer",
    "Product",
    "Products",
    "Reply",
    "Request",
    "XApi",
    "demo_faults",
    "read_products",
]
