"""A camera on the network: MJPEG over HTTP on a loopback port."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")
WIDTH, HEIGHT = 64, 48
RED, BLUE = 220, 40


def picture(number: int) -> np.ndarray:
    """(H, W, 3) RGB: reddish, with a white bar that goes down with `number`."""
    image = np.full((HEIGHT, WIDTH, 3), (RED, 90, BLUE), np.uint8)
    top = number % (HEIGHT - 8)
    image[top : top + 8, 32:] = 255
    return image


class MjpegServer:
    """Serves pictures to any number of readers until it is told to stop."""

    def __init__(self, rate_hz: float = 30.0, port: int = 0) -> None:
        """`port`: 0 for any that is free."""
        self._period_s, self._ended, self.quiet = 1 / rate_hz, threading.Event(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._serve(self)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/stream.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and cut the readers off."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, reader: BaseHTTPRequestHandler) -> None:
        reader.send_response(200)
        reader.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        reader.end_headers()
        number = 0
        try:
            while not self._ended.is_set():
                time.sleep(self._period_s)
                if self.quiet.is_set():
                    continue
                number += 1
                jpeg = cv2.imencode(".jpg", picture(number)[..., ::-1])[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                reader.wfile.write(head.encode() + jpeg + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            reader.close_connection = True
