"""Scripted faults: what may go wrong between a client and the service, on demand."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Container, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from aiohttp import web
from attrs import evolve, frozen

from pdsclient.emulator.replies import Reply, error_reply, gateway_reply, json_reply, xml_reply
from pdsclient.errors import InvalidRequest

if TYPE_CHECKING:
    from pdsclient.emulator.app import Exchange

__all__ = ["Fault", "cut"]

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_MIB = 1024 * 1024
_PIECE = 64 * 1024
_ENDS = ("close", "reset", "stall")
End: TypeAlias = Literal["close", "reset", "stall"]


class Fault(ABC):
    """Something that goes wrong with one request; made by the class methods."""

    only_on_reused_connection = False

    @abstractmethod
    async def play(self, exchange: Exchange) -> web.StreamResponse:
        """Answer the request in the faulty way."""

    @classmethod
    def status(
        cls,
        status: int,
        code: str | None = None,
        message: str = "",
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """An error reply: JSON when there is a code, else the given body or none; not processed."""
        reply = error_reply(status, code, message) if code else Reply(status)
        sent = reply.body if body is None else body
        return _Answer(Reply(status, sent, {**reply.headers, **(headers or {})}))

    @classmethod
    def gateway(cls, status: int = 504, code: str = "D504TO", message: str = "timeout") -> Fault:
        """An error of the API gateway: two headers and an empty body; not processed."""
        return _Answer(gateway_reply(status, code, message))

    @classmethod
    def html(cls, status: int = 502) -> Fault:
        """The error page of a proxy on the way."""
        return _Answer(Reply(status, _HTML, {"Content-Type": "text/html"}))

    @classmethod
    def json(cls, data: Any, status: int = 200) -> Fault:
        """Any JSON in place of the reply, right or wrong."""
        return _Answer(json_reply(data, status))

    @classmethod
    def body(cls, body: bytes, status: int = 200, content_type: str = "application/json") -> Fault:
        """Any bytes in place of the reply."""
        return _Answer(Reply(status, body, {"Content-Type": content_type}))

    @classmethod
    def empty(cls, status: int = 200) -> Fault:
        """A reply without a body; 204 for a proper one."""
        return _Answer(Reply(status))

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """A redirect, say to another host that must not get the token."""
        return _Answer(Reply(status, headers={"Location": location}))

    @classmethod
    def gzip_bomb(cls, size_mib: int = 256) -> Fault:
        """A small compressed body that becomes this many MiB of white space and ``{}``."""
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return _Answer(Reply(200, _gzip_bomb(size_mib), headers))

    @classmethod
    def reset(cls, *, processed: bool = False) -> Fault:
        """The connection is reset, before or after the request was processed."""
        return _Cut(processed=processed, with_reset=True)

    @classmethod
    def close(cls, *, processed: bool = False) -> Fault:
        """The connection is closed without a reply, before or after processing."""
        return _Cut(processed=processed, with_reset=False)

    @classmethod
    def drop_keepalive(cls) -> Fault:
        """A kept connection is closed just as the next request comes; new ones are let through."""
        return _DropKeepalive()

    @classmethod
    def close_after(cls) -> Fault:
        """A good reply that promises to keep the connection, which is then closed all the same."""
        return _CloseAfter()

    @classmethod
    def stall(cls, *, processed: bool = False) -> Fault:
        """No answer, until the client goes away or the emulator is closed."""
        return _Stall(processed)

    @classmethod
    def truncate(cls, keep: int = 10, *, end: End = "close") -> Fault:
        """Processed; the headers promise all, after this many bytes of the body comes this end."""
        return _Truncate(keep, _known_end(end))

    @classmethod
    def cut_body(cls, after: int, *, end: End = "reset") -> Fault:
        """After this many bytes of data that is put comes this end; nothing is kept of it."""
        return _CutBody(after, _known_end(end))

    @classmethod
    def storage(cls, status: int, code: str, message: str = "") -> Fault:
        """An error of the storage behind signed URLs, in XML; not processed."""
        return _Answer(xml_reply(status, code, message))

    @classmethod
    def expired(cls) -> Fault:
        """The storage says that the signed URL is too old; not processed."""
        return cls.storage(403, "AccessDenied", "Request has expired.")

    @classmethod
    def corrupt(cls, at: int = 0, *, silent: bool = False) -> Fault:
        """Processed; this byte is changed on its way: of data that is put, else of the reply.

        Args:
            at: which one.
            silent: the reply does not tell the checksum of what is there.
        """
        return _Corrupt(at, silent)

    @classmethod
    def headers(cls, **headers: str) -> Fault:
        """Processed; the reply has these headers, in whose names underscores stand for hyphens."""
        return _Headers({name.replace("_", "-"): value for name, value in headers.items()})

    @classmethod
    def ignore_range(cls) -> Fault:
        """Processed as if no ``Range`` had been asked for: 200 with everything."""
        return _IgnoreRange()

    @classmethod
    def slow(cls, chunk: int = 1, pause_s: float = 0.001) -> Fault:
        """Processed; the body comes in small chunks with pauses between them (real time)."""
        return _Slow(chunk, pause_s)

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Processed after this many seconds (real time), then a good reply."""
        return _Delay(seconds)


