"""A camera on the network, for measurements: MJPEG over HTTP on a loopback port, for any number of readers.

python -m benchmarks.network_camera PORT
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

WIDTH, HEIGHT, RATE_HZ = 640, 480, 30.0
SHOTS = 4


def main() -> int:
    """Serve until interrupted."""
    try:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Stream).serve_forever()
    except KeyboardInterrupt:
        return 0


class Stream(BaseHTTPRequestHandler):
    """Pictures on a grid in time, until the reader hangs up."""

    shots = tuple(
        cv2.imencode(".jpg", np.kron(small, np.ones((16, 16, 1), np.uint8)))[1].tobytes()
        for small in np.random.default_rng(0).integers(0, 256, (SHOTS, HEIGHT // 16, WIDTH // 16, 3), np.uint8)
    )

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number, due_s = 0, time.monotonic()
        try:
            while True:
                due_s = max(due_s + 1 / RATE_HZ, time.monotonic() - 1 / RATE_HZ)
                time.sleep(max(0.0, due_s - time.monotonic()))
                shot = self.shots[number % SHOTS]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shot)}\r\n\r\n"
                self.wfile.write(head.encode() + shot + b"\r\n")
                number += 1
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    sys.exit(main())
