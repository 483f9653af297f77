"""An agent of the LiveKit framework with an avatar plugin of some vendor, unmodified.

The agent is in a room of its customer, and has the plugin bring an avatar into it; then it says
something, and says something more that is cut. What the avatar shows and sounds like meanwhile is
watched by a person in that very room.
"""

import asyncio
import importlib
import logging
from types import SimpleNamespace

import numpy as np
from livekit import api, rtc
from livekit.agents import Agent, AgentSession, utils
from observe import Observer, pcm, run

RATE = 24_000
"""Rate of the voice, Hz."""

FRAME_MS = 20
"""Length of a piece of sound that the voice hands over."""


def avatar_of(plugin: str, given: dict):
    """The plugin's avatar session, pointed to this server by its own argument."""
    module = importlib.import_module(f"livekit.plugins.{plugin}")
    server, key = given["server"], given["key"]
    make = {
        "liveavatar": lambda: module.AvatarSession(
            api_url=f"{server}/v1/sessions", api_key=key, avatar_id="leo"
        ),
        "bey": lambda: module.AvatarSession(api_url=server, api_key=key, avatar_id="leo"),
        "simli": lambda: module.AvatarSession(
            api_url=server, simli_config=module.SimliConfig(api_key=key, face_id="leo")
        ),
        "anam": lambda: module.AvatarSession(
            api_url=server,
            api_key=key,
            persona_config=module.PersonaConfig(name="Leo", avatarId="leo"),
        ),
        "did": lambda: module.AvatarSession(api_url=server, api_key=key, agent_id="leo"),
        "tavus": lambda: module.AvatarSession(
            api_url=f"{server}/shims/tavus", api_key=key, face_id="leo", pal_id="leo"
        ),
        "keyframe": lambda: module.AvatarSession(api_url=server, api_key=key, persona_id="leo"),
        "lemonslice": lambda: module.AvatarSession(
            api_url=f"{server}/shims/lemonslice", api_key=key, agent_id="leo"
        ),
    }
    return module, make[plugin]()


def token(given: dict, identity: str, kind: str = "standard") -> str:
    return (
        api.AccessToken(given["livekit"]["key"], given["livekit"]["secret"])
        .with_identity(identity)
        .with_kind(kind)
        .with_grants(api.VideoGrants(room_join=True, room=given["room"], agent=kind == "agent"))
        .to_jwt()
    )


def in_job(module, room: rtc.Room) -> None:
    """Plugins ask the job of a worker who the agent is; here is no worker, so this answers."""
    job = SimpleNamespace(
        local_participant_identity=room.local_participant.identity,
        token_claims=lambda: SimpleNamespace(identity=room.local_participant.identity),
        room=room,
        # Not known to it; the room is asked then.
        job=SimpleNamespace(room=SimpleNamespace(sid="")),
    )
    avatar = importlib.import_module(f"{module.__name__}.avatar")
    avatar.get_job_context = lambda *_args, **_more: job


async def frames(sound: np.ndarray):
    """Sound as a voice hands it over: in pieces, faster than real time."""
    size = RATE * FRAME_MS // 1_000
    for at in range(0, len(sound) - size + 1, size):
        piece = sound[at : at + size]
        yield rtc.AudioFrame(piece.tobytes(), RATE, 1, size)


async def main(given: dict) -> None:
    logging.basicConfig(level=logging.INFO)
    observer = Observer()
    agent, viewer = rtc.Room(), rtc.Room()
    async with utils.http_context.open():
        # It talks and does not watch, as agents without a camera task do.
        alone = rtc.RoomOptions(auto_subscribe=False)
        await agent.connect(given["url"], token(given, "agent", "agent"), alone)
        session = AgentSession()
        module, avatar = avatar_of(given["plugin"], given)
        in_job(module, agent)
        observer.follow(viewer, avatar.avatar_identity)
        try:
            await viewer.connect(given["url"], token(given, "person"))
            await start(session, avatar, agent, given)
            observer.note("avatar joined", tracks=tracks_of(agent, avatar.avatar_identity))
            await speak(observer, session, given)
        finally:
            await session.aclose()
            await avatar.aclose()
            await viewer.disconnect()
            await agent.disconnect()
    observer.report()


async def start(session: AgentSession, avatar, room: rtc.Room, given: dict) -> None:
    await avatar.start(
        session,
        room,
        livekit_url=given["url"],
        livekit_api_key=given["livekit"]["key"],
        livekit_api_secret=given["livekit"]["secret"],
    )
    await session.start(Agent(instructions="Say what you are told."))
    await avatar.wait_for_join(timeout=20)


def tracks_of(room: rtc.Room, identity: str) -> list[str]:
    """The kinds of tracks that a participant publishes."""
    publications = room.remote_participants[identity].track_publications.values()
    return sorted(rtc.TrackKind.Name(each.kind) for each in publications)


async def speak(observer: Observer, session: AgentSession, given: dict) -> None:
    output = session.output.audio
    output.on("playback_started", lambda _event: observer.note("started"))
    output.on(
        "playback_finished",
        lambda event: observer.note(
            "interrupted" if event.interrupted else "finished", position=event.playback_position
        ),
    )
    await observer.until("subscribed video")
    await observer.until("subscribed audio")
    await observer.pictures(25)

    observer.note("first")
    handle = session.say("The first.", audio=frames(pcm(given["first"])))
    await asyncio.wait_for(handle.wait_for_playout(), 20)
    await observer.pictures(25)
    observer.note("second")
    handle = session.say("The second.", audio=frames(pcm(given["second"])))
    await observer.until("started", 2)
    await observer.pictures(40)
    observer.note("interrupt")
    await session.interrupt()
    await asyncio.wait_for(handle.wait_for_playout(), 20)
    await observer.pictures(40)
    observer.note("end")


run(main)
