#!/usr/bin/env python3
"""The web server of the example office, over clear-text HTTP.

/            a page
/file/N      N bytes (repeatable pseudo-random ones)
/slow        a page that takes 800 ms
/intranet    asks for HTTP basic authentication
POST /login  a login form
PUT /...     takes a file, and forgets it
"""

import http.server
import random
import socket
import socketserver
import sys
import time


class Office(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ExampleOffice/1.0"
    sys_version = ""

    def answer(self, status, body, mime="text/html; charset=utf-8", **headers):
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/file/"):
            size = min(int(self.path.rsplit("/", 1)[1]), 1_000_000)
            self.answer(200, random.Random(size).randbytes(size), "application/octet-stream")
        elif self.path == "/slow":
            time.sleep(0.8)
            self.answer(200, b"<p>Sorry for the wait.</p>\n")
        elif self.path == "/intranet" and "Authorization" not in self.headers:
            self.answer(401, b"<p>Who are you?</p>\n", WWW_Authenticate='Basic realm="office"')
        elif self.path not in ("/", "/intranet"):
            self.answer(404, b"<p>There is nothing here.</p>\n")
        else:
            self.answer(200, b"<!doctype html><title>Example office</title><p>Hello.</p>\n")

    def take_body(self):
        left = int(self.headers.get("Content-Length", 0))
        while left > 0 and (got := self.rfile.read(min(left, 65536))):
            left -= len(got)

    def do_PUT(self):
        self.take_body()
        self.answer(201, b"")

    def do_POST(self):
        self.take_body()
        self.answer(303, b"", Location="/", Set_Cookie="session=example-session")

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    address_family = socket.AF_INET6  # takes IPv4 too
    daemon_threads = True


if __name__ == "__main__":
    Server(("::", int(sys.argv[1])), Office).serve_forever()
