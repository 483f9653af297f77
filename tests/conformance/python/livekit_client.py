"""A viewer and a user with the Python SDK of LiveKit: sees, hears, speaks, sends and is answered."""

import asyncio

import numpy as np
from livekit import rtc
from observe import Observer, run

MIC_RATE = 48_000
TONE_HZ = 440


async def microphone(room: rtc.Room) -> None:
    """Publishes a tone as the user's microphone for a second."""
    source = rtc.AudioSource(MIC_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    size = MIC_RATE // 100
    for index in range(100):
        phase = 2 * np.pi * TONE_HZ * (np.arange(size) + index * size) / MIC_RATE
        tone = (np.sin(phase) * 8_000).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(tone.tobytes(), MIC_RATE, 1, size))


async def main(given: dict) -> None:
    observer = Observer()
    room = rtc.Room()
    observer.follow(room)

    @room.on("data_received")
    def data(packet) -> None:
        observer.note("data", topic=packet.topic, text=packet.data.decode())

    @room.on("disconnected")
    def disconnected(reason) -> None:
        observer.note("disconnected", reason=int(reason))

    options = rtc.RoomOptions(single_peer_connection=given["single"])
    await room.connect(given["url"], given["token"], options)
    observer.note("joined")
    others = [
        {"identity": each.identity, "kind": int(each.kind)} for each in room.remote_participants.values()
    ]
    await observer.until("subscribed video")
    await observer.until("subscribed audio")
    await observer.pictures(25)
    print("ready", flush=True)
    await microphone(room)
    observer.note("spoken")
    await room.local_participant.publish_data(b"hello", reliable=True, topic="greeting")
    await observer.pictures(given["pictures"])
    await room.disconnect()
    await asyncio.sleep(0)
    observer.report(name=room.name, others=others)


run(main)
