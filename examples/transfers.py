"""Move contents: an upload that is stopped and goes on, a download, a stream, a tree both ways.

Run it as it is: it starts an emulator in place of a domain and works in a temporary directory.
"""

from __future__ import annotations

import asyncio
import filecmp
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from pdsclient import AsyncPDSClient
from pdsclient.emulator import Emulator
from pdsclient.models import File
from pdsclient.transfer import TransferProgress


async def upload_half(client: AsyncPDSClient, drive_id: str, video: Path) -> None:
    """Begin to upload, and stop when eight parts have arrived."""
    transfer = client.upload(
        video,
        drive_id=drive_id,
        part_size=1 << 20,
        bandwidth=40e6,  # so that there is a middle to stop in
        checkpoint=video.with_suffix(".ckpt"),
    )

    @transfer.on("progress")
    def stop(progress: TransferProgress) -> None:
        if progress.parts_done >= 8:
            transfer.cancel()

    with suppress(asyncio.CancelledError):
        await transfer
    print("first run: ", transfer.progress)


async def upload_rest(client: AsyncPDSClient, drive_id: str, video: Path) -> File:
    """The same call again goes on where the first one was."""
    transfer = client.upload(
        video,
        drive_id=drive_id,
        part_size=1 << 20,
        checkpoint=video.with_suffix(".ckpt"),
    )
    file = await transfer
    print("second run:", transfer.progress)
    return file


async def read_back(client: AsyncPDSClient, file: File, folder: Path) -> Path:
    """Download it, and read a few bytes from the middle of it without downloading the rest."""
    path = await client.download(file, folder)
    async with client.open(file, start=1_000_000, stop=1_000_016) as stream:
        few = await stream.read()
    assert path.read_bytes()[1_000_000:1_000_016] == few
    print("downloaded:", path.name, "and, from its middle,", few.hex(" "))
    return path


async def mirror(client: AsyncPDSClient, drive_id: str, photos: Path, back: Path) -> None:
    """A tree up, once more after a change, and down again."""
    folder = await client.create_folders("photos", drive_id=drive_id)
    print("tree up:   ", await client.upload_tree(photos, drive_id=drive_id, parent_file_id=folder))

    (photos / "2025" / "photo-3.jpg").write_bytes(os.urandom(9_999))
    report = await client.upload_tree(photos, drive_id=drive_id, parent_file_id=folder)
    print("once more: ", *report.done)

    print("tree down: ", await client.download_tree(folder, back, drive_id=drive_id))


def compare(one: Path, other: Path) -> None:
    """Byte by byte."""
    names = [path.relative_to(one) for path in one.rglob("*.jpg")]
    same, different, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    print(f"{len(same)} photos are the same, {len(different) + len(missing)} are not")


def write_photos(folder: Path) -> None:
    """Some files in folders."""
    for number in range(30):
        path = folder / f"202{4 + number % 2}" / f"photo-{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(10_000 + number))


async def main(here: Path) -> None:
    """Everything above, against an emulator of its own."""
    video = here / "video.mp4"
    video.write_bytes(os.urandom(24 << 20))
    write_photos(here / "photos")
    async with Emulator() as emulator:
        drive_id = emulator.drive_id
        async with AsyncPDSClient(
            api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
        ) as client:
            await upload_half(client, drive_id, video)
            file = await upload_rest(client, drive_id, video)
            (here / "downloads").mkdir()
            await read_back(client, file, here / "downloads")
            await mirror(client, drive_id, here / "photos", here / "back")
            compare(here / "photos", here / "back")


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        asyncio.run(main(Path(directory)))
