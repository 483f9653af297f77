//! The bounded queues of data and events between a connection and the edge
//! that holds its [`crate::Link`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::error::SendError;
use crate::link::{LinkEvent, Message};
use crate::sdp::LARGEST_MESSAGE;
use crate::viewer::Reason;

/// Bytes that wait to be sent. The library holds another 128 kB; both together
/// are some seconds of a slow path, and more than any message the edges send.
const OUTGOING: usize = 1 << 20;

/// Messages that wait to be sent.
const OUTGOING_COUNT: usize = 1_024;

/// Bytes that came and were not read. An edge reads within milliseconds; a far
/// side that sends faster than it is read for this long is not worth having.
const INCOMING: usize = 4 << 20;

/// Events that came and were not read.
const INCOMING_COUNT: usize = 4_096;

/// Data and events of one connection.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    outgoing: VecDeque<(Arc<str>, Message)>,
    outgoing_bytes: usize,
    incoming: VecDeque<LinkEvent>,
    incoming_bytes: usize,
    channels: Vec<Arc<str>>,
    closed: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Queues a message. True when it is the first, so that the driver has to
    /// be told.
    pub(crate) fn send(&mut self, channel: &str, message: Message) -> Result<bool, SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        let label = self.channels.iter().find(|label| &***label == channel);
        let label = label.ok_or(SendError::NoChannel)?.clone();
        let bytes = message.len();
        if bytes > LARGEST_MESSAGE {
            return Err(SendError::TooLarge {
                bytes,
                limit: LARGEST_MESSAGE,
            });
        }
        if self.outgoing_bytes + bytes > OUTGOING || self.outgoing.len() >= OUTGOING_COUNT {
            return Err(SendError::Full);
        }
        self.outgoing_bytes += bytes;
        self.outgoing.push_back((label, message));
        Ok(self.outgoing.len() == 1)
    }

    /// The first message that waits to be sent.
    pub(crate) fn front(&self) -> Option<(Arc<str>, Message)> {
        self.outgoing.front().cloned()
    }

    /// Takes that message off.
    pub(crate) fn pop(&mut self) {
        if let Some((_, message)) = self.outgoing.pop_front() {
            self.outgoing_bytes -= message.len();
        }
    }

    /// Tells the edge of something. False when it does not read.
    pub(crate) fn tell(&mut self, event: LinkEvent) -> bool {
        if self.closed {
            return true;
        }
        match &event {
            LinkEvent::ChannelOpen { label } => self.channels.push(label.clone()),
            LinkEvent::ChannelClosed { label } => {
                if let Some(at) = self.channels.iter().position(|l| l == label) {
                    self.channels.remove(at);
                }
            }
            LinkEvent::Data { message, .. } => self.incoming_bytes += message.len(),
            LinkEvent::Connected | LinkEvent::Closed(_) => {}
        }
        self.incoming.push_back(event);
        self.wake();
        self.incoming_bytes <= INCOMING && self.incoming.len() <= INCOMING_COUNT
    }

    /// Nothing comes or goes any more; what came can still be read.
    pub(crate) fn close(&mut self, reason: Reason) {
        if !self.closed {
            self.outgoing.clear();
            self.outgoing_bytes = 0;
            self.incoming.push_back(LinkEvent::Closed(reason));
            self.closed = true;
            self.wake();
        }
    }

    /// The next event, or a wake-up when it comes.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Option<LinkEvent>> {
        if let Some(event) = self.incoming.pop_front() {
            if let LinkEvent::Data { message, .. } = &event {
                self.incoming_bytes -= message.len();
            }
            return Poll::Ready(Some(event));
        }
        if self.closed {
            return Poll::Ready(None);
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(size: usize) -> Message {
        Message::Binary(Bytes::from(vec![0; size]))
    }

    fn open() -> Mailbox {
        let mut mail = Mailbox::default();
        let label = "a".into();
        assert!(mail.tell(LinkEvent::ChannelOpen { label }));
        mail
    }

    fn next(mail: &mut Mailbox) -> Poll<Option<LinkEvent>> {
        mail.poll(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut mail = open();
        assert_eq!(mail.send("b", message(1)), Err(SendError::NoChannel));
        let large = mail.send("a", message(LARGEST_MESSAGE + 1));
        assert!(matches!(large, Err(SendError::TooLarge { .. })));
        assert_eq!(mail.send("a", message(LARGEST_MESSAGE)), Ok(true));
        for _ in 1..OUTGOING / LARGEST_MESSAGE {
            assert_eq!(mail.send("a", message(LARGEST_MESSAGE)), Ok(false));
        }
        assert_eq!(mail.send("a", message(1)), Err(SendError::Full));
        mail.pop();
        assert_eq!(mail.send("a", message(1)), Ok(false));
        let label = "a".into();
        mail.tell(LinkEvent::ChannelClosed { label });
        assert_eq!(mail.send("a", message(1)), Err(SendError::NoChannel));
        mail.close(Reason::Local);
        assert_eq!(mail.send("a", message(1)), Err(SendError::Closed));
        assert_eq!(mail.front(), None);
    }

    #[test]
    fn an_edge_that_does_not_read_is_noticed() {
        let data = |size| LinkEvent::Data {
            channel: "a".into(),
            message: message(size),
        };
        let mut mail = open();
        for _ in 0..INCOMING / LARGEST_MESSAGE {
            assert!(mail.tell(data(LARGEST_MESSAGE)));
        }
        assert!(!mail.tell(data(1)));
        let mut mail = open();
        for _ in 1..INCOMING_COUNT {
            assert!(mail.tell(data(0)));
        }
        assert!(!mail.tell(data(0)));
        assert!(next(&mut mail).is_ready() && next(&mut mail).is_ready());
        assert!(mail.tell(data(0)));
    }

    #[test]
    fn the_end_comes_after_what_came_before() {
        let mut mail = open();
        mail.close(Reason::Remote);
        mail.close(Reason::Local);
        assert!(mail.tell(LinkEvent::Connected));
        assert!(matches!(
            next(&mut mail),
            Poll::Ready(Some(LinkEvent::ChannelOpen { .. }))
        ));
        let closed = LinkEvent::Closed(Reason::Remote);
        assert_eq!(next(&mut mail), Poll::Ready(Some(closed)));
        assert_eq!(next(&mut mail), Poll::Ready(None));
    }
}
