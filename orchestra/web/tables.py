"""Tables to be downloaded: written a row at a time, and harmless in whatever opens them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO, StringIO
from typing import IO, Any

import xlsxwriter
from flask import Response, send_file, stream_with_context
from sqlalchemy.orm import Session

from orchestra.database import reading

# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
ROWS_A_PIECE = 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Row = Sequence[Any]
Rows = Callable[[Session], Iterable[Row]]


def csv_download(name: str, headings: Row, rows: Rows) -> Response:
    """Sends while it reads, so that the longest table takes no more memory than a short one."""
    response = Response(stream_with_context(_csv_pieces(headings, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _csv_pieces(headings: Row, rows: Rows) -> Iterator[str]:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    with reading() as session:
        for number, row in enumerate(rows(session), start=1):
            writer.writerow([harmless(value) for value in row])
            if number % ROWS_A_PIECE == 0:
                yield _taken(text)
    yield _taken(text)


def _taken(text: StringIO) -> str:
    written = text.getvalue()
    text.seek(0)
    text.truncate()
    return written


def harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is marked as text."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def xlsx_download(name: str, headings: Row, rows: Rows) -> Response:
    """Rows lie on disk until the file is packed; only the packed file is in memory."""
    file = BytesIO()
    with reading() as session:
        _write_xlsx(file, headings, rows(session))
    file.seek(0)
    response = send_file(file, XLSX, as_attachment=True, download_name=f"{name}.xlsx")
    response.headers["Cache-Control"] = "no-store"
    return response


def _write_xlsx(file: IO[bytes], headings: Row, rows: Iterable[Row]) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for column, heading in enumerate(headings):
            sheet.write_string(0, column, str(heading), bold)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                write = sheet.write_number if isinstance(value, int) else sheet.write_string
                write(number, column, value)
