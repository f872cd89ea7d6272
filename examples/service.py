"""A web service that shares one client between all of its requests.

Run it as it is: it starts an emulator and the service, asks itself a question and ends. With
``--serve`` it goes on until Ctrl-C:  curl 'http://127.0.0.1:8080/search?name=report'
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web

from pdsclient import AsyncPDSClient, F, InvalidRequest, PDSError, RateLimited, TokenInfo
from pdsclient.emulator import Emulator

PDS = web.AppKey("pds", AsyncPDSClient)
DOMAIN = web.AppKey("domain", Emulator)


async def open_domain(app: web.Application) -> AsyncIterator[None]:
    """The emulator in place of a domain; a real service has an endpoint to configure."""
    async with Emulator() as emulator:
        await emulator.add_files({"name": f"report-{n}.pdf", "size": n} for n in range(30))
        app[DOMAIN] = emulator
        yield


async def open_client(app: web.Application) -> AsyncIterator[None]:
    """One client, opened before the first request and closed after the last one."""
    emulator = app[DOMAIN]

    async def fetch_token() -> TokenInfo:
        return emulator.issue_token()

    async with AsyncPDSClient(
        api_endpoint=emulator.api_endpoint, refresh_token_fun=fetch_token, deadline=10
    ) as app[PDS]:
        yield


async def search(request: web.Request) -> web.Response:
    """The first page of the files whose name contains what was asked for."""
    page = await request.app[PDS].file.search(
        drive_id="1", query=F.name.match(request.query.get("name", "")), limit=10
    )
    return web.json_response([file.to_dict() for file in page.items])


@web.middleware
async def explain(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors of PDS as answers: whose fault it was, and the id to ask the vendor about."""
    try:
        return await handler(request)
    except InvalidRequest as error:
        return web.json_response({"error": error.message}, status=400)
    except RateLimited as error:
        wait_s = str(round(error.retry_after_s or 1))
        return web.json_response({"error": "busy"}, status=503, headers={"Retry-After": wait_s})
    except PDSError as error:
        return web.json_response({"error": error.code, "id": error.req_id}, status=502)


def service() -> web.Application:
    """The application."""
    app = web.Application(middlewares=[explain])
    app.cleanup_ctx.extend([open_domain, open_client])
    app.router.add_get("/search", search)
    return app


async def ask_itself() -> None:
    """Start the service on a free port, ask two questions at it, stop it."""
    runner = web.AppRunner(service())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        for name in ("report-2", ""):
            async with session.get("/search", params={"name": name}) as reply:
                print(reply.status, await reply.text())
    await runner.cleanup()


if __name__ == "__main__":
    if "--serve" in sys.argv:
        web.run_app(service(), host="127.0.0.1", port=8080)
    else:
        asyncio.run(ask_itself())
