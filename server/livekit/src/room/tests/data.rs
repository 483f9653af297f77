//! Data between participants.

use super::*;

#[test]
fn data_is_signed_numbered_and_sent_to_whom_it_is_for() {
    let mut world = world(true);
    let (_, anna) = world.guest("anna");
    let (_, bob) = world.guest("bob");
    let (_, eve) = world.guest("eve");
    world.media.clear();
    world.events();
    world
        .room
        .packet(world.now, anna, false, &packet(user("all"), &[], 1));
    world
        .room
        .packet(world.now, anna, false, &packet(user("bob"), &["bob"], 2));
    world
        .room
        .packet(world.now, anna, true, &packet(user("lossy"), &["bob"], 0));
    world.room.packet(
        world.now,
        anna,
        false,
        &packet(user("avatar"), &["heygen"], 3),
    );
    world
        .room
        .packet(world.now, anna, false, &packet(user("again"), &[], 2));
    world
        .room
        .send("heygen", Some("s"), Bytes::from_static(b"hi"), &[]);
    world.settle();
    let media = world.media.clone();
    let to_bob = world.data(bob);
    let texts: Vec<_> = to_bob
        .iter()
        .map(|p| match p.value.as_ref().unwrap() {
            Value::User(user) => user.payload.clone(),
            _ => panic!(),
        })
        .collect();
    assert_eq!(texts, ["all", "bob", "lossy", "hi"]);
    assert_eq!(
        to_bob.iter().map(|p| p.sequence).collect::<Vec<_>>(),
        [1, 2, 0, 1]
    );
    assert!(to_bob[..3].iter().all(|p| p.participant_identity == "anna"));
    assert!(to_bob.iter().all(|p| p.participant_sid != "PA_forged"));
    assert_eq!(to_bob[3].participant_identity, "heygen");
    world.media = media;
    assert_eq!(world.data(eve).len(), 2);
    let heard: Vec<_> = world
        .events()
        .into_iter()
        .map(|e| match e {
            Event::Data { from, payload, .. } => (from, payload),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        heard,
        [
            ("anna".to_owned(), Bytes::from("all")),
            ("anna".to_owned(), Bytes::from("avatar"))
        ]
    );
}

#[test]
fn data_waits_for_the_channel_and_is_bounded() {
    let mut world = world(true);
    let conn = world.join("anna");
    let peer = peer_of(&world.answer(&[]));
    for _ in 0..300 {
        world
            .room
            .send("heygen", None, Bytes::from_static(b"x"), &[]);
    }
    assert!(world.data(peer).is_empty());
    world.room.channel_open(peer, "_reliable");
    let sequences: Vec<u32> = world.data(peer).iter().map(|p| p.sequence).collect();
    assert_eq!(sequences, (45..=300).collect::<Vec<_>>());
    world.said(conn);
}

#[test]
fn calls_to_a_resident_are_answered() {
    let mut world = world(true);
    let (_, peer) = world.guest("anna");
    let request = RpcRequest {
        id: "1".to_owned(),
        method: "dance".to_owned(),
        version: 1,
        ..RpcRequest::default()
    };
    world.room.packet(
        world.now,
        peer,
        false,
        &packet(Value::RpcRequest(request), &["heygen"], 1),
    );
    let sent = world.data(peer);
    assert!(matches!(&sent[0].value, Some(Value::RpcAck(ack)) if ack.request_id == "1"));
    assert!(matches!(&sent[1].value, Some(Value::RpcResponse(r))
        if matches!(&r.value, Some(crate::proto::RpcResult::Error(e)) if e.code == 1400)));
    world.room.caption(world.now, "heygen", "s1", "Hello", true);
    let sent = world.data(peer);
    assert!(
        matches!(&sent[0].value, Some(Value::Transcription(t)) if t.segments[0].text == "Hello" && t.segments[0].r#final)
    );
    assert!(
        matches!(&sent[1].value, Some(Value::StreamHeader(h)) if h.topic == "lk.transcription")
    );
}
