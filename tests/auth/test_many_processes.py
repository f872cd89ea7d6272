"""Eight processes, one file, one single-use refresh token."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pdsclient
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

EXPIRIES = 50
# Enough that a starved process does not find six tokens in a row already dead.
CALLS_PER_TOKEN = 40

WORKER = """
import asyncio, json, random, sys
from pdsclient._clock import SystemClock
from pdsclient._sources import TokenSource
from pdsclient.token_store import FileTokenStore

async def main(path, port, name):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    turn = asyncio.Lock()

    async def ask(kind, value):
        async with turn:
            writer.write(json.dumps([name, kind, value]).encode() + b"\\n")
            return json.loads(await reader.readline())

    async def refresh(info):
        return await ask("refresh", info.refresh_token)

    source = TokenSource(
        token_info=None, refresh=refresh, store=FileTokenStore(path), clock=SystemClock(),
        sleep=asyncio.sleep, random=random.Random(), on_new=lambda info: None,
    )

    async def call():
        token = source.ready() or await source.get()
        may_exchange, history = True, []
        for _ in range(6):
            history.append((token.header, may_exchange))
            answer = await ask("call", [token.header, may_exchange])
            if answer != "refused":
                return answer
            renewed = await source.renew(token, may_exchange=may_exchange)
            if renewed is None:
                break
            token, exchanged = renewed
            may_exchange = may_exchange and not exchanged
        raise PermissionError(history)

    try:
        while "stop" not in await asyncio.gather(call(), call()):
            pass
    except Exception as error:
        await ask("failed", repr(error))
    await source.aclose(timeout_s=5)
    writer.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
"""


class TokenServer:
    """Rotates strictly: an exchange kills both old tokens, a dead refresh token is an error."""

    def __init__(self, store: FileTokenStore) -> None:
        self.store = store
        self.count = 0
        self.calls_left = 0
        self.live: TokenInfo
        self.answers: Counter[str] = Counter()
        self.errors: list[str] = []
        self.killed: set[str] = set()
        self.unsaved_by: str | None = None
        self.done = asyncio.Event()

    def issue(self) -> TokenInfo:
        self.count += 1
        # Every third token says that it lives 1 s, so that some are exchanged ahead of that.
        life_s = 1 if self.count % 3 == 0 else 7200
        self.calls_left = CALLS_PER_TOKEN
        self.live = TokenInfo(
            access_token=f"a{self.count}", refresh_token=f"r{self.count}", expires_in=life_s
        )
        return self.live

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            name, kind, value = json.loads(line)
            if name in self.killed:
                break  # it died before this was read
            writer.write(json.dumps(self.answer(name, kind, value)).encode() + b"\n")
        writer.close()

    def answer(self, name: str, kind: str, value: Any) -> Any:
        if kind == "failed":
            self.errors.append(f"{name}: {value}")
            self.done.set()
            return None
        if kind == "refresh":
            self.answers["exchanged"] += 1
            if value != self.live.refresh_token:
                return {"code": "invalid_grant"}
            self.unsaved_by = name
            return self.issue().to_mapping()
        return self.answer_call(*value)

    def answer_call(self, header: str, may_exchange: bool) -> str:
        if self.count > EXPIRIES:
            self.done.set()
            return "stop"
        self.calls_left -= 1
        # A call makes one exchange at most: a token lives longer than one call takes.
        dead = self.calls_left < 0 and may_exchange
        if header != f"Bearer {self.live.access_token}" or dead:
            self.answers["refused"] += 1
            return "refused"
        self.answers["accepted"] += 1
        return "accepted"

    async def kill(self, name: str, process: asyncio.subprocess.Process) -> None:
        """At any instant but one: a reply that the process alone has is lost with it.

        Between the server's answer and the end of its saving no client can do anything; after
        that the old refresh token is dead and the new one died with the process.
        """
        while self.unsaved_by == name:
            if await self.store.load() == self.live:
                break
            await asyncio.sleep(0.001)
        self.killed.add(name)
        process.kill()


async def test_eight_processes_share_a_single_use_refresh_token(tmp_path):
    """Through fifty expiries no call fails, though one of them is killed again and again."""
    store = FileTokenStore(tmp_path / "token.json")
    server = TokenServer(store)
    async with store.lock():
        await store.save(server.issue())
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(Path(pdsclient.__file__).parent.parent)}

    async def start(name: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WORKER, store.path, str(port), name), env=environment
        )

    async def keep_killing() -> None:
        # Asked to end and never cancelled: a process being started would be nobody's.
        turn = 0
        while not server.done.is_set():
            victim = await start(f"victim-{turn}")
            try:
                await asyncio.wait({done}, timeout=random.uniform(0.3, 1.0))
                await server.kill(f"victim-{turn}", victim)
            finally:
                if victim.returncode is None:
                    victim.kill()
                await victim.wait()
            turn += 1

    done = asyncio.create_task(server.done.wait())
    workers = [await start(f"worker-{number}") for number in range(7)]
    killing = asyncio.create_task(keep_killing())
    try:
        await asyncio.wait_for(server.done.wait(), 45)
        statuses = await asyncio.wait_for(asyncio.gather(*(one.wait() for one in workers)), 10)
    finally:
        server.done.set()
        for one in workers:
            if one.returncode is None:
                one.kill()
            await one.wait()
        await asyncio.wait({killing, done})
        listener.close()
        await listener.wait_closed()
    assert server.errors == []
    assert statuses == [0] * 7
    assert server.answers["exchanged"] == EXPIRIES
    assert len(server.killed) >= 1
