"""All records in memory, in step with the store: written first, then seen, then told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, NotFound
from vmhost.base.logs import get_logger
from vmhost.control.tags import absent
from vmhost.model.fleet import Fleet, FleetState, LaunchTemplate
from vmhost.model.instance import Instance, InstanceState, Wanted
from vmhost.store.store import ConsoleOutput, Record, Store, Token

_log = get_logger("records")
_CONSOLES_MAX = 100
"""Of 64 KiB each."""

Listener = Callable[[Instance, Instance | None], None]
"""Told after each change of an instance: the new record and the one before (None for a new instance)."""


class Records:
    """The cloud's memory. Reads are instant; every change is one transaction."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._listeners: list[Listener] = []
        self._unsaved: dict[str, Instance] = {}
        saved = store.load()
        self.instances: dict[str, Instance] = {one.id: one for one in saved.instances}
        self.templates: dict[str, LaunchTemplate] = {one.id: one for one in saved.templates}
        self.fleets: dict[str, Fleet] = {one.id: one for one in saved.fleets}
        self.tokens: dict[str, Token] = {one.id: one for one in saved.tokens}

    def listen(self, listener: Listener) -> None:
        """Tells the listener of every change of an instance from now on."""
        self._listeners.append(listener)

    def instance(self, instance_id: str) -> Instance:
        """The record. Raises NotFound."""
        try:
            return self.instances[instance_id]
        except KeyError:
            message = f"The instance ID '{instance_id}' does not exist"
            raise NotFound(message, code="InvalidInstanceID.NotFound") from None

    def fleet(self, fleet_id: str) -> Fleet:
        """The record. Raises NotFound."""
        try:
            return self.fleets[fleet_id]
        except KeyError:
            raise NotFound(f"The fleet ID '{fleet_id}' does not exist", code="InvalidFleetId.NotFound") from None

    def template(self, id_or_name: str) -> LaunchTemplate:
        """The template of that id or name. Raises NotFound."""
        for template in self.templates.values():
            if id_or_name in (template.id, template.name):
                return template
        known = "InvalidLaunchTemplateId.NotFound" if id_or_name.startswith("lt-") else ""
        code = known or "InvalidLaunchTemplateName.NotFoundException"
        raise NotFound(f"The launch template '{id_or_name}' does not exist", code=code)

    def of_fleet(self, fleet_id: str) -> tuple[Instance, ...]:
        """The fleet's instances that are not terminated yet, oldest first."""
        mine = (one for one in self.instances.values() if one.fleet_id == fleet_id)
        alive = (one for one in mine if one.state is not InstanceState.TERMINATED)
        return tuple(sorted(alive, key=lambda one: (one.launched_at, one.id)))

    def add(self, instances: Sequence[Instance], *tokens: Token) -> None:
        """Records new instances, and the token that they were asked for with, in one transaction."""
        self._write((*instances, *tokens))
        self.instances.update((one.id, one) for one in instances)
        self.tokens.update((token.id, token) for token in tokens)
        for one in instances:
            self._tell(one, None)

    def change(self, instance_id: str, **fields: Any) -> Instance:
        """The instance with these fields changed and the next generation."""
        return self.change_all({instance_id: fields})[0]

    def observe(self, instance_id: str, **fields: Any) -> Instance:
        """The same for what was observed, which is so whether or not it can be saved now: it is saved with the next
        write that succeeds, and a platform that ends before observes it again."""
        old = self.instances[instance_id]
        new = self._unsaved[instance_id] = self._next(old, fields)
        self.save()
        self.instances[instance_id] = new
        self._tell(new, old)
        return new

    def save(self) -> None:
        """Writes what could not be saved before; where it still cannot, that is logged."""
        if self._unsaved:
            try:
                self._write()
            except CloudError as error:
                _log.warning("not_saved", instances=list(self._unsaved), error=error.message)

    def _write(self, put: Iterable[Record] = ()) -> None:
        records = tuple(put)
        ids = {one.id for one in records}
        self._store.write((*records, *(one for key, one in self._unsaved.items() if key not in ids)))
        self._unsaved.clear()

    def change_all(self, changes: dict[str, dict[str, Any]]) -> tuple[Instance, ...]:
        """Several instances changed in one transaction, each with its next generation."""
        if not changes:
            return ()
        before = [self.instances[key] for key in changes]
        after = tuple(self._next(old, fields) for old, fields in zip(before, changes.values(), strict=True))
        self._write(after)
        self.instances.update((one.id, one) for one in after)
        for old, new in zip(before, after, strict=True):
            self._tell(new, old)
        return after

    def keep_console(self, instance_id: str, text: str) -> None:
        """Keeps what an instance printed until it is forgotten, or until many others have been kept since."""
        kept = [one for one in self._store.consoles() if one != instance_id]
        surplus = kept[: max(0, len(kept) + 1 - _CONSOLES_MAX)]
        self._store.write(
            [ConsoleOutput(id=instance_id, text=text)], [ConsoleOutput(id=one, text="") for one in surplus]
        )

    def console(self, instance_id: str) -> str | None:
        """What a removed instance printed; None when that is not kept."""
        return self._store.console(instance_id)

    def mark_all_for_termination(self) -> tuple[str, ...]:
        """Records that everything goes; tells which instances do."""
        self.forget([*self.fleets.values(), *self.templates.values()])
        marked = [one.id for one in self.instances.values() if one.state is not InstanceState.TERMINATED]
        self.change_all({key: {"state": InstanceState.SHUTTING_DOWN, "wanted": Wanted.TERMINATED} for key in marked})
        return tuple(marked)

    def tags_of(self, resource_id: str) -> Mapping[str, str]:
        """The tags of an instance, a template or a fleet. Raises NotFound."""
        for table in (self.instances, self.templates, self.fleets):
            if resource_id in table:
                return table[resource_id].tags
        raise absent(resource_id)

    def retag(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        """Gives instances, templates and fleets, by id, these tags in one transaction."""
        instances = {key: self._next(self.instances[key], {"tags": tags[key]}) for key in tags if key in self.instances}
        templates = {key: replace(self.templates[key], tags=tags[key]) for key in tags if key in self.templates}
        fleets = {key: replace(self.fleets[key], tags=tags[key]) for key in tags if key in self.fleets}
        self._write((*instances.values(), *templates.values(), *fleets.values()))
        before = dict(self.instances)
        self.instances.update(instances)
        self.templates.update(templates)
        self.fleets.update(fleets)
        for key, instance in instances.items():
            self._tell(instance, before[key])

    def put(self, record: LaunchTemplate | Fleet, *tokens: Token) -> None:
        """Records a template or a fleet as it is now."""
        self.put_all((record,), *tokens)

    def put_all(self, records: Sequence[LaunchTemplate | Fleet], *tokens: Token) -> None:
        """Records templates and fleets as they are now, in one transaction."""
        self._write((*records, *tokens))
        for record in records:
            if isinstance(record, Fleet):
                self.fleets[record.id] = record
            else:
                self.templates[record.id] = record
        self.tokens.update((token.id, token) for token in tokens)

    def forget(self, records: Iterable[Instance | LaunchTemplate | Fleet | Token]) -> None:
        """Records go for good."""
        gone = tuple(records)
        if gone:
            self._write()
            consoles = [ConsoleOutput(id=one.id, text="") for one in gone if isinstance(one, Instance)]
            self._store.write(forget=(*gone, *consoles))
        for record in gone:
            for table in (self.instances, self.templates, self.fleets, self.tokens):
                table.pop(record.id, None)

    def forget_old(self, *, keep_terminated_s: float, keep_tokens_s: float) -> None:
        """Forgets terminated instances and client tokens whose time is over, and deleted fleets with no instances."""
        now = self._clock.now()
        traces = {one.fleet_id for one in self.instances.values()}
        old = [
            one
            for one in self.instances.values()
            if one.state is InstanceState.TERMINATED and now - one.changed_at > keep_terminated_s
        ]
        fleets = [one for one in self.fleets.values() if one.state is FleetState.DELETED and one.id not in traces]
        self.forget([*old, *fleets, *(token for token in self.tokens.values() if now - token.at > keep_tokens_s)])

    def _next(self, old: Instance, fields: dict[str, Any]) -> Instance:
        moved = fields.get("state", old.state) is not old.state
        changed_at = self._clock.now() if moved else old.changed_at
        return replace(old, **fields, generation=old.generation + 1, changed_at=changed_at)

    def _tell(self, new: Instance, old: Instance | None) -> None:
        for listener in self._listeners:
            listener(new, old)
