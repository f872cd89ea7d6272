"""The options that ``pdsclient upload`` and ``pdsclient download`` share."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import typer
from attrs import frozen

__all__ = [
    "AsJson",
    "Bandwidth",
    "Concurrency",
    "DryRun",
    "Exclude",
    "Existing",
    "How",
    "Include",
    "OnExisting",
    "Quiet",
    "Resume",
]

_SPEED = re.compile(r"(\d+(?:\.\d+)?)([kmgt]?)(?:b?(?:/s)?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}


class Existing(StrEnum):
    """What ``--existing`` takes."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    UPDATE = "update"
    SKIP = "skip"
    AUTO_RENAME = "auto_rename"


def _bytes_per_s(text: str) -> float:
    match = _SPEED.fullmatch(text.strip())
    speed = float(match[1]) * _UNITS[match[2].lower()] if match else 0
    if not 1 <= speed < float("inf"):
        raise typer.BadParameter(f"{text!r} is no speed; give bytes per second such as 500k or 5M")
    return speed


OnExisting: TypeAlias = Annotated[
    Existing | None,
    typer.Option(
        "--existing",
        metavar="WHAT",
        help="When a name is taken: refuse, overwrite, update (overwrite what differs), skip or "
        "auto_rename. Default: refuse; in folders update.",
    ),
]
Include: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="In folders take only such files, as *.jpg; may be repeated."
    ),
]
Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="In folders leave such files and folders out; may be repeated."
    ),
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Only write what would be done with each file.")
]
Bandwidth: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="SPEED", parser=_bytes_per_s, help="Most bytes per second in all, as 500k or 5M."
    ),
]
Concurrency: TypeAlias = Annotated[
    int,
    typer.Option(metavar="N", min=1, max=1024, help="Most files, and most parts, at once."),
]
Resume: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on with what an earlier run left.")
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Write a JSON object for each file to standard output.")
]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Neither progress nor summary.")
]


@frozen(kw_only=True)
class How:
    """What holds for all that one command moves; fields are the options of these names."""

    existing: Existing | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    dry_run: bool
    bandwidth: float | None
    concurrency: int
    resume: bool
    as_json: bool
    quiet: bool

    def check(self) -> None:
        """Raise InvalidRequest for a pattern that is none."""
        from pdsclient.transfer.tree_filters import Filters

        Filters(self.include, self.exclude, None)

    def for_trees(self) -> dict[str, Any]:
        """The arguments of the client's methods for trees."""
        existing = self.existing or Existing.UPDATE
        # What has the same content need not be sent in any case; here only that counts.
        overwrites = existing is Existing.OVERWRITE
        return {
            "existing": (Existing.UPDATE if overwrites else existing).value,
            "compare": "checksum" if overwrites else "auto",
            "include": self.include or None,
            "exclude": self.exclude or None,
            "dry_run": self.dry_run,
        }
