"""A Pipecat pipeline with HeyGenVideoService: a voice in front of it, and a listener behind it."""

import asyncio

import aiohttp
import numpy as np
from observe import Observer, pcm, run
from pipecat.frames.frames import (
    Frame,
    OutputImageRawFrame,
    OutputTransportReadyFrame,
    SpeechOutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    UserStartedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.heygen.api_interactive_avatar import HeyGenApi, NewSessionRequest
from pipecat.services.heygen.api_liveavatar import LiveAvatarApi, LiveAvatarNewSessionRequest
from pipecat.services.heygen.client import ServiceType
from pipecat.services.heygen.video import HeyGenVideoService
from pipecat.workers.runner import WorkerRunner

RATE = 24_000
"""Rate of the voice, Hz."""

PIECE_MS = 20
"""Length of a piece of sound that the voice hands over."""


class Sink(FrameProcessor):
    """Stands where a transport to the user stands: takes the pictures and the sound."""

    def __init__(self, observer: Observer):
        super().__init__()
        self._observer = observer

    async def process_frame(self, frame: Frame, direction: FrameDirection):
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.push_frame(OutputTransportReadyFrame(), FrameDirection.UPSTREAM)
        if isinstance(frame, OutputImageRawFrame):
            width, height = frame.size
            rgb = np.frombuffer(frame.image, np.uint8).reshape(height, width, 3)
            # Rec. 601 by integers, as the pictures of the other clients.
            weights = np.array([77, 150, 29], np.uint16)
            rows = rgb[:: max(1, height // 180), :: max(1, width // 320)]
            self._observer.picture(width, height, (rows @ weights >> 8).astype(np.uint8))
        elif isinstance(frame, SpeechOutputAudioRawFrame):
            self._observer.sound(np.frombuffer(frame.audio, np.int16), frame.sample_rate)
        else:
            await self.push_frame(frame, direction)


async def say(worker: PipelineWorker, sound: np.ndarray) -> None:
    """Hands sound over as a voice does: in pieces, faster than real time."""
    size = RATE * PIECE_MS // 1_000
    pieces = [
        TTSAudioRawFrame(audio=sound[at : at + size].tobytes(), sample_rate=RATE, num_channels=1)
        for at in range(0, len(sound) - size + 1, size)
    ]
    await worker.queue_frames([TTSStartedFrame(), *pieces])


async def main(given: dict) -> None:
    LiveAvatarApi.BASE_URL = HeyGenApi.BASE_URL = f"{given['server']}/v1"
    service_type = ServiceType[given["type"]]
    request = (
        LiveAvatarNewSessionRequest(avatar_id="leo")
        if service_type is ServiceType.LIVE_AVATAR
        else NewSessionRequest(avatar_id="leo", quality="medium", version="v2")
    )
    observer = Observer()
    async with aiohttp.ClientSession() as session:
        service = HeyGenVideoService(
            api_key=given["key"], session=session, service_type=service_type, session_request=request
        )
        worker = PipelineWorker(Pipeline([service, Sink(observer)]))
        runner = WorkerRunner(handle_sigint=False)
        running = asyncio.create_task(runner.run(worker))
        try:
            await observer.pictures(50)
            observer.note("first")
            await say(worker, pcm(given["first"]))
            await observer.pictures(25 * 6)
            observer.note("second")
            await say(worker, pcm(given["second"]))
            await observer.pictures(75)
            observer.note("interrupt")
            await worker.queue_frames([UserStartedSpeakingFrame()])
            await observer.pictures(50)
            observer.note("end")
        finally:
            await runner.cancel()
            await running
    observer.report()


run(main)
