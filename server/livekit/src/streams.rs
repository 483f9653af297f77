//! Text and byte streams over data packets: a header, chunks, a trailer.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::proto::{StreamChunk, StreamHeader, StreamKind, StreamTrailer, TextHeader, Value};

/// Content of one chunk that is sent, bytes, as LiveKit's clients cut it.
const CHUNK: usize = 15_000;

/// Streams that one sender may have open.
const MOST_OPEN: usize = 16;

/// Longest text that is put together, bytes.
pub const MAX_TEXT: usize = 256 * 1024;

/// Something about a stream of another participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A whole text.
    Text {
        from: String,
        topic: String,
        text: String,
        attributes: BTreeMap<String, String>,
    },
    /// Bytes begin.
    Opened {
        from: String,
        stream: String,
        topic: String,
        attributes: BTreeMap<String, String>,
    },
    /// Bytes go on.
    Chunk {
        from: String,
        stream: String,
        content: Bytes,
    },
    /// Bytes end; `whole` unless something was lost or the sender gave up.
    Closed {
        from: String,
        stream: String,
        whole: bool,
    },
}

#[derive(Debug)]
struct Open {
    topic: String,
    attributes: BTreeMap<String, String>,
    next: u64,
    /// The text so far; none of byte streams, which are passed on at once.
    text: Option<Vec<u8>>,
}

/// The streams that come in. Chunks of streams that are unknown or over are
/// passed over.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<(String, String), Open>,
    out: VecDeque<Output>,
}

impl Streams {
    pub(crate) fn header(&mut self, from: &str, header: StreamHeader) {
        let key = (from.to_owned(), header.stream_id);
        let of_sender = self.open.keys().filter(|(sender, _)| sender == from);
        if self.open.contains_key(&key) || of_sender.count() >= MOST_OPEN {
            return;
        }
        let attributes: BTreeMap<_, _> = header.attributes.into_iter().collect();
        let text = match header.content_header {
            Some(StreamKind::Text(_)) => Some(Vec::new()),
            Some(StreamKind::Bytes(_)) => {
                self.out.push_back(Output::Opened {
                    from: key.0.clone(),
                    stream: key.1.clone(),
                    topic: header.topic.clone(),
                    attributes: attributes.clone(),
                });
                None
            }
            None => return,
        };
        self.open.insert(
            key,
            Open {
                topic: header.topic,
                attributes,
                next: 0,
                text,
            },
        );
    }

    pub(crate) fn chunk(&mut self, from: &str, chunk: StreamChunk) {
        let key = (from.to_owned(), chunk.stream_id);
        let Some(open) = self.open.get_mut(&key) else {
            return;
        };
        if chunk.chunk_index < open.next {
            return;
        }
        let gap = chunk.chunk_index > open.next;
        open.next += 1;
        let full = match &mut open.text {
            Some(text) => {
                text.extend_from_slice(&chunk.content);
                text.len() > MAX_TEXT
            }
            None if gap => false,
            None => {
                self.out.push_back(Output::Chunk {
                    from: key.0.clone(),
                    stream: key.1.clone(),
                    content: chunk.content,
                });
                false
            }
        };
        if gap || full {
            self.end(key, false);
        }
    }

    pub(crate) fn trailer(&mut self, from: &str, trailer: StreamTrailer) {
        let whole = trailer.reason.is_empty();
        self.end((from.to_owned(), trailer.stream_id), whole);
    }

