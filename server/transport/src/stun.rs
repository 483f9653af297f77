//! Just enough STUN (RFC 8489) to find the viewer that a first check is for.

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
const USERNAME: u16 = 0x0006;

/// The server's part of the username in a binding request: the fragment
/// before the colon (RFC 8445 §7.2.2). `None` for anything else. The message
/// is not authenticated here.
pub(crate) fn server_ufrag(datagram: &[u8]) -> Option<&str> {
    let header = datagram.get(..HEADER)?;
    if header[..2] != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let mut rest = datagram.get(HEADER..HEADER + length)?;
    while let [t0, t1, l0, l1, value @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let content = value.get(..length)?;
        if u16::from_be_bytes([*t0, *t1]) == USERNAME {
            let name = std::str::from_utf8(content).ok()?;
            return name.split_once(':').map(|(server, _)| server);
        }
        // Attributes are padded to four bytes (RFC 8489 §14).
        rest = value.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(username: &[u8]) -> Vec<u8> {
        let mut body = vec![0x80, 0x22, 0x00, 0x03, b'a', b'b', b'c', 0];
        body.extend([0x00, 0x06, 0x00, username.len() as u8]);
        body.extend(username);
        body.resize(body.len().next_multiple_of(4), 0);
        let mut message = vec![0x00, 0x01, 0x00, body.len() as u8];
        message.extend(MAGIC_COOKIE);
        message.extend([7; 12]);
        message.extend(body);
        message
    }

    #[test]
    fn finds_the_username_behind_another_attribute() {
        assert_eq!(server_ufrag(&request(b"mine:theirs")), Some("mine"));
        assert_eq!(server_ufrag(&request(b"nocolon")), None);
        assert_eq!(server_ufrag(&request(b"\xff\xfe:x")), None);
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..60) {
            let _ = server_ufrag(&bytes);
            let whole = request(b"abcd:efgh");
            let _ = server_ufrag(&whole[..cut.min(whole.len())]);
        }
    }
}
