"""What shoppers would have received: every message a provider took, in order, in memory and in an append-only file."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.clock import wall_now


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message as a provider took it."""

    provider: str
    channel: str
    recipient: str
    recipient_name: str
    sender: str
    sender_name: str
    reply_to: str
    attempt_id: str
    ref: str
    category: str
    subject: str
    text: str
    html: str
    extra: dict[str, str]


@dataclass(slots=True)
class Entry:
    """The light part of a journal line: a million of them fit in memory, their bodies stay in the file."""

    n: int
    provider: str
    channel: str
    recipient: str
    recipient_name: str
    sender: str
    sender_name: str
    attempt_id: str
    ref: str
    category: str
    subject: str
    preview: str
    received_at: str
    offset: int
    length: int
    status: str = "accepted"

    def matches(self, query: str) -> bool:
        """Whether every word of a lower-case query stands in this entry's visible text."""
        seen = (
            f"{self.recipient} {self.recipient_name} {self.sender_name} {self.subject} {self.preview} {self.attempt_id}"
        )
        seen = seen.lower()
        return all(word in seen for word in query.split())


class Journal:
    """An append-only JSONL file and an index over it. `bodies=False` keeps texts out of the file: for benchmarks."""

    def __init__(self, path: Path, *, bodies: bool = True) -> None:
        self._bodies = bodies
        self._file = path.open("a+b")
        self.entries: list[Entry] = []
        self._by_ref: dict[str, Entry] = {}
        self._by_provider: Counter[str] = Counter()
        self._by_attempt: Counter[str] = Counter()
        self._load()

    def _load(self) -> None:
        """Take up what an earlier process wrote; a last line that was cut off by a crash is cut away."""
        self._file.seek(0)
        offset = 0
        for line in self._file:
            try:
                kept = json.loads(line)
            except ValueError:
                break
            self._index(kept, offset, len(line))
            offset += len(line)
        self._file.truncate(offset)
        self._size = offset

    def add(self, accepted: Accepted) -> Entry:
        """Append one message; it is in the file's buffers of the operating system when this returns."""
        kept = asdict(accepted) | {"n": len(self.entries) + 1, "received_at": wall_now().isoformat()}
        kept["preview"] = " ".join(accepted.text.split())[:160]
        if not self._bodies:
            kept["text"] = kept["html"] = ""
        line = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        self._file.write(line)
        self._file.flush()
        entry = self._index(kept, self._size, len(line))
        self._size += len(line)
        return entry

    def _index(self, kept: dict[str, Any], offset: int, length: int) -> Entry:
        light = {name: kept[name] for name in Entry.__dataclass_fields__ if name in kept}
        entry = Entry(**light, offset=offset, length=length)
        self.entries.append(entry)
        self._by_ref[entry.ref] = entry
        self._by_provider[entry.provider] += 1
        if entry.attempt_id:
            self._by_attempt[entry.attempt_id] += 1
        return entry

    def full(self, entry: Entry) -> dict[str, Any]:
        """Everything about one entry, bodies included, with its present status."""
        kept: dict[str, Any] = json.loads(os.pread(self._file.fileno(), entry.length, entry.offset))
        return kept | {"status": entry.status}

    def by_ref(self, ref: str) -> Entry | None:
        """The entry that a provider's id names."""
        return self._by_ref.get(ref)

    def number(self, n: int) -> Entry | None:
        """The nth entry, counted from 1."""
        return self.entries[n - 1] if 1 <= n <= len(self.entries) else None

    def counts(self) -> dict[str, int]:
        """How many messages there are by provider, and how many attempts were taken more than once."""
        repeated = self._by_attempt.total() - len(self._by_attempt)
        return {"total": len(self.entries), **self._by_provider, "repeated_attempts": repeated}

    def clear(self) -> None:
        """Forget everything, in the file too."""
        self._file.seek(0)
        self._file.truncate(0)
        self._size = 0
        self.entries.clear()
        self._by_ref.clear()
        self._by_provider.clear()
        self._by_attempt.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
