"""Browsers for tests of pages: each request has an application context of its own."""

import re

import pytest
from flask.testing import FlaskClient


class Browser(FlaskClient):
    """Without a fresh context a request would see who was signed in at the one before."""

    def open(self, *args, **kwargs):
        with self.application.app_context():
            return super().open(*args, **kwargs)

    def token(self, path="/orchestra/app"):
        """The token that the pages of this session carry."""
        page = self.get(path, follow_redirects=True).text
        return re.search(r'<meta name="csrf-token" content="([^"]+)"', page)[1]

    def sign_in(self, worker):
        """Sign in as this worker without asking for the password."""
        with self.session_transaction() as session:
            session["_user_id"] = worker.session_key
            session["_fresh"] = True
        self.csrf_token = self.token()
        return self

    def post_form(self, path, /, **fields):
        return self.post(path, data={"csrf_token": self.csrf_token} | fields)

    def call(self, path, body=None):
        """POST to the JSON API of the pages."""
        return self.post(
            f"/orchestra/api/interface/{path}",
            json=body if body is not None else {},
            headers={"X-CSRF-Token": self.csrf_token},
        )


@pytest.fixture
def client(app):
    return new_browser(app)


@pytest.fixture
def browser(app):
    """Make more browsers, for several people at once."""
    return lambda: new_browser(app)


def new_browser(app):
    return Browser(app, app.response_class, use_cookies=True)
