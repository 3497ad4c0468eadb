"""What every store of files does (I-24): the same tests for each of them."""

from io import BytesIO

import pytest

from orchestra.errors import NotFound, TooLarge

KEY = "projects/17/0123456789abcdef0123456789abcdef"
WORDS = "# Team Messages\n\nÉcrire, 文 \N{NEWSPAPER}\n"


def kept(store, content=b"abc", key=KEY, **more):
    asked = {"name": "a b.txt", "folder": None, "content_type": "text/plain"} | more
    limit = asked.pop("at_most_bytes", 1_000_000)
    return store.put(
        key,
        asked["name"],
        asked["folder"],
        BytesIO(content),
        asked["content_type"],
        at_most_bytes=limit,
    )


def content_of(store, place):
    with store.open(place) as content:
        return content.read()


def test_a_store_gives_back_what_it_was_given(store):
    stored = kept(store, b"\0\xff" * 200_000)

    assert stored.size_bytes == 400_000
    assert content_of(store, stored.place) == b"\0\xff" * 200_000


def test_an_empty_file_is_a_file(store):
    stored = kept(store, b"")

    assert stored.size_bytes == 0
    assert content_of(store, stored.place) == b""


def test_a_part_of_a_content_can_be_read(store):
    """I-30"""
    stored = kept(store, b"0123456789")

    with store.open(stored.place) as content:
        content.seek(4)
        assert content.read(3) == b"456"
        content.seek(0)
        assert content.read(2) == b"01"


def test_the_content_is_taken_from_where_it_stands(store):
    content = BytesIO(b"abcdef")
    content.seek(2)

    stored = store.put(KEY, "a.txt", None, content, "text/plain", at_most_bytes=4)

    assert content_of(store, stored.place) == b"cdef"


def test_a_key_that_was_used_keeps_the_first_content(store):
    """I-24: as when a step runs twice."""
    first = kept(store, b"first")
    again = kept(store, b"another", name="another.txt")

    assert again == first
    assert content_of(store, first.place) == b"first"


def test_two_keys_are_two_things_whatever_their_names(store):
    one, two = kept(store, b"one"), kept(store, b"two", key=KEY + "1")

    assert one.place != two.place
    assert content_of(store, one.place) == b"one"


def test_nothing_is_kept_of_what_is_too_large(store):
    """I-27"""
    with pytest.raises(TooLarge):
        kept(store, b"abcd", at_most_bytes=3)

    assert kept(store, b"abc", at_most_bytes=3).size_bytes == 3


def test_what_was_deleted_is_not_there_and_may_be_deleted_again(store):
    stored = kept(store)

    store.delete(stored.place)
    store.delete(stored.place)

    with pytest.raises(NotFound):
        content_of(store, stored.place)


def test_what_was_never_there_is_not_found(store):
    with pytest.raises(NotFound):
        content_of(store, "0" * 32)
    with pytest.raises(NotFound):
        store.read_document("0" * 32)


def test_a_folder_is_made_once(store):
    """I-24"""
    outer = store.make_folder("projects/17/outer", "2026-11-25 The Pope in New York", None)
    inner = store.make_folder("projects/17/inner", "Raw Photos", outer)

    assert store.make_folder("projects/17/inner", "Raw Photos", outer) == inner
    assert len({outer, inner}) == 2


def test_a_file_may_lie_in_a_folder(store):
    folder = store.make_folder("projects/17/raw", "Raw Photos", None)
    stored = kept(store, b"abc", folder=folder, name="a.txt")

    assert content_of(store, stored.place) == b"abc"
    if store.has_own_pages:
        (entry,) = store.entries(folder)
        assert (entry.place, entry.name, entry.kind) == (stored.place, "a.txt", "file")
        assert entry.size_bytes == 3
    else:
        assert store.entries(folder) == []


def test_a_document_is_made_once_and_keeps_what_people_wrote(store):
    """I-24"""
    folder = store.make_folder("projects/17/folder", "Folder", None)
    place = store.make_document(KEY, "Team Messages", folder, WORDS)
    store.write_document(place, "Changed")

    assert store.make_document(KEY, "Team Messages", folder, WORDS) == place
    assert store.read_document(place).strip() == "Changed"


def test_a_document_says_what_was_written(store):
    place = store.make_document(KEY, "Team Messages", None, WORDS)

    assert store.read_document(place).strip() == WORDS.strip()


def test_a_document_may_begin_as_a_copy_of_another_one(store):
    """I-34"""
    template = store.make_document(KEY, "Template", None, WORDS)

    place = store.make_document(KEY + "1", "Article Draft", None, "", template=template)

    assert place != template
    assert store.read_document(place).strip() == WORDS.strip()


def test_sharing_and_taking_it_back_can_be_repeated(store):
    """I-32"""
    folder = store.make_folder("projects/17/folder", "Folder", None)

    for _ in range(2):
        assert store.share(folder, ["ana@example.org"]) == {}
    for _ in range(2):
        store.unshare(folder, ["ana@example.org"])


def test_a_store_says_that_it_works(store):
    """I-8"""
    assert store.check()
