#!/usr/bin/env python3
"""HTTP/3 for the second example, with aioquic: a server and a client.

usage: quic.py serve ADDRESS CERTIFICATE KEY [--retry]
       quic.py get ADDRESS NAME PATH... [--version 1|2]
"""

import argparse
import asyncio

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

PORT = 443
VERSIONS = {1: QuicProtocolVersion.VERSION_1, 2: QuicProtocolVersion.VERSION_2}


class Server(QuicConnectionProtocol):
    """Answers each request with a page, `/file/N` with N bytes."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic)

    def quic_event_received(self, event):
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived):
                path = dict(event.headers).get(b":path", b"/").decode()
                body = b"<p>Hello.</p>\n"
                if path.startswith("/file/"):
                    body = bytes(min(int(path.rsplit("/", 1)[1]), 100_000))
                headers = [(b":status", b"200"), (b"server", b"ExampleOffice/1.0")]
                self.http.send_headers(event.stream_id, headers)
                self.http.send_data(event.stream_id, body, end_stream=True)
                self.transmit()


class Client(QuicConnectionProtocol):
    """Asks for one path after another."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic)
        self.ended = {}

    def quic_event_received(self, event):
        for event in self.http.handle_event(event):
            over = isinstance(event, (HeadersReceived, DataReceived)) and event.stream_ended
            if over and event.stream_id in self.ended:
                self.ended.pop(event.stream_id).set_result(None)

    async def get(self, name, path):
        stream = self._quic.get_next_available_stream_id()
        headers = [(":method", "GET"), (":scheme", "https"), (":authority", name), (":path", path)]
        headers.append(("user-agent", "example/1.0"))
        headers = [(key.encode(), value.encode()) for key, value in headers]
        self.ended[stream] = asyncio.get_running_loop().create_future()
        ended = self.ended[stream]
        self.http.send_headers(stream, headers, end_stream=True)
        self.transmit()
        await asyncio.wait_for(ended, 10)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["serve", "get"])
    parser.add_argument("address")
    parser.add_argument("rest", nargs="+")
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--version", type=int, choices=VERSIONS, default=1)
    options = parser.parse_args()
    configuration = QuicConfiguration(is_client=options.what == "get", alpn_protocols=["h3"])
    if options.what == "serve":
        configuration.load_cert_chain(*options.rest)
        await serve(
            options.address, PORT, configuration=configuration,
            create_protocol=Server, retry=options.retry,
        )
        await asyncio.Event().wait()
    name, *paths = options.rest
    configuration.server_name = name
    configuration.verify_mode = False
    configuration.original_version = VERSIONS[options.version]
    async with connect(
        options.address, PORT, configuration=configuration, create_protocol=Client
    ) as client:
        for path in paths:
            await client.get(name, path)


if __name__ == "__main__":
    asyncio.run(main())
