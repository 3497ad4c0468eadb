"""The machine step that makes what a newsroom works on: a document and a folder."""

from typing import Any

from orchestra.workflow_kit import files

DRAFT = """\
# Working title

The first paragraph says who did what, when, where and why.

## What happened

## What people say

## What comes next
"""


def create_documents(project_data: dict[str, Any], prerequisites: dict[str, Any]) -> dict[str, Any]:
    """Make the article's document and the folder for photos; run again, find the same ones.

    ``project_data["article_draft_template"]``, if given, takes the place of our own draft.
    """
    project = files()
    article = project.make_document(
        "Article Draft",
        DRAFT,
        key="article-draft",
        template=project_data.get("article_draft_template"),
    )
    return {
        "article_document": article,
        "articleURL": project.document_link(article),
        "raw_photo_folder": project.make_folder("Raw Photos", key="raw-photos"),
    }