@frozen
class _Answer(Fault):
    reply: Reply

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.send(self.reply)


@frozen
class _Cut(Fault):
    processed: bool
    with_reset: bool

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.processed:
            await exchange.process()
        return cut(exchange.request, reset=self.with_reset)


@frozen
class _DropKeepalive(Fault):
    only_on_reused_connection = True

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        return cut(exchange.request, reset=False)


@frozen
class _CloseAfter(Fault):
    async def play(self, exchange: Exchange) -> web.StreamResponse:
        response = await exchange.send(await exchange.process())
        transport = exchange.request.transport
        if transport is not None:
            # The reply is written when this handler has returned.
            asyncio.get_running_loop().call_later(0.001, transport.close)
        return response


@frozen
class _Stall(Fault):
    processed: bool

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if self.processed:
            await exchange.process()
        return await _end(exchange, "stall")


@frozen
class _Truncate(Fault):
    keep: int
    end: End

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.process()
        response = await exchange.begin(reply)
        await exchange.write(response, reply, most=self.keep)
        return await _end(exchange, self.end)


@frozen
class _CutBody(Fault):
    after: int
    end: End

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        async for _ in exchange.arriving(most=self.after):
            pass
        return await _end(exchange, self.end)


@frozen
class _Corrupt(Fault):
    at: int
    silent: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        is_put = exchange.request.method == "PUT"
        if is_put:
            exchange.incoming = self._changed(exchange.arriving())
        reply = await exchange.process()
        if not is_put:
            chunks = self._changed(reply.pieces(_PIECE))
            reply = evolve(reply, chunks=chunks, length=reply.size)
        if self.silent:
            reply = evolve(reply, headers=_without(reply.headers, {"x-oss-hash-crc64ecma"}))
        return await exchange.send(reply)

    async def _changed(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self.at
        async for piece in pieces:
            if 0 <= left < len(piece):
                piece = piece[:left] + bytes([piece[left] ^ 0xFF]) + piece[left + 1 :]  # noqa: PLW2901
            yield piece
            left -= len(piece)


@frozen
class _Headers(Fault):
    given: Mapping[str, str]

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.process()
        kept = _without(reply.headers, {name.lower() for name in self.given})
        return await exchange.send(evolve(reply, headers={**kept, **self.given}))


@frozen
class _IgnoreRange(Fault):
    async def play(self, exchange: Exchange) -> web.StreamResponse:
        record = exchange.record
        assert record is not None, "only recorded requests meet faults"
        exchange.record = evolve(record, headers=_without(record.headers, {"range"}))
        reply = await exchange.process()
        exchange.record = record
        return await exchange.send(reply)


@frozen
class _Slow(Fault):
    chunk: int
    pause_s: float

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.process()
        response = await exchange.begin(reply)
        async for piece in reply.pieces(self.chunk):
            await response.write(piece)
            await asyncio.sleep(self.pause_s)
        await response.write_eof()
        return response


@frozen
class _Delay(Fault):
    seconds: float

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await exchange.send(await exchange.process())


def _without(headers: Mapping[str, str], names: Container[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def _known_end(end: End) -> End:
    if end not in _ENDS:
        raise InvalidRequest(f"end must be one of {', '.join(_ENDS)}")
    return end


async def _end(exchange: Exchange, end: End) -> web.StreamResponse:
    if end == "stall":
        # Until the client goes away or the emulator is closed: both cancel this.
        await asyncio.get_running_loop().create_future()
    return cut(exchange.request, reset=end == "reset")


def cut(request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
    """End the connection now; what is returned is for aiohttp only and never sent."""
    transport = request.transport
    if transport is not None:
        if reset:
            # With a linger time of zero the kernel sends RST in place of FIN.
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
    return web.Response()


def _gzip_bomb(size_mib: int) -> bytes:
    """Gzip of a lot of white space, made without ever holding it: its blocks are all alike."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    space = b" " * _MIB
    block = packer.compress(space) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(b"{}") + packer.flush()
    checksum = 0
    for _ in range(size_mib):
        checksum = zlib.crc32(space, checksum)
    checksum = zlib.crc32(b"{}", checksum)
    trailer = struct.pack("<II", checksum, (size_mib * _MIB + 2) & 0xFFFFFFFF)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * size_mib + last + trailer
