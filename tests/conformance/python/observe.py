"""What a Python client sees, hears and is told, as one report for the test.

Times are milliseconds of one monotonic clock. Pictures are kept small and grey, sound as its
loudness: enough to tell a speaking mouth from a silent one, and one speech from another.
"""

import asyncio
import base64
import json
import sys
import time

import numpy as np
from livekit import rtc

SIDE = 64
"""Width and height of a kept picture."""

RATE = 48_000
"""Rate at which sound is listened to, Hz."""

LEVEL_MS = 10
"""Length of sound of one level."""


def now() -> float:
    return time.monotonic() * 1_000


class Observer:
    def __init__(self) -> None:
        self.frames: list[dict] = []
        self.pixels: list[bytes] = []
        self.levels: list[float] = []
        self._heard_from = float("inf")
        self.notes: list[dict] = []
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task] = set()

    def note(self, name: str, **more) -> None:
        """Notes that something happened now."""
        self.notes.append({"at": now(), "name": name, **more})
        self._wake()

    async def until(self, name: str, count: int = 1, seconds: float = 30) -> dict:
        """Waits for the `count`-th note of a name."""
        found: list[dict] = []

        def there() -> bool:
            found[:] = [note for note in self.notes if note["name"] == name]
            return len(found) >= count

        await self._wait(there, seconds, f"{name} ({count})")
        return found[count - 1]

    async def pictures(self, count: int, seconds: float = 30) -> None:
        """Waits until `count` more pictures came: media time, not that of a busy machine."""
        wanted = len(self.frames) + count
        await self._wait(lambda: len(self.frames) >= wanted, seconds, f"picture {wanted}")

    def follow(self, room: rtc.Room, identity: str | None = None) -> None:
        """Watches and listens to what a room brings, of one participant or of all."""

        @room.on("track_subscribed")
        def subscribed(track, _publication, participant) -> None:
            if identity is not None and participant.identity != identity:
                return
            self.note(f"subscribed {'video' if track.kind == rtc.TrackKind.KIND_VIDEO else 'audio'}")
            watch = self._watch if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
            self.spawn(watch(track))

    def spawn(self, work) -> asyncio.Task:
        """Runs something until the end of the report."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def picture(self, width: int, height: int, grey: np.ndarray) -> None:
        """Keeps a picture, given as rows of grey levels (all of them, or every n-th)."""
        high, wide = grey.shape
        rows = (np.arange(SIDE) * high) // SIDE
        columns = (np.arange(SIDE) * wide) // SIDE
        # The mean of four neighbours of each kept point: a single one would flicker.
        small = sum(
            grey[np.minimum(rows + dy, high - 1)][:, np.minimum(columns + dx, wide - 1)].astype(np.uint16)
            for dy in (0, 2)
            for dx in (0, 2)
        )
        self.frames.append({"at": now(), "width": width, "height": height})
        self.pixels.append((small // 4).astype(np.uint8).tobytes())
        self._wake()

    def sound(self, pcm: np.ndarray, rate: int) -> None:
        """Keeps the loudness of the next piece of mono 16-bit sound, which ends now.

        Sound is one stream without gaps, so its samples are its clock; the earliest arrival says
        when it began. Later ones are later by what this program had to wait for.
        """
        size = rate * LEVEL_MS // 1_000
        for at in range(0, len(pcm) - size + 1, size):
            part = pcm[at : at + size].astype(np.float64) / 32_768
            self.levels.append(float(np.sqrt(np.mean(part * part))))
        self._heard_from = min(self._heard_from, now() - len(self.levels) * LEVEL_MS)

    def report(self, **more) -> None:
        """Prints the report, the last line of the script's output."""
        report = {
            "side": SIDE,
            "frames": self.frames,
            "pixels": base64.b64encode(b"".join(self.pixels)).decode(),
            "levels": [
                (self._heard_from + (index + 0.5) * LEVEL_MS, level)
                for index, level in enumerate(self.levels)
            ],
            "notes": self.notes,
            **more,
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()

    async def _watch(self, track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        async for event in stream:
            frame = event.frame
            luma = np.frombuffer(frame.get_plane(0), np.uint8).reshape(frame.height, -1)
            self.picture(frame.width, frame.height, luma)

    async def _listen(self, track) -> None:
        async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
            self.sound(np.frombuffer(event.frame.data, np.int16), RATE)

    def _wake(self) -> None:
        self._changed.set()

    async def _wait(self, there, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not there():
            self._changed.clear()
            left = end - time.monotonic()
            try:
                await asyncio.wait_for(self._changed.wait(), max(left, 0.01))
            except asyncio.TimeoutError:
                names = ", ".join(note["name"] for note in self.notes)
                raise TimeoutError(f"{what} did not come; noted: {names}") from None


def pcm(encoded: str) -> np.ndarray:
    """Sound that the test hands over: base64 of mono 16-bit samples."""
    return np.frombuffer(base64.b64decode(encoded), np.int16)


def run(main) -> None:
    """Runs `main(input)` with what the test wrote to the standard input."""
    asyncio.run(main(json.load(sys.stdin)))
