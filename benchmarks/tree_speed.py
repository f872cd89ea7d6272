"""Ten thousand small files over a far line, up and down: as a tree, against one after the other."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import Effort, Result, at_least, server, told
from moving import DRIVE, client_of

from pdsclient import AsyncPDSClient

SPEED_BUDGET = 5
_LATENCY_S = 0.02
_SIZE = 4096
_FOLDERS = 100
# So many are moved one after the other; all of them would take a quarter of an hour.
_SAMPLE = 100


async def run(effort: Effort) -> list[Result]:
    """The tree comes back as it was sent; the emulator has the other core."""
    with tempfile.TemporaryDirectory() as name:
        source, target, sample = (Path(name, part) for part in ("source", "target", "sample"))
        _plant(source, effort.small_files)
        sample.mkdir()
        async with (
            server("emulated.py", "0", str(_LATENCY_S)) as emulated,
            client_of(emulated.greeting) as client,
        ):
            folder_id = await _folder(client)
            up = await _tree_up(client, source, folder_id) / effort.small_files
            one_up = await _one_by_one_up(client, _files(source)[:_SAMPLE])
            down = await _tree_down(client, folder_id, target) / effort.small_files
            one_down = await _one_by_one_down(client, sample)
        assert _listing(target) == _listing(source), "the tree came back as another one"
    what = f"{effort.small_files:,} files of {_SIZE // 1024} KiB at {_LATENCY_S * 1000:.0f} ms"
    how = f"(one by one: of {_SAMPLE} files)"
    return [
        told(f"{what}: files/s up", f"{1 / up:,.0f}, one by one {1 / one_up:,.0f} {how}"),
        at_least(f"{what}: up, tree / one by one", SPEED_BUDGET, one_up / up),
        told(f"{what}: files/s down", f"{1 / down:,.0f}, one by one {1 / one_down:,.0f} {how}"),
        at_least(f"{what}: down, tree / one by one", SPEED_BUDGET, one_down / down),
    ]


def _plant(top: Path, count: int) -> None:
    """Files that are all different, in folders."""
    for number in range(count):
        folder = top / f"folder {number % _FOLDERS:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.bin").write_bytes(number.to_bytes(8, "big") * (_SIZE // 8))


def _listing(top: Path) -> dict[str, int]:
    return {
        str(path.relative_to(top)): int.from_bytes(path.read_bytes()[:8]) for path in _files(top)
    }


def _files(top: Path) -> list[Path]:
    return sorted(path for path in top.rglob("*") if path.is_file())


async def _folder(client: AsyncPDSClient) -> str:
    made = await client.file.create(
        drive_id=DRIVE, parent_file_id="root", name="tree", type="folder"
    )
    return str(made.file_id)


async def _tree_up(client: AsyncPDSClient, source: Path, folder_id: str) -> float:
    started = time.perf_counter()
    report = await client.upload_tree(source, drive_id=DRIVE, parent_file_id=folder_id)
    report.raise_first()
    return time.perf_counter() - started


async def _tree_down(client: AsyncPDSClient, folder_id: str, target: Path) -> float:
    started = time.perf_counter()
    report = await client.download_tree(folder_id, target, drive_id=DRIVE)
    report.raise_first()
    return time.perf_counter() - started


async def _one_by_one_up(client: AsyncPDSClient, paths: Sequence[Path]) -> float:
    """Seconds for a file."""
    started = time.perf_counter()
    for path in paths:
        await client.upload(path, drive_id=DRIVE, parent_file_id="root", rapid_upload=False)
    return (time.perf_counter() - started) / len(paths)


async def _one_by_one_down(client: AsyncPDSClient, folder: Path) -> float:
    """Seconds for a file; of those that went up one by one."""
    page = await client.file.list(drive_id=DRIVE, parent_file_id="root", type="file", limit=_SAMPLE)
    started = time.perf_counter()
    for file in page.items:
        await client.download(file, folder, drive_id=DRIVE)
    return (time.perf_counter() - started) / len(page.items)
