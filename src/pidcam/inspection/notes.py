"""What a careful reader should know about the events, in plain words, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pidcam.inspection.facts import EventFacts, PartFacts
from pidcam.inspection.repeats import UNKNOWN
from pidcam.schema import EventSchema

UNEQUAL = 3.0
FEW_HITS = 3.0
FEW_EVENTS = 1000


def notes(facts: EventFacts, schema: EventSchema, parts: Sequence[PartFacts], *, store: bool) -> tuple[str, ...]:
    """Sentences; empty if there is nothing to say."""
    return (
        *_classes(facts, schema, parts, store),
        *_bad(facts, store),
        *_repeats(facts, schema, store),
        *_values(facts, schema),
    )


def _classes(facts: EventFacts, schema: EventSchema, parts: Sequence[PartFacts], store: bool) -> Iterator[str]:
    known = {c.name: c.events for c in facts.classes if c.name != UNKNOWN}
    present = {name: n for name, n in known.items() if n}
    absent = [name for name in known if name not in present]
    unknown = facts.events - sum(known.values())
    if not facts.events:
        yield "There are no events."
    elif not known:
        yield "This detector has no classes."
    elif not present:
        yield "No event has a known class: predict takes such events, prepare and train do not."
    elif unknown:
        yield f"{_n(unknown, 'event has', 'events have')} no known class: predict takes them, prepare does not."
    if len(present) == 1 and len(known) > 1:
        them = "them to prepare" if not store else "all classes to prepare"
        yield f"Only class {next(iter(present))} is here: a classifier needs the others too, give {them} together."
    elif present and absent:
        yield f"There is no {' and no '.join(absent)} here."
    if len(present) > 1 and (ratio := max(present.values()) / min(present.values())) >= UNEQUAL:
        most, least = (f(present, key=present.__getitem__) for f in (max, min))
        yield f"The classes are unequal: {ratio:.1f} times as many {most} as {least}."
    few = [p for p in parts if store and p.name != "train" and 0 < p.events < FEW_EVENTS]
    if few:
        sizes = " and ".join(f"{p.events:,} in {p.name}" for p in few)
        yield f"Only {sizes}: numbers on so few events have large errors."
    yield from (f"The split {p.name} is empty." for p in parts if store and not p.events)


def _bad(facts: EventFacts, store: bool) -> Iterator[str]:
    empty = sum(c.empty for c in facts.classes)
    bad = sum(c.bad for c in facts.classes)
    if bad:
        what = "NaN, infinite or forbidden values"
        then = "" if store else " prepare stops at them, or counts and drops them with --drop-bad."
        yield f"{_n(bad, 'event has', 'events have')} {what}, first {facts.bad_example}.{then}"
    if empty:
        then = "" if store else "; prepare drops them, or keeps them with --keep-empty"
        yield f"{_n(empty, 'event has', 'events have')} no hit at all ({100 * empty / facts.events:.2g} %){then}."


def _repeats(facts: EventFacts, schema: EventSchema, store: bool) -> Iterator[str]:
    found = facts.repeats
    if not found.total:
        return
    size = f"{'' if found.exact else 'about '}{_n(found.total)} ({_percent(found.total, facts.events)})"
    if not schema.content_identifies:
        yield (
            f"{size} equal an earlier one, which need not be a fault: images of this detector also coincide by chance. "
            f"1 pair of events in {found.one_pair_in:,.0f} is equal; the repeated events have {found.hits:.1f} hits "
            f"on average, all events {found.hits_of_all:.1f}."
        )
        return
    where = "split" if store else "file"
    then = "" if store else "; prepare drops them, or keeps them with --keep-duplicates"
    yield f"{size} repeat an earlier one{then}."
    if found.across:
        leak = ": what is tested was seen in training" if store else ""
        yield f"{_n(found.across, 'event occurs', 'events occur')} in more than one {where}{leak}."
    if found.contradictory:
        occur = _n(found.contradictory, "event occurs", "events occur")
        yield f"{occur} under more than one class: one of the labels is wrong."


def _values(facts: EventFacts, schema: EventSchema) -> Iterator[str]:
    may_lack = {target.name for target in schema.targets if target.optional}
    many = len(facts.images) > 1
    for channel in facts.channels:
        name = f"{channel.image} {channel.name}" if many else channel.name
        values = channel.values
        if values.n and values.minimum == values.maximum:
            yield f"{name} is {values.minimum:g} in every hit: it tells nothing."
    for column in facts.columns:
        missing, n = column.values.missing, column.values.n
        if n and missing:
            yield f"{_n(missing, 'event has', 'events have')} no {column.name} ({column.kind})."
        elif missing and column.name not in may_lack:
            yield f"No event has the {column.kind} {column.name}."


def _n(n: int, one: str = "event", many: str = "events") -> str:
    return f"{n:,} {one if n == 1 else many}"


def _percent(n: int, of: int) -> str:
    return f"{100 * n / max(of, 1):.2g} %"
