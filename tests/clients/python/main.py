"""Walks with every client of Python and of the command line, one line of output each.

Usage: main.py URL TEMPLATE
"""

import asyncio
import sys

import buf_client
import connect_client
import curl_client
import grpc_client

from client import Client
from walk import Walk

# A walk may take no longer, seconds. A blocking client is bounded by the deadlines of its calls.
WALK_WITHIN = 90


async def main(url: str, template: str) -> int:
    failures = 0
    for module in (curl_client, buf_client, connect_client, grpc_client):
        for client in module.every_client(url):
            failures += not await walked(client, template)
    return 1 if failures else 0


async def walked(client: Client, template: str) -> bool:
    try:
        tally = await asyncio.wait_for(Walk(client, template).whole(), WALK_WITHIN)
    except Exception as error:
        print(f"{client.name}: FAILED with {type(error).__name__}: {error}", flush=True)
        return False
    print(f"{client.name}: {tally}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
