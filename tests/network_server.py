"""Servers on 127.0.0.1 for tests of streams: HTTP that does as a script says, and a small RTSP."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]
"""Answers one request, whose line has been read."""


class Server:
    """An HTTP server; `requests` are the paths that were asked for."""

    def __init__(self, *answers: Answer) -> None:
        """The n-th request gets the n-th answer, later ones the last."""
        self.requests: list[str] = []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = len(server.requests)
                server.requests.append(self.path)
                answers[min(number, len(answers) - 1)](self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    server = Server(*answers)
    try:
        yield server
    finally:
        server.close()


def whole(data: bytes, kind: str = "video/mp4") -> Answer:
    """All of a file."""
    return part(data, len(data), kind=kind)


def part(
    data: bytes, size: int, *, told: bool = True, wait: float = 0, kind: str = "video/mp4"
) -> Answer:
    """The first bytes of a file, then `wait` seconds of nothing, then the end; `told`: its length."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        if told:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        try:
            request.wfile.write(data[:size])
            request.wfile.flush()
            if wait:
                threading.Event().wait(wait)
        except OSError:  # the reader has gone
            pass
        request.close_connection = True

    return answer


def ranged(data: bytes, kind: str = "video/mp4") -> Answer:
    """All of a file, or what is asked for: from a byte to the end."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        begin = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        request.send_response(206 if asked else 200)
        request.send_header("Content-Type", kind)
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        _send(request, data[begin:])

    return answer


def routed(files: Mapping[str, bytes | Callable[[], bytes]]) -> Answer:
    """The file of this name, or what the call gives for it; 404 for others, and for none."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        data = files.get(request.path.strip("/").partition("?")[0], b"")
        if data := data() if callable(data) else data:
            request.send_response(200)
            _send(request, data)
        else:
            request.send_error(404)

    return answer


def _send(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    with suppress(OSError):  # the reader has gone
        request.wfile.write(data)
    request.close_connection = True


def refused(code: int) -> Answer:
    return lambda request: request.send_error(code)


@contextmanager
def rtsp(stream: bytes) -> Iterator[int]:
    """The port of an RTSP server that plays an MPEG transport stream, once for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                _play(link, stream)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _play(link: socket.socket, stream: bytes) -> None:
    file = link.makefile("rb")
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 33\r\na=control:track1\r\n"
    )
    while True:
        lines = []
        while (line := file.readline().decode().strip()) or not lines:
            if not line:
                return
            lines.append(line)
        method = lines[0].split()[0]
        number = next(line.split(":")[1].strip() for line in lines if line.startswith("CSeq"))
        head, body = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n", ""
        if method == "DESCRIBE":
            body = sdp
            head += f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n"
        elif method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        elif method == "OPTIONS":
            head += "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"
        link.sendall(f"{head}\r\n{body}".encode())
        if method == "PLAY":
            break
    size = 7 * 188
    for number, begin in enumerate(range(0, len(stream), size)):
        payload = stream[begin : begin + size]
        packet = bytes([0x80, 33]) + number.to_bytes(2, "big") + bytes(4) + b"test" + payload
        link.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
