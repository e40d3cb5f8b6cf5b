"""A web server that answers range requests, and breaks off when told to."""

import http.server
import threading
from contextlib import contextmanager


@contextmanager
def serving(files, break_after=None, status=200):
    """Serve ``files`` (bytes by name) on a port of this machine.

    Args:
        files: May be changed while serving.
        break_after: Bytes of a body after which the connection is closed; ``None``: never.
        status: Of every answer that is no error otherwise.

    Yields:
        The address, and a list of (path, Range header) that requests append to.
    """
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name, wanted = self.path.lstrip("/"), self.headers.get("Range")
            asked.append((name, wanted))
            if name not in files:
                return self.send_error(404)
            if status != 200:
                return self.send_error(status)
            body, tag = files[name], f'"{hash(files[name])}"'
            first = int(wanted[6:-1]) if wanted and self.headers.get("If-Range") == tag else 0
            self.send_response(206 if first else 200)
            self.send_header("ETag", tag)
            self.send_header("Content-Type", "text/html" if name.endswith("html") else "video/mp4")
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            self.wfile.write(body[first:][:break_after])
            self.close_connection = True

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
