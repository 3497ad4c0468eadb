"""The least that a web process on this stack can do: one SELECT, one small answer."""

import os

import sqlalchemy as sa
from flask import Flask

app = Flask(__name__)
engine = sa.create_engine(os.environ["ORCHESTRA_DATABASE_URL"], pool_size=8)
STATEMENT = sa.text("SELECT id, status FROM project WHERE id = :id")


@app.get("/<int:project_id>")
def project(project_id):
    with engine.connect() as connection:
        row = connection.execute(STATEMENT, {"id": project_id}).one()
    return {"id": row.id, "status": row.status}


@app.get("/")
def ready():
    return {}
