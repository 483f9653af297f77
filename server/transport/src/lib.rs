//! Packets to viewers over WebRTC.