    /// A sender left: what it had open ends.
    pub(crate) fn gone(&mut self, identity: &str) {
        let keys: Vec<_> = self
            .open
            .keys()
            .filter(|(sender, _)| sender == identity)
            .cloned()
            .collect();
        for key in keys {
            self.end(key, false);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn end(&mut self, key: (String, String), whole: bool) {
        let Some(open) = self.open.remove(&key) else {
            return;
        };
        let (from, stream) = key;
        match open.text {
            Some(text) => {
                if whole && let Ok(text) = String::from_utf8(text) {
                    self.out.push_back(Output::Text {
                        from,
                        topic: open.topic,
                        text,
                        attributes: open.attributes,
                    });
                }
            }
            None => self.out.push_back(Output::Closed {
                from,
                stream,
                whole,
            }),
        }
    }
}

/// A whole text as packets.
pub(crate) fn text(
    stream: &str,
    topic: &str,
    text: &str,
    attributes: &BTreeMap<String, String>,
    unix_ms: i64,
) -> Vec<Value> {
    let header = StreamHeader {
        stream_id: stream.to_owned(),
        timestamp: unix_ms,
        topic: topic.to_owned(),
        mime_type: "text/plain".to_owned(),
        total_length: Some(text.len() as u64),
        attributes: attributes.clone().into_iter().collect(),
        content_header: Some(StreamKind::Text(TextHeader::default())),
    };
    let mut packets = vec![Value::StreamHeader(header)];
    let mut rest = text;
    let mut chunk_index = 0;
    while !rest.is_empty() {
        // Each chunk is text by itself.
        let (piece, left) = rest.split_at(rest.floor_char_boundary(CHUNK));
        rest = left;
        packets.push(Value::StreamChunk(StreamChunk {
            stream_id: stream.to_owned(),
            chunk_index,
            content: Bytes::copy_from_slice(piece.as_bytes()),
        }));
        chunk_index += 1;
    }
    packets.push(Value::StreamTrailer(StreamTrailer {
        stream_id: stream.to_owned(),
        reason: String::new(),
    }));
    packets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::ByteHeader;

    fn feed(streams: &mut Streams, value: Value) {
        match value {
            Value::StreamHeader(header) => streams.header("anna", header),
            Value::StreamChunk(chunk) => streams.chunk("anna", chunk),
            Value::StreamTrailer(trailer) => streams.trailer("anna", trailer),
            _ => {}
        }
    }

    fn bytes(stream: &str) -> StreamHeader {
        StreamHeader {
            stream_id: stream.to_owned(),
            topic: "lk.audio_stream".to_owned(),
            content_header: Some(StreamKind::Bytes(ByteHeader::default())),
            ..StreamHeader::default()
        }
    }

    fn chunk(stream: &str, index: u64, content: &'static [u8]) -> StreamChunk {
        StreamChunk {
            stream_id: stream.to_owned(),
            chunk_index: index,
            content: Bytes::from_static(content),
        }
    }

    proptest! {
        #[test]
        fn text_comes_out_as_it_went_in(content in "\\PC{0,200}", repeat in 1usize..200) {
            let content = content.repeat(repeat);
            let attributes = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
            let mut streams = Streams::default();
            for value in text("s", "lk.chat", &content, &attributes, 5) {
                feed(&mut streams, value);
            }
            prop_assert_eq!(streams.poll(), Some(Output::Text {
                from: "anna".to_owned(),
                topic: "lk.chat".to_owned(),
                text: content,
                attributes,
            }));
            prop_assert_eq!(streams.poll(), None);
            prop_assert!(streams.open.is_empty());
        }
    }

    #[test]
    fn bytes_are_passed_on_at_once_and_end_once() {
        let mut streams = Streams::default();
        streams.header("anna", bytes("s"));
        assert!(
            matches!(streams.poll(), Some(Output::Opened { topic, .. }) if topic == "lk.audio_stream")
        );
        streams.chunk("anna", chunk("s", 0, b"ab"));
        streams.chunk("anna", chunk("s", 0, b"ab"));
        streams.chunk("bob", chunk("s", 1, b"zz"));
        assert!(
            matches!(streams.poll(), Some(Output::Chunk { content, .. }) if &content[..] == b"ab")
        );
        assert_eq!(streams.poll(), None, "repeated or of somebody else");
        streams.chunk("anna", chunk("s", 2, b"cd"));
        assert!(
            matches!(streams.poll(), Some(Output::Closed { whole: false, .. })),
            "a gap"
        );
        streams.trailer(
            "anna",
            StreamTrailer {
                stream_id: "s".to_owned(),
                reason: String::new(),
            },
        );
        assert_eq!(streams.poll(), None);
    }

    #[test]
    fn what_is_open_is_bounded() {
        let mut streams = Streams::default();
        for n in 0..100 {
            streams.header("anna", bytes(&n.to_string()));
        }
        assert_eq!(streams.open.len(), MOST_OPEN);
        streams.header("bob", bytes("1"));
        assert_eq!(streams.open.len(), MOST_OPEN + 1);
        streams.gone("anna");
        assert_eq!(streams.open.len(), 1);
        let mut long = Streams::default();
        long.header(
            "anna",
            StreamHeader {
                stream_id: "t".to_owned(),
                content_header: Some(StreamKind::Text(TextHeader::default())),
                ..StreamHeader::default()
            },
        );
        let piece: &'static [u8] = vec![b'x'; 60_000].leak();
        for index in 0..6 {
            long.chunk("anna", chunk("t", index, piece));
        }
        assert!(long.open.is_empty() && long.poll().is_none());
    }
}
