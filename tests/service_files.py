"""A store of files as a service has it that people go to: in memory, and it fails when told to."""

from contextlib import contextmanager
from io import BytesIO
from itertools import count

from orchestra.errors import NotFound
from orchestra.integrations.files import Entry, Kind, Stored, pieces


class FilesAtService:
    has_own_pages = True

    def __init__(self):
        self.things = {}  # place -> a dictionary
        self.by_key = {}
        self.calls = []
        self.shared = {}  # place -> addresses
        self.refused = {}  # address -> why
        self._failing = None
        self._numbers = count(1)

    @contextmanager
    def failing(self, error):
        """Every call raises the error."""
        self._failing = error
        yield
        self._failing = None

    def _call(self, *words):
        self.calls.append(words)
        if self._failing is not None:
            raise self._failing

    def _make(self, key, kind, name, folder, content=b"", content_type=""):
        if folder is not None:
            self._at(folder)
        if key not in self.by_key:
            place = f"service-{next(self._numbers)}"
            self.by_key[key] = place
            self.things[place] = {
                "kind": kind,
                "name": name,
                "folder": folder,
                "content": content,
                "type": content_type,
            }
        return self.by_key[key]

    def _at(self, place):
        if place not in self.things:
            raise NotFound(f"There is nothing at {place!r}.")
        return self.things[place]

    def lose(self, place):
        """Somebody deleted it at the service."""
        del self.things[place]
        self.by_key = {key: there for key, there in self.by_key.items() if there != place}

    def drop(self, folder, name, content, content_type="image/jpeg"):
        """Somebody put a file there past the app."""
        return self._make(f"{folder}/{name}", Kind.FILE, name, folder, content, content_type)

    def make_folder(self, key, name, parent):
        self._call("make_folder", name)
        return self._make(key, Kind.FOLDER, name, parent)

    def entries(self, folder):
        self._call("entries", folder)
        self._at(folder)
        return [
            Entry(
                place=place,
                name=thing["name"],
                kind=thing["kind"],
                content_type=thing["type"],
                size_bytes=len(thing["content"]),
            )
            for place, thing in self.things.items()
            if thing["folder"] == folder
        ]

    def make_document(self, key, name, folder, text, *, template=None):
        self._call("make_document", name)
        content = self._at(template)["content"] if template else text.encode()
        return self._make(key, Kind.DOCUMENT, name, folder, content)

    def read_document(self, place):
        self._call("read_document", place)
        return self._at(place)["content"].decode()

    def write_document(self, place, text):
        self._call("write_document", place)
        self._at(place)["content"] = text.encode()

    def put(self, key, name, folder, content, content_type, *, at_most_bytes):
        self._call("put", name)
        read = b"".join(pieces(content, at_most_bytes))
        place = self._make(key, Kind.FILE, name, folder, read, content_type)
        return Stored(place, len(self._at(place)["content"]))

    def open(self, place):
        self._call("open", place)
        return BytesIO(self._at(place)["content"])

    def share(self, place, addresses):
        self._call("share", place, *addresses)
        self._at(place)
        refused = {one: self.refused[one] for one in addresses if one in self.refused}
        self.shared.setdefault(place, set()).update(set(addresses) - set(refused))
        return refused

    def unshare(self, place, addresses):
        self._call("unshare", place, *addresses)
        self.shared.setdefault(place, set()).difference_update(addresses)

    def address(self, place, *, download_as=None):
        return f"https://files.example.org/{place}"

    def delete(self, place):
        self._call("delete", place)
        self.things.pop(place, None)

    def check(self):
        self._call("check")
        return "the service answers"
