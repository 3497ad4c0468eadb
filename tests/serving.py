"""Servers on loopback that answer beside a test."""

import threading
from contextlib import closing, contextmanager

from werkzeug.serving import WSGIRequestHandler, make_server


@contextmanager
def serving(server):
    """Let it answer in a thread until the block ends; gives the server."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(WSGIRequestHandler):
    """Does not wait for ever for a browser that connected to be quicker later."""

    timeout = 5


@contextmanager
def serving_app(app):
    """Serve a WSGI application; gives its address.

    At the end it waits for the requests that run: whoever empties the database next would do so
    under their hands.
    """

    def closed(environ, start_response):
        # The development server leaves a file open whose reader hung up.
        with closing(app(environ, start_response)) as body:
            yield from body

    server = make_server("127.0.0.1", 0, closed, threaded=True, request_handler=Handler)
    server.daemon_threads = False
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"
