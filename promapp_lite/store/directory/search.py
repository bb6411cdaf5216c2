"""Search as you type: the folded words of names, userNames and e-mail addresses, found by their beginnings.

An index of our own rather than FTS5: it follows the writes in batches, changes only when a name does, and
is the same on every engine.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from peewee import SQL, Node, Select, Tuple, fn

from promapp_lite import jsonio
from promapp_lite.jsonio import Document
from promapp_lite.scim.resource_types import USERS, ResourceType
from promapp_lite.store.activity.journal import ActivityEvent
from promapp_lite.store.directory.filters import MODEL
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.engine.dialect import by_code_point, item, listed
from promapp_lite.store.models import Word
from promapp_lite.text import fold

WORD = re.compile(r"[^\W_]+")
MAX_LENGTH, MAX_WORDS, MAX_TERMS = 40, 40, 6
MANY = 2000  # a term that finds this many is not the one to begin with
END = "\U0010ffff"

PAIR = item("given", 0), item("given", 1)  # a row's position, a word
# Hot: run for every step of the indexer, while writers wait.
ADD = Statement(
    Word.insert_from(
        listed("pairs", param("kind"), *PAIR), [Word.kind, Word.seq, Word.key]
    ).on_conflict_ignore()
)
OWN = (Word.kind == param("kind")) & Word.seq.in_(listed("seqs"))
HELD = Statement(Word.select(Word.seq, Word.key).where(OWN))
DROP = Statement(
    Word.delete().where((Word.kind == param("kind")) & Tuple(Word.seq, Word.key).in_(listed("pairs", *PAIR)))
)
DOCUMENTS = {
    kind.name: Statement(model.select(model.seq, model.doc).where(model.id.in_(listed("ids"))))
    for kind, model in MODEL.items()
}
FORGET = {
    kind: Statement(
        Word.delete().where(
            (Word.kind == kind.name) & (Word.seq == model.select(model.seq).where(model.id == param("id")))
        )
    )
    for kind, model in MODEL.items()
}
UNFOUND = ("delete", "fail")  # whom such activity is about may be found nowhere else


def words(texts: Iterable[str | None]) -> set[str]:
    """The words of some texts: case-folded, without accents, cut to a sane length and number."""
    bare = fold(" ".join(each[:1000] for each in texts if each))
    if not bare.isascii():
        parts = unicodedata.normalize("NFKD", bare)
        bare = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return {word[:MAX_LENGTH] for word in WORD.findall(bare)[:MAX_WORDS]}


def texts_of(kind: ResourceType, document: Document) -> list[str | None]:
    """The texts by whose words a resource is found."""
    if kind is not USERS:
        return [document.get("displayName")]
    name = document.get("name", {})
    parts = [name.get(part) for part in ("formatted", "givenName", "familyName")]
    addresses = [each.get("value") for each in document.get("emails", ())]
    return [document.get("userName"), document.get("displayName"), *parts, *addresses]


def follow(store: Store, rows: Sequence[ActivityEvent]) -> None:
    """Bring the words up to date with rows of activity; call it inside a transaction."""
    for kind in MODEL:
        ids = {row.resource_id for row in rows if row.resource_type == kind.name and not row.idle}
        if ids:
            found = store.rows(DOCUMENTS[kind.name], ids=jsonio.dumps(list(ids)))
            put(store, kind.name, {seq: words(texts_of(kind, orjson.loads(doc))) for seq, doc in found})
    put(store, "Activity", {row.id: words([row.name]) for row in rows if is_unfound(row)})


def is_unfound(row: ActivityEvent) -> bool:
    """Whether its name leads to no user or group."""
    return row.action in UNFOUND or (row.resource_type is None and row.name is not None)


def put(store: Store, kind: str, wanted: dict[int, set[str]]) -> None:
    """Make the words of some rows these, where they differ."""
    held = set(store.rows(HELD, kind=kind, seqs=jsonio.dumps(list(wanted)))) if wanted else set()
    pairs = {(seq, word) for seq, found in wanted.items() for word in found}
    for statement, changed in ((DROP, held - pairs), (ADD, pairs - held)):
        if changed:
            store.run(statement, kind=kind, pairs=jsonio.dumps(sorted(changed)))


def drop(store: Store, kind: ResourceType, id: str) -> None:
    """Forget the words of a resource that is about to go."""
    store.run(FORGET[kind], id=id)


def find(store: Store, kind: str, text: str, query: Select, position: Node, limit: int) -> list[Any]:
    """The rows of `query` whose words begin with all the words of `text`, in the order of the rarest word."""
    terms = sorted(words([text]), key=lambda term: (rarity(store, kind, term), term))[:MAX_TERMS]
    return store.select(finding(kind, terms, query, position).limit(limit)) if terms else []


def rarity(store: Store, kind: str, term: str) -> int:
    """How many words begin with the term, up to MANY."""
    return len(store.select(Word.select(SQL("1")).where(within(Word, kind, term)).limit(MANY)))


def finding(kind: str, terms: list[str], query: Select, position: Node) -> Select:
    """The rows for these words: the first drives, the others are probed."""
    first = Word.alias()
    earlier = Word.alias()
    sooner = others(earlier, first, kind, terms[0])
    sooner &= by_code_point(earlier.key.concat("")) < by_code_point(first.key)
    condition = within(first, kind, terms[0]) & ~fn.EXISTS(earlier.select(SQL("1")).where(sooner))
    for term in terms[1:]:
        other = Word.alias()
        condition &= fn.EXISTS(other.select(SQL("1")).where(others(other, first, kind, term)))
    found = query.join(first, on=(first.seq == position)).where(condition)
    return found.order_by(by_code_point(first.key).asc(), first.seq)


def within(word: Any, kind: str, term: str) -> Any:
    """The word begins with that term: a range of the index by key."""
    key = by_code_point(word.key)
    return (word.kind == kind) & (key >= term) & (key < term + END)


def others(word: Any, first: Any, kind: str, term: str) -> Any:
    """Another word of the same row begins with that term.

    Compared by substr, not as a range: else SQLite reads the range for every row, seconds instead of
    milliseconds.
    """
    return (word.kind == kind) & (word.seq == first.seq) & (fn.substr(word.key, 1, len(term)) == term)
