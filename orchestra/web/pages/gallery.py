"""A small public page with pictures, so that the simple workflow works without internet (X-12)."""

from flask import Blueprint, Response, abort, render_template
from flask.typing import ResponseReturnValue

from orchestra.web.pages import pictures

A_DAY_SECONDS = 24 * 3600

blueprint = Blueprint("gallery", __name__, url_prefix="/orchestra/gallery")


@blueprint.get("/")
def gallery() -> ResponseReturnValue:
    return render_template("gallery.html", pictures=list(pictures.PICTURES.values()))


@blueprint.get("/<name>.jpg")
def picture(name: str) -> Response:
    if name not in pictures.PICTURES:
        abort(404)
    response = Response(pictures.jpeg(name), mimetype="image/jpeg")
    response.cache_control.public = True
    response.cache_control.max_age = A_DAY_SECONDS
    return response
