"""What a migration changes, and which of it the processes of the version before cannot stand."""

import re
from dataclasses import dataclass, field

import sqlalchemy as sa


@dataclass(frozen=True)
class Column:
    type: str
    is_nullable: bool
    has_default: bool


@dataclass
class Table:
    columns: dict = field(default_factory=dict)  # name → Column
    primary_key: tuple = ()
    unique: set = field(default_factory=set)  # tuples of columns
    references: set = field(default_factory=set)  # tuples of columns
    checks: dict = field(default_factory=dict)  # columns → (values, text)


def schema(connection):
    """The tables of a database as they are."""
    inspector = sa.inspect(connection)
    names = [name for name in inspector.get_table_names() if name != "alembic_version"]
    return {name: _table(inspector, name) for name in names}


def _table(inspector, name):
    columns = {
        column["name"]: Column(
            str(column["type"]),
            column["nullable"],
            column["default"] is not None or bool(column.get("autoincrement") is True),
        )
        for column in inspector.get_columns(name)
    }
    indexes = [i["column_names"] for i in inspector.get_indexes(name) if i["unique"]]
    constraints = [c["column_names"] for c in inspector.get_unique_constraints(name)]
    return Table(
        columns,
        tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
        {tuple(map(str, names)) for names in (*indexes, *constraints)},
        {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(name)},
        dict(_check(c["sqltext"], columns) for c in inspector.get_check_constraints(name)),
    )


def _check(text, columns):
    """Which columns are checked; the words they may hold, and the text for what is no list."""
    values = frozenset(re.findall(r"'([^']*)'", text))
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'|::[\w ]+", "", text)))
    return tuple(sorted(words & set(columns))), (values, "" if values else text)


def offences(before, after):
    """What an INSERT, UPDATE or SELECT written for the tables of before can stumble over."""
    found = [f"{name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        found.extend(f"{name}{problem}" for problem in _problems(before[name], after[name]))
    return sorted(found)


def _problems(before, after):
    yield from _problems_of_columns(before.columns, after.columns)
    if before.primary_key != after.primary_key:
        yield " has another primary key"
    yield from _problems_of_constraints(before, after)


def _problems_of_columns(before, after):
    yield from (f".{name} is gone" for name in before.keys() - after.keys())
    for name in after.keys() - before.keys():
        if not (after[name].is_nullable or after[name].has_default):
            yield f".{name} is new, not nullable, and has no default"
    for name in before.keys() & after.keys():
        yield from (f".{name} {problem}" for problem in _narrowed(before[name], after[name]))


def _problems_of_constraints(before, after):
    new = after.columns.keys() - before.columns.keys()
    # Several rows may leave a new column empty; one with a default repeats.
    empty = {name for name in new if not after.columns[name].has_default}
    for kind, demand in DEMANDS.items():
        for columns in getattr(after, kind) - getattr(before, kind):
            if not empty & set(columns):
                yield f": {', '.join(columns)} {demand} now"
    for columns, (values, text) in after.checks.items():
        if not set(columns) <= new and not _allows(before.checks.get(columns), values, text):
            yield f": {', '.join(columns)} may hold less now"


DEMANDS = {"unique": "must be unique", "references": "must refer to a row"}


def _narrowed(before, after):
    if before.type != after.type and not _is_wider(before.type, after.type):
        yield f"was {before.type} and is {after.type}"
    if before.is_nullable and not after.is_nullable:
        yield "is not nullable now"
    if before.has_default and not (after.has_default or after.is_nullable):
        yield "has no default now"


def _is_wider(before, after):
    def length(kind):
        found = re.fullmatch(r"VARCHAR\((\d+)\)", kind)
        return int(found[1]) if found else None

    former = length(before)
    return former is not None and (after == "TEXT" or (length(after) or 0) > former)


def _allows(former, values, text):
    return former is not None and values >= former[0] and text == former[1]
