"""The picture of the steps (W-55, look: "Project")."""

import pytest

from orchestra.domain.graph import Graph
from orchestra.domain.project_rows import TaskRow
from orchestra.models import Task, TaskStatus
from orchestra.web.pages.layers import layered
from orchestra.web.pages.step_graph import PAGE_WIDTH, picture
from tests.builders import step


def graph_of(*steps):
    return Graph.from_json({"steps": list(steps)})


def rows_of(graph, **statuses):
    rows = []
    for number, one in enumerate(graph.ordered(), start=1):
        status = statuses.get(one.slug)
        task = Task(id=number, step=one.slug, is_human=True, status=status) if status else None
        rows.append(TaskRow(step=one, task=task))
    return rows


def chain(length):
    slugs = [f"step-{number}" for number in range(length)]
    befores = [[], *([slug] for slug in slugs)]
    return graph_of(*(step(s, *before) for s, before in zip(slugs, befores, strict=False)))


DIAMOND = graph_of(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))


def test_steps_stand_to_the_right_of_what_they_depend_on():
    drawn = picture(DIAMOND, rows_of(DIAMOND))
    x = {box.row_id: box.x for box in drawn.boxes}
    assert x["step-a"] < x["step-b"] == x["step-c"] < x["step-d"]
    assert len(drawn.edges) == 4


def test_boxes_do_not_overlap():
    graph = graph_of(*(step(f"s{n}") for n in range(6)), step("z", *(f"s{n}" for n in range(6))))
    boxes = picture(graph, rows_of(graph)).boxes
    for one in boxes:
        for other in boxes:
            is_apart = abs(one.x - other.x) >= one.width or abs(one.y - other.y) >= one.height
            assert one is other or is_apart


def test_a_long_edge_passes_beside_the_boxes_between():
    graph = graph_of(step("a"), step("b", "a"), step("c", "a", "b"))
    layers = layered(graph)
    beside = [slot for slot in layers.columns[1] if slot.step is None]
    assert len(beside) == 1
    drawn = picture(graph, rows_of(graph))
    middle = next(box for box in drawn.boxes if box.row_id == "step-b")
    longest = max(drawn.edges, key=len)
    height = float(longest.split("H")[0].split()[-1])
    assert not middle.y <= height <= middle.y + middle.height


def test_edges_do_not_cross_where_they_need_not():
    graph = graph_of(step("a"), step("b"), step("after-b", "b"), step("after-a", "a"))
    y = {box.row_id: box.y for box in picture(graph, rows_of(graph)).boxes}
    assert (y["step-a"] < y["step-b"]) == (y["step-after-a"] < y["step-after-b"])


@pytest.mark.parametrize("columns", [1, 2, 5, 12])
def test_up_to_twelve_columns_fit_into_the_page(columns):
    assert picture(chain(columns), rows_of(chain(columns))).width <= PAGE_WIDTH


def test_more_columns_are_as_wide_as_twelve_and_scroll():
    wide, fitting = (picture(chain(n), rows_of(chain(n))) for n in (24, 12))
    assert wide.boxes[0].width == fitting.boxes[0].width
    assert wide.width > PAGE_WIDTH


def test_texts_stay_in_their_boxes():
    graph = graph_of(step("a", name="Reporting on the consequences of extraordinary weather " * 3))
    (box,) = picture(graph, rows_of(graph, a=TaskStatus.POST_REVIEW_PROCESSING)).boxes
    assert max(line.y for line in box.lines) < box.height
    assert any(line.text.endswith("…") for line in box.lines)
    assert all(len(line.text) * 6 + line.x < box.width for line in box.lines)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "記事の確認と編集作業のとても長い名前です",
            ["記事の確認と編集作業の", "とても長い名前です"],
        ),
        ("원고 검토와 아주 긴 이름의 편집", ["원고 검토와 아주 긴", "이름의 편집"]),
        ("🗞️ Elektrizitätenhauptbetriebswerk", ["🗞️", "Elektrizitätenhauptbe-", "triebswerk"]),
        ("编辑" * 40, ["编辑" * 5 + "编", "辑" + "编辑" * 5, "编辑" * 5 + "…"]),
    ],
)
def test_letters_that_are_twice_as_wide_have_room(name, lines):
    """W-4"""
    graph = graph_of(step("a", name=name))
    (box,) = picture(graph, rows_of(graph)).boxes
    assert [line.text for line in box.lines if line.style == "name"] == lines


def test_the_words_say_what_the_picture_shows():
    """W-5"""
    rows = rows_of(DIAMOND, a=TaskStatus.COMPLETE, b=TaskStatus.PROCESSING)
    drawn = picture(DIAMOND, rows)
    assert drawn.description == (
        "A: Complete. B: Processing, after A. C: Not yet, after A. D: Not yet, after B and C."
    )
    assert [box.state for box in drawn.boxes] == ["complete", "processing", "", ""]
    assert [box.row_id for box in drawn.boxes[:3]] == ["task-1", "task-2", "step-c"]


def test_a_thousand_steps_are_drawn_quickly():
    slugs = [f"step-{number}" for number in range(1000)]
    steps = [step(slug, *slugs[max(0, n - 3) : n]) for n, slug in enumerate(slugs)]
    steps.append(step("end", *slugs))
    graph = graph_of(*steps)
    drawn = picture(graph, rows_of(graph))
    assert len(drawn.boxes) == 1001
    assert len(drawn.edges) == sum(len(one.creation_depends_on) for one in graph.steps)
