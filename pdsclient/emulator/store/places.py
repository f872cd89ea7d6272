"""Finding files by where they are: taken names, paths, index keys, the recycle bin."""

from __future__ import annotations

from collections.abc import Sequence

from pdsclient.emulator.handles import FILES, LAGGED, Shelf
from pdsclient.emulator.reading import IN_BIN, FileRow, Page, Position
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.settings import Settings
from pdsclient.emulator.store.files import FilesRead
from pdsclient.query import OrderTerm, Query
from pdsclient.query.values import LONG_MAX

_INDEX = "custom_index_key"


class Places(FilesRead):
    """The part of a store that finds files by where they are."""

    def clash(
        self,
        drive_id: str,
        parent_file_id: str,
        name: str,
        kind: str,
        *,
        settings: Settings,
        but: str | None = None,
    ) -> FileRow | None:
        """What has the name in the folder already, as far as that counts as a clash.

        Args:
            drive_id: the drive.
            parent_file_id: the folder; ``root`` for the top.
            name: the name that is wanted.
            kind: ``file`` or ``folder``.
            settings: say whether a file and a folder clash, and names in other case.
            but: the id of the file that wants the name; it does not clash with itself.
        """
        is_folded = settings.name_case == "insensitive"
        look = self._with_folded_name if is_folded else self._with_name
        until = self._seen_until(settings.name_lag_s)
        found = look(self._number(drive_id), parent_file_id, name, until)
        for file_id, its_kind in found:
            if file_id != but and (settings.name_clash == "any-type" or its_kind == kind):
                return self._row(drive_id, file_id)
        return None

    def _seen_until(self, lag_s: float) -> int:
        """The newest time of creation, in epoch milliseconds, that is known of."""
        return int((self._clock.time() - lag_s) * 1000) if lag_s else LONG_MAX

    def _with_name(
        self, drive: int | None, parent: str, name: str, until: int
    ) -> list[tuple[str, str]]:
        return self._read(
            "SELECT file_id, type FROM file INDEXED BY file_by_name "
            "WHERE shelf = ? AND name = ? AND parent = ? AND created_at <= ? ORDER BY id",
            (drive, name, parent, until),
        )

    def _with_folded_name(
        self, drive: int | None, parent: str, name: str, until: int
    ) -> list[tuple[str, str]]:
        rows = self._read(
            "SELECT file_id, type, name FROM file INDEXED BY file_children "
            "WHERE drive = ? AND parent = ? AND shelf = ? AND created_at <= ? ORDER BY id",
            (drive, parent, drive, until),
        )
        folded = name.casefold()
        return [(file_id, kind) for file_id, kind, its in rows if its.casefold() == folded]

    def file_by_path(self, drive_id: str, names: Sequence[str]) -> FileRow | None:
        """The file or folder at the end of a path; of several with a name, the oldest."""
        number = self._number(drive_id)
        file_id = ROOT
        for depth, name in enumerate(names, 1):
            found = self._with_name(number, file_id, name, LONG_MAX)
            if depth < len(names):
                found = [one for one in found if one[1] == "folder"]
            if not found:
                return None
            file_id = found[0][0]
        return self._row(drive_id, file_id)

    def set_index_key(self, drive_id: str, file_id: str, key: str) -> None:
        """Put the file under a key of the caller's; an empty one takes it away."""
        record = f"{drive_id}/{file_id}"
        if key:
            self.put_record(_INDEX, record, {"file_id": file_id}, parent=f"{drive_id}/{key}")
        else:
            self.delete_record(_INDEX, record)

    def list_indexed(
        self,
        drive_id: str,
        key: str,
        *,
        order_by: Sequence[OrderTerm],
        limit: int,
        after: Position | None = None,
    ) -> Page:
        """The files that were put under a key, but for those that cannot be found now."""
        number = self._number(drive_id)
        if number is None:
            return Page([], None)
        kept = self.records(_INDEX, parent=f"{drive_id}/{key}")
        with self._reading() as reader:
            return reader.page(
                {drive_id: Shelf(FILES, number, number)},
                None,
                order_by,
                limit=limit,
                position=after,
                among=[one.data["file_id"] for one in kept],
            )

    def list_bin(
        self,
        drive_ids: Sequence[str],
        query: Query | None,
        order_by: Sequence[OrderTerm],
        *,
        limit: int,
        after: Position | None = None,
        recursive: bool = False,
        lagged: bool = False,
    ) -> Page:
        """What was put into the recycle bins of some drives; see ``search`` for the arguments.

        Args:
            lagged: as search knows of it while an index delay is set.
        """
        shelves = self._bins(drive_ids, lagged=lagged)
        with self._reading() as reader:
            return reader.page(
                shelves,
                IN_BIN if query is None else IN_BIN & query,
                order_by,
                limit=limit,
                position=after,
                recursive=recursive,
            )

    def count_bin(
        self,
        drive_ids: Sequence[str],
        query: Query | None,
        *,
        recursive: bool = False,
        lagged: bool = False,
    ) -> int:
        """How many files and folders ``list_bin`` gives on all its pages."""
        shelves = self._bins(drive_ids, lagged=lagged)
        with self._reading() as reader:
            return reader.count(
                shelves, IN_BIN if query is None else IN_BIN & query, recursive=recursive
            )

    def drives_open_to(self, user_id: str) -> list[str]:
        """The drives that a user owns or was let into as a whole, the oldest first."""
        drives = self._read("SELECT drive_id FROM drive ORDER BY id", ())
        return [drive_id for (drive_id,) in drives if self.may_access(user_id, drive_id)]

    def _bins(self, drive_ids: Sequence[str], *, lagged: bool) -> dict[str, Shelf]:
        table = LAGGED if lagged and self.lagging else FILES
        numbers = {drive_id: self._number(drive_id) for drive_id in drive_ids}
        return {
            drive_id: Shelf(table, number, -number)
            for drive_id, number in numbers.items()
            if number is not None
        }
